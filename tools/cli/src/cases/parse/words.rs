//! The words of one line.
//!
//! Inputs -> outputs: a line -> its words, one by one, and those with a name by it.
//! Invariants: a word that nobody asked for is refused, once more has been asked for.

use super::command::CaseSide;
use anyhow::{Context, Result, anyhow, bail};
use std::str::FromStr;

/// The words of a command: those with a name, and the others in their order.
pub(super) struct Words<'a> {
    plain: std::vec::IntoIter<&'a str>,
    named: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let (named, plain): (Vec<_>, Vec<_>) =
            text.split_whitespace().partition(|word| word.contains('='));
        let named = named.into_iter().filter_map(|word| word.split_once('=')).collect();
        Self { plain: plain.into_iter(), named }
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        self.plain.next()
    }

    pub(super) fn word(&mut self, what: &str) -> Result<&'a str> {
        self.next().with_context(|| format!("{what} is missing"))
    }

    pub(super) fn number<N: FromStr>(&mut self, what: &str) -> Result<N> {
        number(self.word(what)?, what)
    }

    /// The next word, if it is this one.
    pub(super) fn takes(&mut self, word: &str) -> bool {
        let is_next = self.plain.as_slice().first() == Some(&word);
        if is_next {
            self.plain.next();
        }
        is_next
    }

    /// Whether there is another word without a name.
    pub(super) fn has_more(&self) -> bool {
        !self.plain.as_slice().is_empty()
    }

    pub(super) fn side(&mut self) -> Result<CaseSide> {
        match self.word("a side")? {
            "B" => Ok(CaseSide::Buy),
            "S" => Ok(CaseSide::Sell),
            other => bail!("a side is B or S, not {other:?}"),
        }
    }

    pub(super) fn qty_at_price(&mut self) -> Result<(i64, Option<i64>)> {
        let word = self.word("a quantity at a price")?;
        let (qty, price) = word.split_once('@').context("a quantity at a price has an @")?;
        let price = if price == "MKT" { None } else { Some(number(price, "a price")?) };
        Ok((number(qty, "a quantity")?, price))
    }

    pub(super) fn bound(&mut self) -> Result<Option<i64>> {
        match self.word("a bound")? {
            "-" => Ok(None),
            price => Ok(Some(number(price, "a bound")?)),
        }
    }

    pub(super) fn option<T>(&mut self, name: &str) -> Result<Option<T>>
    where
        T: FromStr,
    {
        let Some(at) = self.named.iter().position(|(found, _)| *found == name) else {
            return Ok(None);
        };
        let (_, value) = self.named.remove(at);
        value.parse().map(Some).map_err(|_| anyhow!("{name}= has no value {value:?}"))
    }

    pub(super) fn done(mut self) -> Result<()> {
        let more = self.next().or(self.named.first().map(|(name, _)| *name));
        more.map_or(Ok(()), |word| Err(anyhow!("{word:?} is not understood here")))
    }
}

pub(super) fn number<N: FromStr>(word: &str, what: &str) -> Result<N> {
    word.parse().map_err(|_| anyhow!("{what} is not {word:?}"))
}
