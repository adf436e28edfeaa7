//! Files of cases as they are written: lines to commands and expectations.
//!
//! Inputs -> outputs: text -> cases, or what is wrong with which line.
//! Invariants: what is not understood is refused, never passed over.
//! Not here: what a command means to the machine (adapter.rs).
//! Source: the README of the shared cases; where that says less, their interpreter (check.py).

use anyhow::{Context, Result, anyhow, bail, ensure};
use std::path::Path;
use std::str::FromStr;

/// The orders of `seed EC`, in the order in which they are entered.
const SEED_EC: &[&str] = &[
    "NEW 1 S 100@81600",
    "NEW 2 S 50@81599",
    "NEW 3 S 25@81599",
    "NEW 8 S 28@201000",
    "NEW 9 S 32@201000",
    "NEW 10 S 10@200954",
    "NEW 4 B 40@81593",
    "NEW 5 B 20@81590",
    "NEW 6 B 1@81590",
    "NEW 7 B 20@81200",
    "NEW 11 B 12@10000",
    "NEW 12 B 1@10000",
    "NEW 13 B 2@9136",
];

/// One file.
#[derive(Debug)]
pub(super) struct CaseFile {
    /// As it was named.
    pub(super) name: String,
    pub(super) cases: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    pub(super) name: String,
    /// What an engine must be able to do.
    pub(super) needs: Vec<String>,
    /// The expectation depends on a convention.
    pub(super) has_convention: bool,
    pub(super) steps: Vec<Step>,
}

/// One line that does or expects something, with the lines that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A command, and every event that it leads to. None: whatever it leads to (a seed).
    Do { line: usize, text: String, command: Command, events: Option<Vec<String>> },
    /// The book as it is then.
    Book { line: usize, levels: String },
}

/// What is asked of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
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
    /// Trading stops, or goes on.
    Halt(bool),
    /// No order outside these prices.
    Band { low: Option<i64>, high: Option<i64> },
}

/// A new order as a case has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewCase {
    pub(super) id: u64,
    pub(super) side: CaseSide,
    pub(super) qty: i64,
    /// None: at any price.
    pub(super) price: Option<i64>,
    pub(super) tif: CaseTif,
    pub(super) is_post_only: bool,
    pub(super) is_all_or_none: bool,
    /// Ends at this time.
    pub(super) expires: Option<u64>,
    pub(super) account: u32,
    pub(super) stop: Option<i64>,
    pub(super) stp: Option<CaseStp>,
    /// Shows so much of itself.
    pub(super) show: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaseSide {
    Buy,
    Sell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaseTif {
    Gtc,
    Ioc,
    Fok,
}

/// Whose order goes if both are of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaseStp {
    Oldest,
    Newest,
    Both,
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<CaseFile> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
    let cases = parse(&text).map_err(|(line, error)| error.context(format!("{name}:{line}")))?;
    ensure!(!cases.is_empty(), "{name} holds no cases");
    Ok(CaseFile { name, cases })
}

/// Every case of a text; or the line that is wrong, and why.
pub(super) fn parse(text: &str) -> Result<Vec<Case>, (usize, anyhow::Error)> {
    let mut cases: Vec<Case> = Vec::new();
    for (at, raw) in text.lines().enumerate() {
        let line = at + 1;
        // A comment ends a line, but in the name of a source, which may have the sign itself.
        let text = if raw.starts_with("src") { raw } else { raw.split('#').next().unwrap_or("") };
        let text = text.trim();
        if !text.is_empty() {
            take_line(&mut cases, line, text).map_err(|error| (line, error))?;
        }
    }
    Ok(cases)
}

fn take_line(cases: &mut Vec<Case>, line: usize, text: &str) -> Result<()> {
    let (word, rest) = match text.chars().next() {
        Some(sign @ ('>' | '<' | '=')) => (&text[..sign.len_utf8()], &text[sign.len_utf8()..]),
        _ => text.split_once(char::is_whitespace).unwrap_or((text, "")),
    };
    let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    if word == "case" {
        let name = rest.split(' ').next().unwrap_or_default().to_owned();
        ensure!(!name.is_empty(), "a case without a name");
        cases.push(Case { name, ..Case::default() });
        return Ok(());
    }
    let case = cases.last_mut().context("a line before the first case")?;
    match word {
        "src" => {}
        "conv" => case.has_convention = true,
        "need" => {
            let tokens = rest.split([',', ' ']).filter(|token| !token.is_empty());
            case.needs.extend(tokens.map(str::to_owned));
        }
        "seed" => {
            ensure!(rest == "EC", "the only seed is EC, not {rest:?}");
            for text in SEED_EC {
                let (text, command) = ((*text).to_owned(), text.parse()?);
                case.steps.push(Step::Do { line, text, command, events: None });
            }
        }
        ">" => {
            let command = rest.parse()?;
            case.steps.push(Step::Do { line, text: rest, command, events: Some(Vec::new()) });
        }
        "<" => match case.steps.last_mut() {
            Some(Step::Do { events: Some(events), .. }) => events.push(rest),
            _ => bail!("an event that no command comes before"),
        },
        "=" => case.steps.push(Step::Book { line, levels: rest }),
        other => bail!("a line begins with {other:?}"),
    }
    Ok(())
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
            "HALT" => match words.word("on or off")? {
                "on" => Self::Halt(true),
                "off" => Self::Halt(false),
                other => bail!("HALT is on or off, not {other:?}"),
            },
            "BAND" => Self::Band { low: words.bound()?, high: words.bound()? },
            other => bail!("there is no command {other:?}"),
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
        is_all_or_none: false,
        expires: None,
        account: words.option("acct")?.unwrap_or(1),
        stop: words.option("stop")?,
        stp: words.option("stp")?,
        // An order that shows nothing of itself is one that shows all.
        show: words.option("show")?.filter(|&show| show != 0),
    };
    while let Some(word) = words.next() {
        match word {
            "IOC" => new.tif = CaseTif::Ioc,
            "FOK" => new.tif = CaseTif::Fok,
            "POST" => new.is_post_only = true,
            "AON" => new.is_all_or_none = true,
            other => match other.strip_prefix("GTD:") {
                // Time begins at 0: what ends then does not end.
                Some(time) => {
                    let time: u64 = number(time, "a time")?;
                    new.expires = (time != 0).then_some(time);
                }
                None => bail!("an order is not {other:?}"),
            },
        }
    }
    Ok(new)
}

impl FromStr for CaseStp {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "oldest" => Ok(Self::Oldest),
            "newest" => Ok(Self::Newest),
            "both" => Ok(Self::Both),
            other => Err(anyhow!("stp is oldest, newest or both, not {other:?}")),
        }
    }
}

/// The words of a command: those with a name, and the others in their order.
struct Words<'a> {
    plain: std::vec::IntoIter<&'a str>,
    named: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let (named, plain): (Vec<_>, Vec<_>) =
            text.split_whitespace().partition(|word| word.contains('='));
        let named = named.into_iter().filter_map(|word| word.split_once('=')).collect();
        Self { plain: plain.into_iter(), named }
    }

    fn next(&mut self) -> Option<&'a str> {
        self.plain.next()
    }

    fn word(&mut self, what: &str) -> Result<&'a str> {
        self.next().with_context(|| format!("{what} is missing"))
    }

    fn number<N: FromStr>(&mut self, what: &str) -> Result<N> {
        number(self.word(what)?, what)
    }

    fn side(&mut self) -> Result<CaseSide> {
        match self.word("a side")? {
            "B" => Ok(CaseSide::Buy),
            "S" => Ok(CaseSide::Sell),
            other => bail!("a side is B or S, not {other:?}"),
        }
    }

    fn qty_at_price(&mut self) -> Result<(i64, Option<i64>)> {
        let word = self.word("a quantity at a price")?;
        let (qty, price) = word.split_once('@').context("a quantity at a price has an @")?;
        let price = if price == "MKT" { None } else { Some(number(price, "a price")?) };
        Ok((number(qty, "a quantity")?, price))
    }

    fn bound(&mut self) -> Result<Option<i64>> {
        match self.word("a bound")? {
            "-" => Ok(None),
            price => Ok(Some(number(price, "a bound")?)),
        }
    }

    fn option<T>(&mut self, name: &str) -> Result<Option<T>>
    where
        T: FromStr,
    {
        let Some(at) = self.named.iter().position(|(found, _)| *found == name) else {
            return Ok(None);
        };
        let (_, value) = self.named.remove(at);
        value.parse().map(Some).map_err(|_| anyhow!("{name}= has no value {value:?}"))
    }

    fn done(mut self) -> Result<()> {
        let more = self.next().or(self.named.first().map(|(name, _)| *name));
        more.map_or(Ok(()), |word| Err(anyhow!("{word:?} is not understood here")))
    }
}

fn number<N: FromStr>(word: &str, what: &str) -> Result<N> {
    word.parse().map_err(|_| anyhow!("{what} is not {word:?}"))
}

#[cfg(test)]
mod tests;
