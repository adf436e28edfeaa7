//! Where venues differ, what Gavel does, and why.
//!
//! Inputs -> outputs: none -> a table; a convention -> the machine's option that selects the other.
//! Invariants: there is a row for each field of [`Conventions`].
//! Not here: the rules under either (gavel-book's RULES.md).

use anyhow::{Context, Result};
use gavel_contract::Conventions;
use serde_json::{Value, json};
use std::fmt::Write;

/// One thing in which venues differ.
pub(super) struct Convention {
    /// The machine's option that selects what Gavel does not do by itself.
    pub(super) option: &'static str,
    /// What Gavel does.
    pub(super) choice: &'static str,
    /// Why.
    why: &'static str,
    /// What the option does instead.
    instead: &'static str,
    /// Selects it.
    field: fn(&mut Conventions) -> &mut bool,
}

impl Convention {
    /// The same, with this one the other way round.
    pub(super) fn turned(&self, mut of: Conventions) -> Conventions {
        let field = (self.field)(&mut of);
        *field = !*field;
        of
    }

    /// Whether the option is on.
    pub(super) fn is_on(&self, mut of: Conventions) -> bool {
        *(self.field)(&mut of)
    }
}

/// All of them.
pub(super) const TABLE: &[Convention] = &[
    Convention {
        option: "refuse_replace_to_filled",
        choice: "a replace to no more than has filled cancels the order",
        why: "FIX's quantity is a total: who asks for what has filled wants nothing more of it",
        instead: "such a replace is refused (BAD_QTY)",
        field: |of| &mut of.refuse_replace_to_filled,
    },
    Convention {
        option: "refuse_replace_that_trades",
        choice: "a replace to a price that trades does trade",
        why: "the price was asked for; who wants to rest says post-only",
        instead: "such a replace is refused (POST_ONLY)",
        field: |of| &mut of.refuse_replace_that_trades,
    },
    Convention {
        option: "requeue_on_decrease",
        choice: "a replace to less at the same price keeps its place",
        why: "as at CME: asking for less takes nothing from those behind",
        instead: "it goes to the end of its queue",
        field: |of| &mut of.requeue_on_decrease,
    },
    Convention {
        option: "iceberg_keeps_place",
        choice: "what an iceberg displays anew goes to the end of its queue",
        why: "as at CME and Xetra: hidden quantity has waited for no one to see",
        instead: "it keeps the place of what was displayed before",
        field: |of| &mut of.iceberg_keeps_place,
    },
    Convention {
        option: "refuse_stop_beyond_last",
        choice: "a stop order whose price the last trade has reached triggers at once",
        why: "a stop that protects a position must not be lost to a trade a moment before it came",
        instead: "such a stop order is refused (PRICE)",
        field: |of| &mut of.refuse_stop_beyond_last,
    },
    Convention {
        option: "market_rest_rests",
        choice: "what is left of a market order is cancelled",
        why: "who asks for any price asks for now",
        instead: "it rests at the price of its last trade",
        field: |of| &mut of.market_rest_rests,
    },
    Convention {
        option: "post_only_on_entry_only",
        choice: "a replace of a post-only order to a price that trades is refused",
        why: "who said post-only once does not want to take by a correction",
        instead: "it trades: post-only counts when an order comes in",
        field: |of| &mut of.post_only_on_entry_only,
    },
    Convention {
        option: "surplus_before_reference",
        choice: "where an auction may choose among prices it takes the nearest to the reference",
        why: "the least of a jump; what is left over says nothing of how far prices may go",
        instead: "as at Xetra and LSE: the highest of them if bids are left over, the lowest if \
            asks are",
        field: |of| &mut of.surplus_before_reference,
    },
];

/// The option whose choice a replace to nothing depends on.
pub(super) const REPLACE_TO_NOTHING: &Convention = &TABLE[0];

/// What names choose: none leaves it to each case.
pub(super) fn chosen(names: &[String]) -> Result<Option<Conventions>> {
    let mut all = Conventions::default();
    for name in names.iter().filter(|name| *name != OWN) {
        let one = TABLE.iter().find(|one| one.option == name.as_str());
        let one = one.with_context(|| format!("there is no convention {name:?}: see --list"))?;
        *(one.field)(&mut all) = true;
    }
    Ok((!names.is_empty()).then_some(all))
}

/// The name of no option.
const OWN: &str = "own";

/// The options that are on, for people.
pub(super) fn named(of: Conventions) -> String {
    let on: Vec<_> = TABLE.iter().filter(|one| one.is_on(of)).map(|one| one.option).collect();
    if on.is_empty() { "Gavel's own".to_owned() } else { on.join("+") }
}

/// The table, for people.
pub(super) fn as_text() -> String {
    let mut text = String::new();
    for one in TABLE {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "{}\n  Gavel:   {}\n  why:     {}\n  option:  {}\n",
            one.option, one.choice, one.why, one.instead
        );
    }
    text.push_str("An option is a field of the machine's Plan (gavel_contract::Conventions).\n");
    text
}

/// The table, for programs.
pub(super) fn as_json() -> Value {
    let row = |one: &Convention| {
        let Convention { option, choice, why, instead, .. } = one;
        json!({ "option": option, "gavel": choice, "why": why, "instead": instead })
    };
    json!({ "conventions": TABLE.iter().map(row).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_row() {
        // A new field makes this pattern incomplete.
        let Conventions {
            refuse_replace_to_filled: _,
            refuse_replace_that_trades: _,
            requeue_on_decrease: _,
            iceberg_keeps_place: _,
            refuse_stop_beyond_last: _,
            market_rest_rests: _,
            post_only_on_entry_only: _,
            surplus_before_reference: _,
        } = Conventions::default();
        assert_eq!(TABLE.len(), 8);
        let all = TABLE.iter().fold(Conventions::default(), |all, one| one.turned(all));
        let text = format!("{all:?}");
        for one in TABLE {
            assert!(text.contains(&format!("{}: true", one.option)), "{text}");
            assert!(as_text().contains(one.option));
        }
        let names: Vec<String> = TABLE.iter().map(|one| one.option.to_owned()).collect();
        assert_eq!(chosen(&names).unwrap(), Some(all));
        assert_eq!(chosen(&["own".to_owned()]).unwrap(), Some(Conventions::default()));
        assert_eq!(chosen(&[]).unwrap(), None);
        assert!(chosen(&["mine".to_owned()]).is_err());
        assert_eq!(named(Conventions::default()), "Gavel's own");
        assert_eq!(REPLACE_TO_NOTHING.option, "refuse_replace_to_filled");
    }
}
