//! What a log was written under: a digest that AdminStart and snapshots carry.
//!
//! Inputs -> outputs: the Plan -> one number.
//! Invariants: two plans under which one log could be answered differently have two digests; a
//! plan that says nothing new has the digest that it always had.
//! Limits: none.
//! Not here: what a start does about another digest (`restart`).

use gavel_contract::{BookPlan, Conventions, Plan};
use gavel_types::{StpInstruction, SymbolId};
use xxhash_rust::xxh3::Xxh3Default;

/// Digest of whatever the machine's answers depend on beside the log. What came later than the
/// first logs is in it only where it differs from what those logs were written under, so that they
/// can still be replayed.
#[must_use]
pub fn configuration(plan: &Plan) -> u64 {
    let mut hash = Xxh3Default::new();
    for number in [plan.book.orders_max, plan.book.levels_max, plan.session.sessions_max] {
        hash.update(&number.to_le_bytes());
    }
    for spec in &plan.book.symbols {
        hash.update(&spec.symbol.0.to_le_bytes());
        for number in [spec.tick.0, spec.price_min.0, spec.price_max.0] {
            hash.update(&number.to_le_bytes());
        }
        for number in [spec.lot.0, spec.qty_max.0] {
            hash.update(&number.to_le_bytes());
        }
    }
    let mut later = |place: u8, symbol: SymbolId, number: u64, usual: u64| {
        if number != usual {
            hash.update(&[place]);
            hash.update(&symbol.0.to_le_bytes());
            hash.update(&number.to_le_bytes());
        }
    };
    let (book, no_symbol) = (&plan.book, SymbolId(0));
    for (place, number, usual) in [
        (1, book.symbols_max, BookPlan::SYMBOLS_MAX),
        (2, book.pages_max, BookPlan::PAGES_MAX),
        (3, book.accounts_max, BookPlan::ACCOUNTS_MAX),
        (4, book.positions_max, BookPlan::POSITIONS_MAX),
    ] {
        later(place, no_symbol, u64::from(number), u64::from(usual));
    }
    later(5, no_symbol, bits(&book.conventions), 0);
    for spec in &book.symbols {
        later(6, spec.symbol, u64::from(spec.qty_scale), 0);
        let stp = (spec.stp.code(), StpInstruction::Allow.code());
        later(7, spec.symbol, u64::from(stp.0), u64::from(stp.1));
        later(8, spec.symbol, spec.protection.0 as u64, 0);
    }
    // 0 stands for "not said".
    hash.digest().max(1)
}

/// A bit for each convention that is not Gavel's own. Every one has its place for ever.
fn bits(conventions: &Conventions) -> u64 {
    let Conventions {
        refuse_replace_to_filled,
        refuse_replace_that_trades,
        requeue_on_decrease,
        iceberg_keeps_place,
        refuse_stop_beyond_last,
        market_rest_rests,
        post_only_on_entry_only,
        surplus_before_reference,
    } = *conventions;
    let places = [
        refuse_replace_to_filled,
        refuse_replace_that_trades,
        requeue_on_decrease,
        iceberg_keeps_place,
        refuse_stop_beyond_last,
        market_rest_rests,
        post_only_on_entry_only,
        surplus_before_reference,
    ];
    places.iter().enumerate().fold(0, |bits, (place, is_set)| bits | u64::from(*is_set) << place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::plan;
    use gavel_contract::SymbolSpec;
    use gavel_types::{Price, Qty};

    /// A plan that says nothing that the first logs' could not say.
    fn first() -> Plan {
        let symbol = SymbolSpec {
            symbol: SymbolId(1),
            name: "ONE".into(),
            tick: Price(100),
            lot: Qty(1),
            price_min: Price(100),
            price_max: Price(900),
            qty_max: Qty(50),
            qty_scale: 0,
            stp: StpInstruction::Allow,
            protection: Price(0),
        };
        let mut plan = plan();
        plan.book.symbols = vec![symbol.clone(), SymbolSpec { symbol: SymbolId(2), ..symbol }];
        plan.book.symbols_max = BookPlan::SYMBOLS_MAX;
        plan.book.pages_max = BookPlan::PAGES_MAX;
        plan.book.accounts_max = BookPlan::ACCOUNTS_MAX;
        plan.book.positions_max = BookPlan::POSITIONS_MAX;
        plan
    }

    #[test]
    fn a_log_of_before_is_written_under_the_same_configuration() {
        // As the first release computes it.
        let mut hash = Xxh3Default::new();
        [16_u32, 16, 4].iter().for_each(|number| hash.update(&number.to_le_bytes()));
        for symbol in [1_u32, 2] {
            hash.update(&symbol.to_le_bytes());
            [100_i64, 100, 900].iter().for_each(|number| hash.update(&number.to_le_bytes()));
            [1_u64, 50].iter().for_each(|number| hash.update(&number.to_le_bytes()));
        }
        assert_eq!(configuration(&first()), hash.digest());
    }

    #[test]
    fn every_number_that_answers_depend_on_is_in_the_digest() {
        type Change = fn(&mut BookPlan);
        let changes: [Change; 24] = [
            |_| {},
            |book| book.orders_max += 1,
            |book| book.levels_max += 1,
            |book| book.symbols_max += 1,
            |book| book.pages_max += 1,
            |book| book.accounts_max += 1,
            |book| book.positions_max += 1,
            |book| book.conventions.refuse_replace_to_filled = true,
            |book| book.conventions.refuse_replace_that_trades = true,
            |book| book.conventions.requeue_on_decrease = true,
            |book| book.conventions.iceberg_keeps_place = true,
            |book| book.conventions.refuse_stop_beyond_last = true,
            |book| book.conventions.market_rest_rests = true,
            |book| book.conventions.post_only_on_entry_only = true,
            |book| book.conventions.surplus_before_reference = true,
            |book| book.symbols[0].qty_scale = 8,
            |book| book.symbols[1].qty_scale = 8,
            |book| book.symbols[0].stp = StpInstruction::Decrement,
            |book| book.symbols[1].stp = StpInstruction::Decrement,
            |book| book.symbols[0].protection = Price(8),
            |book| book.symbols[1].protection = Price(8),
            |book| book.symbols[0].tick = Price(50),
            |book| book.symbols[0].qty_max = Qty(51),
            |book| drop(book.symbols.pop()),
        ];
        let mut digests: Vec<u64> = changes
            .iter()
            .map(|change| {
                let mut plan = first();
                change(&mut plan.book);
                configuration(&plan)
            })
            .collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), changes.len(), "no two of them are the same");
    }
}
