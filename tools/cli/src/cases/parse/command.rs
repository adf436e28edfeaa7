//! Commands about orders: words to what is asked of an engine.
//!
//! Inputs -> outputs: the words of a command -> the command.
//! Invariants: a word that is not understood, or contradicts another one, is refused.
//! Not here: what steers the venue (steering.rs).
//! Source: the README of the shared cases. Our own are DAY, SLIDE, min=, stp=decrement and AMEND:
//! the machine knows them, and the format has no word for them.

use super::steering::Steering;
use super::words::{Words, number};
use anyhow::{Context, Result, anyhow, ensure};
use std::str::FromStr;

/// What is asked of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cases) enum Command {
    /// A new order.
    New(NewCase),
    /// A market order that fills whole, within a total cost, or not at all.
    Budget { id: u64, side: CaseSide, qty: i64, budget: i64, account: u32 },
    /// The order ends.
    Cancel { id: u64, account: Option<u32> },
    /// Less of it.
    Reduce { id: u64, by: i64, account: Option<u32> },
    /// Another price, as much as is open.
    Move { id: u64, price: i64, account: Option<u32> },
    /// Another price, and so much open.
    Replace { id: u64, qty: i64, price: i64, account: Option<u32> },
    /// It is so late (ns).
    Time(u64),
    /// Another total, what has filled included, as FIX has it; and another price, which is none for
    /// a stop order without one.
    Amend(AmendCase),
    /// What is asked of the venue.
    Steer(Steering),
}

/// A replace with all that FIX lets it say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cases) struct AmendCase {
    pub(in crate::cases) id: u64,
    pub(in crate::cases) total: i64,
    pub(in crate::cases) price: Option<i64>,
    pub(in crate::cases) stop: Option<i64>,
    /// None: as it is.
    pub(in crate::cases) tif: Option<CaseTif>,
    pub(in crate::cases) is_requeued: bool,
    pub(in crate::cases) account: Option<u32>,
}

/// A new order as a case has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cases) struct NewCase {
    pub(in crate::cases) id: u64,
    pub(in crate::cases) side: CaseSide,
    pub(in crate::cases) qty: i64,
    /// None: at any price.
    pub(in crate::cases) price: Option<i64>,
    pub(in crate::cases) tif: CaseTif,
    pub(in crate::cases) is_post_only: bool,
    /// Post-only, at a price one tick short of the other side's best.
    pub(in crate::cases) is_sliding: bool,
    pub(in crate::cases) is_all_or_none: bool,
    /// Ends at this time.
    pub(in crate::cases) expires: Option<u64>,
    pub(in crate::cases) account: u32,
    pub(in crate::cases) stop: Option<i64>,
    pub(in crate::cases) stp: Option<CaseStp>,
    /// Shows so much of itself.
    pub(in crate::cases) show: Option<i64>,
    /// Trades at least so much at once, or nothing.
    pub(in crate::cases) min: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cases) enum CaseSide {
    Buy,
    Sell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cases) enum CaseTif {
    Gtc,
    Day,
    Ioc,
    Fok,
}

impl CaseTif {
    fn of(word: &str) -> Option<Self> {
        match word {
            "GTC" => Some(Self::Gtc),
            "DAY" => Some(Self::Day),
            "IOC" => Some(Self::Ioc),
            "FOK" => Some(Self::Fok),
            _ => None,
        }
    }
}

/// Whose order goes if both are of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cases) enum CaseStp {
    Oldest,
    Newest,
    Both,
    Decrement,
}

impl FromStr for Command {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut words = Words::of(text);
        let verb = words.word("a command")?;
        let command = match verb {
            "NEW" => Self::New(new_order(&mut words)?),
            "FOKB" => Self::Budget {
                id: words.number("an id")?,
                side: words.side()?,
                qty: words.number("a quantity")?,
                budget: words.option("budget")?.context("budget= is missing")?,
                account: words.option("acct")?.unwrap_or(1),
            },
            "CANCEL" => Self::Cancel { id: words.number("an id")?, account: words.option("acct")? },
            "REDUCE" => Self::Reduce {
                id: words.number("an id")?,
                by: words.number("by how much")?,
                account: words.option("acct")?,
            },
            "MOVE" => Self::Move {
                id: words.number("an id")?,
                price: words.number("a price")?,
                account: words.option("acct")?,
            },
            "REPLACE" => {
                let id = words.number("an id")?;
                let (qty, price) = words.qty_at_price()?;
                let price = price.context("a replace is at a price")?;
                Self::Replace { id, qty, price, account: words.option("acct")? }
            }
            "TIME" => Self::Time(words.number("a time")?),
            "AMEND" => Self::Amend(amend(&mut words)?),
            other => Self::Steer(
                Steering::read(other, &mut words)?
                    .with_context(|| format!("there is no command {other:?}"))?,
            ),
        };
        words.done()?;
        Ok(command)
    }
}

fn new_order(words: &mut Words<'_>) -> Result<NewCase> {
    let (id, side) = (words.number("an id")?, words.side()?);
    let (qty, price) = words.qty_at_price()?;
    let mut new = NewCase {
        id,
        side,
        qty,
        price,
        tif: CaseTif::Gtc,
        is_post_only: false,
        is_sliding: false,
        is_all_or_none: false,
        expires: None,
        account: words.option("acct")?.unwrap_or(1),
        stop: words.option("stop")?,
        stp: words.option("stp")?,
        // An order that shows nothing of itself is one that shows all.
        show: words.option("show")?.filter(|&show| show != 0),
        min: words.option("min")?,
    };
    let mut tif = None;
    while let Some(word) = words.next() {
        match word {
            "POST" => new.is_post_only = true,
            "SLIDE" => new.is_sliding = true,
            "AON" => new.is_all_or_none = true,
            other => match other.strip_prefix("GTD:") {
                // Time begins at 0: what ends then does not end.
                Some(time) => {
                    let time: u64 = number(time, "a time")?;
                    new.expires = (time != 0).then_some(time);
                }
                None => time_in_force(&mut tif, other)?,
            },
        }
    }
    new.tif = tif.unwrap_or(new.tif);
    Ok(new)
}

fn time_in_force(tif: &mut Option<CaseTif>, word: &str) -> Result<()> {
    let said = CaseTif::of(word).with_context(|| format!("an order is not {word:?}"))?;
    let before = tif.replace(said);
    ensure!(before.is_none(), "a second time in force, {word:?}");
    Ok(())
}

fn amend(words: &mut Words<'_>) -> Result<AmendCase> {
    let id = words.number("an id")?;
    let (total, price) = words.qty_at_price()?;
    let (stop, account) = (words.option("stop")?, words.option("acct")?);
    let (mut tif, mut is_requeued) = (None, false);
    while let Some(word) = words.next() {
        match word {
            "REQUEUE" => is_requeued = true,
            other => time_in_force(&mut tif, other)?,
        }
    }
    Ok(AmendCase { id, total, price, stop, tif, is_requeued, account })
}

impl FromStr for CaseStp {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "oldest" => Ok(Self::Oldest),
            "newest" => Ok(Self::Newest),
            "both" => Ok(Self::Both),
            "decrement" => Ok(Self::Decrement),
            other => Err(anyhow!("stp is oldest, newest, both or decrement, not {other:?}")),
        }
    }
}
