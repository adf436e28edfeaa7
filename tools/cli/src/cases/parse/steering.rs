//! What is asked of the venue: phases, bands, symbols, limits of risk, kill switches, mass cancels.
//!
//! Inputs -> outputs: the words of a command -> the command.
//! Invariants: a word that is not understood is refused.
//! Limits: one symbol, and an account is a session too.
//! Source: HALT and BAND are the format's; dynamic= and HALT behind a band, and all others, are our
//! own: the machine knows them, and the format has no word for them.

use super::command::CaseSide;
use super::words::{Words, number};
use anyhow::{Context, Result, bail, ensure};
use gavel_types::{KillAction, TradingPhase};

/// What is asked of the venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cases) enum Steering {
    /// Trading stops, or goes on.
    Halt(bool),
    /// No order outside these prices, and no trade further than `dynamic` from the last one.
    Band { low: Option<i64>, high: Option<i64>, dynamic: Option<i64>, halts: bool },
    /// The symbol's phase and, if there is one, its reference price from here on.
    Phase { phase: TradingPhase, reference: Option<i64> },
    /// The symbol is another one from here on; what is not said stays.
    Symbol(SymbolCase),
    /// Limits of risk from here on, instead of those before.
    Risk(Party, Limits),
    /// A kill switch.
    Kill(Killing, KillAction),
    /// Ends what an account has, of one side or of both.
    Mass { account: u32, side: Option<CaseSide> },
}

/// Whom limits are for. A case's account is a session of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cases) enum Party {
    Account(u32),
    SessionOf(u32),
}

/// Whom a kill switch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cases) enum Killing {
    Venue,
    Symbol,
    Party(Party),
}

/// What a symbol is from here on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cases) struct SymbolCase {
    pub(in crate::cases) tick: Option<i64>,
    pub(in crate::cases) lot: Option<i64>,
    pub(in crate::cases) low: Option<i64>,
    pub(in crate::cases) high: Option<i64>,
    pub(in crate::cases) most: Option<i64>,
    pub(in crate::cases) protection: Option<i64>,
}

/// Limits of risk; 0 is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cases) struct Limits {
    pub(in crate::cases) qty: u64,
    pub(in crate::cases) notional: u64,
    pub(in crate::cases) position: u64,
    pub(in crate::cases) collar: i64,
    pub(in crate::cases) orders: u32,
    /// Orders a second, and at once.
    pub(in crate::cases) rate: (u32, u32),
    pub(in crate::cases) duplicate_ms: u32,
}

impl Steering {
    /// The command that begins with this word, if there is one.
    pub(super) fn read(verb: &str, words: &mut Words<'_>) -> Result<Option<Self>> {
        Ok(Some(match verb {
            "HALT" => match words.word("on or off")? {
                "on" => Self::Halt(true),
                "off" => Self::Halt(false),
                other => bail!("HALT is on or off, not {other:?}"),
            },
            "BAND" => Self::Band {
                low: words.bound()?,
                high: words.bound()?,
                dynamic: words.option("dynamic")?,
                halts: words.takes("HALT"),
            },
            "PHASE" => Self::Phase { phase: phase(words)?, reference: words.option("ref")? },
            "SYMBOL" => Self::Symbol(symbol(words)?),
            "RISK" => Self::Risk(party(words)?.context("acct= is missing")?, limits(words)?),
            "KILL" => {
                let action = action(words)?;
                Self::Kill(killing(words)?, action)
            }
            "MASS" => Self::Mass {
                account: words.option("acct")?.context("acct= is missing")?,
                side: words.has_more().then(|| words.side()).transpose()?,
            },
            _ => return Ok(None),
        }))
    }

    /// What it is called where it is refused.
    pub(in crate::cases) fn word(&self) -> &'static str {
        match self {
            Self::Halt(_) => "HALT",
            Self::Band { .. } => "BAND",
            Self::Phase { .. } => "PHASE",
            Self::Symbol(_) => "SYMBOL",
            Self::Risk(..) => "RISK",
            Self::Kill(..) => "KILL",
            Self::Mass { .. } => "MASS",
        }
    }
}

fn phase(words: &mut Words<'_>) -> Result<TradingPhase> {
    Ok(match words.word("a phase")? {
        "preopen" => TradingPhase::PreOpen,
        "opening" => TradingPhase::OpeningAuction,
        "continuous" => TradingPhase::Continuous,
        "closing" => TradingPhase::ClosingAuction,
        "halt" => TradingPhase::Halt,
        "closed" => TradingPhase::Closed,
        other => {
            bail!("a phase is preopen, opening, continuous, closing, halt or closed, not {other:?}")
        }
    })
}

fn symbol(words: &mut Words<'_>) -> Result<SymbolCase> {
    let symbol = SymbolCase {
        tick: words.option("tick")?,
        lot: words.option("lot")?,
        low: words.option("low")?,
        high: words.option("high")?,
        most: words.option("most")?,
        protection: words.option("protection")?,
    };
    ensure!(symbol != SymbolCase::default(), "nothing of the symbol is said");
    Ok(symbol)
}

fn limits(words: &mut Words<'_>) -> Result<Limits> {
    let rate: Option<String> = words.option("rate")?;
    let rate = match rate.as_deref().map(|rate| rate.split_once('/').context("rate= is n/burst")) {
        None => (0, 0),
        Some(both) => {
            let (rate, burst) = both?;
            (number(rate, "a rate")?, number(burst, "a burst")?)
        }
    };
    Ok(Limits {
        qty: words.option("qty")?.unwrap_or(0),
        notional: words.option("notional")?.unwrap_or(0),
        position: words.option("position")?.unwrap_or(0),
        collar: words.option("collar")?.unwrap_or(0),
        orders: words.option("orders")?.unwrap_or(0),
        rate,
        duplicate_ms: words.option("duplicate")?.unwrap_or(0),
    })
}

/// An account, or its session.
fn party(words: &mut Words<'_>) -> Result<Option<Party>> {
    let account: Option<u32> = words.option("acct")?;
    let is_session = words.takes("SESSION");
    ensure!(account.is_some() || !is_session, "SESSION is of an account");
    let party = if is_session { Party::SessionOf } else { Party::Account };
    Ok(account.map(party))
}

fn action(words: &mut Words<'_>) -> Result<KillAction> {
    Ok(match words.word("an action")? {
        "suspend" => KillAction::Suspend,
        "halt" => KillAction::HaltTrading,
        "reinstate" => KillAction::Reinstate,
        other => bail!("KILL is suspend, halt or reinstate, not {other:?}"),
    })
}

/// An account, its session, the symbol or, if nothing is said, everybody.
fn killing(words: &mut Words<'_>) -> Result<Killing> {
    Ok(match party(words)? {
        Some(party) => Killing::Party(party),
        None if words.takes("SYMBOL") => Killing::Symbol,
        None => Killing::Venue,
    })
}
