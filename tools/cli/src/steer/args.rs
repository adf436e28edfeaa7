//! What `gavel steer` is told, and the request that it comes to.
//!
//! Names of values are those of the configuration where it has them.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use gavel_client::{Application, Bands, KillParty, RiskLimits, RiskParty, Steer, SymbolRules};
use gavel_config::{STP_NAMES, parse_decimal};
use gavel_types::{
    Account, BandAction, KillAction, Price, Qty, SessionSlot, StpInstruction, SymbolId,
    TradingPhase,
};
use std::path::PathBuf;

/// What `gavel steer` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct SteerArgs {
    /// The node.
    #[arg(long, global = true, value_name = "HOST:PORT", default_value = "127.0.0.1:9010")]
    pub connect: String,
    /// The file of a key with the role admin, as gaveld --make-key wrote it; needed where the node
    /// has sessions.keys.
    #[arg(long, global = true, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Name of the request, which the answer repeats and the log holds.
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = 1,
          value_parser = clap::value_parser!(u64).range(1..u64::MAX))]
    pub request_id: u64,
    /// How long to wait for a session, and for the answer.
    #[arg(long, global = true, value_name = "MS", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..=600_000))]
    pub timeout_ms: u32,
    /// Print one line of JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to ask for.
    #[command(subcommand)]
    pub request: Request,
}

const AFTER_HELP: &str = "\
Sends one request in a session of its own, and prints the answer. Exit status: 0 it was done, 1 the \
node refused it (and says why), 2 there was no answer.

Prices and amounts are decimal numbers in the quote currency, quantities whole numbers of the \
symbol's smallest units. Whatever is left out of bands and risk is without a limit from then on: \
each request takes the place of the one before.

  gavel steer define-symbol --symbol 7 --tick 0.01 --price-max 10000
  gavel steer phase --symbol 7 continuous
  gavel steer bands --symbol 7 --low 90 --high 110 --dynamic 2 --action halt
  gavel steer risk --account 11 --rate-per-s 100 --rate-burst 20
  gavel steer kill --account 11 suspend";

/// One request.
#[derive(Clone, Debug, Subcommand)]
pub enum Request {
    /// Add a symbol (it is closed at first), or change one.
    DefineSymbol(DefineArgs),
    /// Move a symbol to a phase.
    Phase(PhaseArgs),
    /// Set a symbol's price bands.
    Bands(BandsArgs),
    /// Set limits of risk for an account or a session.
    Risk(RiskArgs),
    /// Throw a kill switch, or take it back.
    Kill(KillArgs),
}

/// SecurityDefinitionRequest.
#[derive(Clone, Debug, Args)]
pub struct DefineArgs {
    /// The symbol's number.
    #[arg(long, value_name = "ID", value_parser = symbol)]
    symbol: SymbolId,
    /// Smallest price step.
    #[arg(long, value_name = "PRICE", value_parser = price)]
    tick: Price,
    /// Lowest price accepted; one tick if left out.
    #[arg(long, value_name = "PRICE", value_parser = price)]
    price_min: Option<Price>,
    /// Highest price accepted.
    #[arg(long, value_name = "PRICE", value_parser = price)]
    price_max: Price,
    /// Smallest quantity step.
    #[arg(long, value_name = "QTY", default_value_t = 1)]
    lot: u64,
    /// Largest quantity of one order.
    #[arg(long, value_name = "QTY", default_value_t = 1_000_000_000)]
    qty_max: u64,
    /// A quantity of 1 is 10^-SCALE units of the instrument.
    #[arg(long, value_name = "SCALE", default_value_t = 0)]
    qty_scale: u8,
    /// What happens where an order would trade with one of its owner's, if it does not say.
    #[arg(long, value_name = "NAME", default_value = "allow", value_parser = stp_parser())]
    stp: StpInstruction,
    /// How far from the other side's best price a market order trades; 0 for any distance.
    #[arg(long, value_name = "PRICE", default_value = "0", value_parser = price)]
    protection: Price,
}

/// SecurityStatusRequest.
#[derive(Clone, Debug, Args)]
pub struct PhaseArgs {
    /// The symbol's number.
    #[arg(long, value_name = "ID", value_parser = symbol)]
    symbol: SymbolId,
    /// The phase.
    phase: Phase,
    /// Reference price; as it was if left out.
    #[arg(long, value_name = "PRICE", value_parser = price)]
    reference: Option<Price>,
}

/// PriceBandsRequest.
#[derive(Clone, Debug, Args)]
pub struct BandsArgs {
    /// The symbol's number.
    #[arg(long, value_name = "ID", value_parser = symbol)]
    symbol: SymbolId,
    /// No limit price below.
    #[arg(long, value_name = "PRICE", value_parser = price)]
    low: Option<Price>,
    /// No limit price above.
    #[arg(long, value_name = "PRICE", value_parser = price)]
    high: Option<Price>,
    /// No trade further from the last one.
    #[arg(long, value_name = "PRICE", value_parser = price)]
    dynamic: Option<Price>,
    /// What happens at either: it is refused, or trading halts as well.
    #[arg(long, default_value = "reject")]
    action: AtBand,
}

/// Whom limits are for: one of them.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
struct RiskWhose {
    /// For an account.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    account: Option<u32>,
    /// For a session, by its number in the log.
    #[arg(long, value_name = "SLOT")]
    session: Option<u32>,
}

/// PartyRiskLimitsRequest.
#[derive(Clone, Debug, Args)]
pub struct RiskArgs {
    #[command(flatten)]
    whose: RiskWhose,
    /// Largest quantity of one order.
    #[arg(long, value_name = "QTY", default_value_t = 0)]
    qty_max: u64,
    /// Largest price times quantity of one order.
    #[arg(long, value_name = "AMOUNT", default_value = "0", value_parser = price)]
    notional_max: Price,
    /// Largest position in one symbol, if everything live traded (accounts only).
    #[arg(long, value_name = "QTY", default_value_t = 0)]
    position_max: u64,
    /// Furthest price from the last trade.
    #[arg(long, value_name = "PRICE", default_value = "0", value_parser = price)]
    collar: Price,
    /// Most live orders.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    orders_max: u32,
    /// Orders and replaces a second; wants --rate-burst.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    rate_per_s: u32,
    /// Orders and replaces at once.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    rate_burst: u32,
    /// The same order again within so many milliseconds is refused.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    duplicate_ms: u32,
}

/// Whom a kill switch is for: one of them.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
struct KillWhose {
    /// For everybody.
    #[arg(long)]
    venue: bool,
    /// For an account.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    account: Option<u32>,
    /// For a session, by its number in the log.
    #[arg(long, value_name = "SLOT")]
    session: Option<u32>,
    /// For a symbol.
    #[arg(long, value_name = "ID", value_parser = symbol)]
    symbol: Option<SymbolId>,
}

/// PartyActionRequest.
#[derive(Clone, Debug, Args)]
pub struct KillArgs {
    #[command(flatten)]
    whose: KillWhose,
    /// What it does.
    action: Switch,
}

/// A phase's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Phase {
    /// Orders are collected.
    PreOpen,
    /// Orders are collected for the opening's uncross.
    OpeningAuction,
    /// Continuous trading.
    Continuous,
    /// Orders are collected for the closing's uncross.
    ClosingAuction,
    /// Orders may only end.
    Halt,
    /// Orders may only end; day orders have ended.
    Closed,
}

/// What happens at a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AtBand {
    /// What would leave it is refused, or cancelled if it is under way.
    Reject,
    /// That, and the symbol's trading halts.
    Halt,
}

/// What a kill switch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// New orders are refused, and all live ones are cancelled.
    Suspend,
    /// New orders are refused.
    HaltTrading,
    /// The switch is taken back.
    Reinstate,
}

fn price(text: &str) -> Result<Price, String> {
    parse_decimal(text).ok_or_else(|| "write a decimal number of at most nine decimals".into())
}

fn symbol(text: &str) -> Result<SymbolId, String> {
    let number = text.parse().ok().filter(|number| *number != u32::MAX);
    number.map(SymbolId).ok_or_else(|| "write the number that the symbol has".into())
}

fn stp_parser() -> impl TypedValueParser<Value = StpInstruction> {
    PossibleValuesParser::new(STP_NAMES.map(|(name, _)| name)).map(|chosen| {
        let found = STP_NAMES.iter().find(|(name, _)| *name == chosen);
        found.expect("clap accepts the names that it was given").1
    })
}

impl Request {
    /// The message.
    #[must_use]
    pub fn message(&self, request_id: u64) -> Application {
        let steer = Steer(request_id);
        match self {
            Self::DefineSymbol(args) => steer.define_symbol(args.symbol, &args.rules()),
            Self::Phase(args) => steer.phase(args.symbol, args.phase.into(), args.reference),
            Self::Bands(args) => {
                let bands = Bands {
                    low: args.low.unwrap_or(Bands::NONE.low),
                    high: args.high.unwrap_or(Bands::NONE.high),
                    dynamic: args.dynamic.unwrap_or(Bands::NONE.dynamic),
                    action: match args.action {
                        AtBand::Reject => BandAction::Reject,
                        AtBand::Halt => BandAction::Halt,
                    },
                };
                steer.bands(args.symbol, &bands)
            }
            Self::Risk(args) => steer.risk(args.whose.party(), &args.limits()),
            Self::Kill(args) => {
                let action = match args.action {
                    Switch::Suspend => KillAction::Suspend,
                    Switch::HaltTrading => KillAction::HaltTrading,
                    Switch::Reinstate => KillAction::Reinstate,
                };
                steer.kill(args.whose.party(), action)
            }
        }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::DefineSymbol(_) => "define-symbol",
            Self::Phase(_) => "phase",
            Self::Bands(_) => "bands",
            Self::Risk(_) => "risk",
            Self::Kill(_) => "kill",
        }
    }
}

impl DefineArgs {
    fn rules(&self) -> SymbolRules {
        SymbolRules {
            tick: self.tick,
            price_min: self.price_min.unwrap_or(self.tick),
            price_max: self.price_max,
            lot: Qty(self.lot),
            qty_max: Qty(self.qty_max),
            qty_scale: self.qty_scale,
            protection: self.protection,
            stp: self.stp,
        }
    }
}

impl RiskWhose {
    fn party(&self) -> RiskParty {
        match (self.account, self.session) {
            (Some(account), _) => RiskParty::Account(Account(account)),
            (None, slot) => RiskParty::Session(SessionSlot(slot.expect("clap wants one of them"))),
        }
    }
}

impl RiskArgs {
    fn limits(&self) -> RiskLimits {
        RiskLimits {
            qty_max: Qty(self.qty_max),
            notional_max: self.notional_max.0 as u64,
            position_max: Qty(self.position_max),
            collar: self.collar,
            orders_max: self.orders_max,
            rate_per_s: self.rate_per_s,
            rate_burst: self.rate_burst,
            duplicate_ms: self.duplicate_ms,
        }
    }
}

impl KillWhose {
    fn party(&self) -> KillParty {
        match (self.account, self.session, self.symbol) {
            (Some(account), ..) => KillParty::Account(Account(account)),
            (_, Some(slot), _) => KillParty::Session(SessionSlot(slot)),
            (.., Some(symbol)) => KillParty::Symbol(symbol),
            (None, None, None) => {
                assert!(self.venue, "clap wants one of them");
                KillParty::Venue
            }
        }
    }
}

impl From<Phase> for TradingPhase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::PreOpen => Self::PreOpen,
            Phase::OpeningAuction => Self::OpeningAuction,
            Phase::Continuous => Self::Continuous,
            Phase::ClosingAuction => Self::ClosingAuction,
            Phase::Halt => Self::Halt,
            Phase::Closed => Self::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        steer: SteerArgs,
    }

    fn parsed(line: &str) -> Result<Application, String> {
        let words = std::iter::once("steer").chain(line.split(' '));
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        Ok(line.steer.request.message(line.steer.request_id))
    }

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn every_request_says_what_was_written() {
        let one = 1_000_000_000;
        let rules = SymbolRules {
            tick: Price(one / 100),
            price_min: Price(one / 100),
            price_max: Price(10_000 * one),
            lot: Qty(5),
            qty_max: Qty(1_000_000_000),
            qty_scale: 8,
            protection: Price(0),
            stp: StpInstruction::CancelBoth,
        };
        let limits = RiskLimits {
            qty_max: Qty(1),
            notional_max: 2_500_000_000,
            position_max: Qty(3),
            collar: Price(4 * one),
            orders_max: 5,
            rate_per_s: 6,
            rate_burst: 7,
            duplicate_ms: 8,
        };
        let bands = Bands { low: Price(90 * one), ..Bands::NONE };
        let halting = Bands {
            low: Price(0),
            high: Price(110 * one),
            dynamic: Price(2 * one),
            action: BandAction::Halt,
        };
        let symbol = SymbolId(7);
        for (line, expected) in [
            (
                "define-symbol --symbol 7 --tick 0.01 --price-max 10000 --lot 5 --qty-scale 8 \
                 --stp cancel-both",
                Steer(1).define_symbol(symbol, &rules),
            ),
            (
                "phase --symbol 7 continuous --request-id 9",
                Steer(9).phase(symbol, TradingPhase::Continuous, None),
            ),
            (
                "phase --symbol 7 closing-auction --reference 1.5",
                Steer(1).phase(symbol, TradingPhase::ClosingAuction, Some(Price(one * 3 / 2))),
            ),
            ("bands --symbol 7 --low 90", Steer(1).bands(symbol, &bands)),
            (
                "bands --symbol 7 --high 110 --dynamic 2 --action halt",
                Steer(1).bands(symbol, &halting),
            ),
            (
                "risk --account 11 --qty-max 1 --notional-max 2.5 --position-max 3 --collar 4 \
                 --orders-max 5 --rate-per-s 6 --rate-burst 7 --duplicate-ms 8",
                Steer(1).risk(RiskParty::Account(Account(11)), &limits),
            ),
            (
                "risk --session 0",
                Steer(1).risk(RiskParty::Session(SessionSlot(0)), &RiskLimits::default()),
            ),
        ] {
            assert_eq!(parsed(line).as_ref(), Ok(&expected), "{line}");
        }
    }

    #[test]
    fn every_kill_switch_is_for_whom_was_written() {
        let kill = |party, action| Steer(1).kill(party, action);
        let symbol = SymbolId(7);
        for (line, expected) in [
            ("kill --venue suspend", kill(KillParty::Venue, KillAction::Suspend)),
            (
                "kill --account 11 reinstate",
                kill(KillParty::Account(Account(11)), KillAction::Reinstate),
            ),
            (
                "kill --session 2 halt-trading",
                kill(KillParty::Session(SessionSlot(2)), KillAction::HaltTrading),
            ),
            ("kill --symbol 7 suspend", kill(KillParty::Symbol(symbol), KillAction::Suspend)),
        ] {
            assert_eq!(parsed(line).as_ref(), Ok(&expected), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_asked_for_is_said() {
        for (line, part) in [
            ("kill suspend", "required"),
            ("kill --venue --account 1 suspend", "cannot be used with"),
            ("kill --account 0 suspend", "0 is not in"),
            ("risk --qty-max 1", "required"),
            ("risk --account 1 --collar 1e3", "decimal number"),
            ("phase --symbol 7 open", "pre-open"),
            ("define-symbol --symbol 7 --tick 0.01 --price-max 1 --stp default", "cancel-both"),
            ("phase --symbol 7 halt --request-id 0", "0 is not in"),
        ] {
            let said = parsed(line).unwrap_err();
            assert!(said.contains(part), "{line}: {said}");
        }
    }
}
