//! Saved states that were damaged: refused, or a book that is sound all the same.

use crate::argue::dice::Dice;
use crate::argue::flow::{self, Flow};
use crate::support::*;
use gavel_book::Book;
use gavel_book::reference::ReferenceBook;
use gavel_contract::{BadState, BookPlan, Machine, Outbox};
use gavel_types::limits::BURST;
use gavel_types::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn sizes() -> BookPlan {
    plan(24, 6)
}

/// A venue with something of everything: two symbols, three sessions, fills, freed slots.
fn busy<M: Subject>(seed: u64) -> Venue<M> {
    let mut venue = Venue::<M>::new(&sizes());
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut dice = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % below
    };
    for name in 1..=40 {
        let side = if dice(2) == 0 { Side::Buy } else { Side::Sell };
        let order = limit(name, side, 1 + dice(9), 8 + dice(6) as i64);
        let order = NewOrder { symbol: SymbolId(1 + dice(2) as u32), ..order };
        venue.run(enter(dice(3) as u32, order));
    }
    venue
}

/// A book with something of every kind of order, limit and switch, and the flow that made it.
fn rich<M: Subject>(seed: u64, commands: u64) -> (BookPlan, Flow, M) {
    let plan = flow::plan(&mut Dice::new(seed));
    let mut flow = Flow::new(seed, &plan);
    let mut machine = M::make(&plan);
    play(&mut machine, &mut flow, 1..commands);
    (plan, flow, machine)
}

fn play<M: Subject>(machine: &mut M, flow: &mut Flow, indices: std::ops::Range<u64>) {
    let mut out = Heap::default();
    for n in indices {
        let (command, time) = flow.next();
        let stamp = Stamp { index: Index(n), term: Term(1), time };
        machine.apply_whole(&LogRecord { stamp, command }, &mut out);
        out.0.drain(..).for_each(|report| flow.saw(&report));
    }
}

/// An outbox without an end.
#[derive(Default)]
struct Heap(Vec<Report>);

impl Outbox for Heap {
    fn free(&self) -> usize {
        BURST
    }
    fn push(&mut self, report: Report) {
        self.0.push(report);
    }
}

/// What befalls bytes.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip {
        bit: usize,
    },
    Cut {
        at: usize,
    },
    /// A number, of four bytes or eight, becomes a small one: more likely to be half right.
    Set {
        word: usize,
        value: u32,
    },
    /// Two numbers change places.
    Swap {
        word: usize,
        other: usize,
    },
}

fn damage() -> impl Strategy<Value = Damage> {
    let any = || 0..usize::MAX;
    prop_oneof![
        any().prop_map(|bit| Damage::Flip { bit }),
        any().prop_map(|at| Damage::Cut { at }),
        (any(), 0..30_u32).prop_map(|(word, value)| Damage::Set { word, value }),
        (any(), any()).prop_map(|(word, other)| Damage::Swap { word, other }),
    ]
}

fn befall(bytes: &mut Vec<u8>, damage: Damage) {
    if bytes.len() < 4 {
        return;
    }
    let words = bytes.len() / 4;
    match damage {
        Damage::Flip { bit } => {
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        Damage::Cut { at } => bytes.truncate(at % bytes.len()),
        Damage::Set { word, value } => {
            bytes[word % words * 4..][..4].copy_from_slice(&value.to_le_bytes());
        }
        Damage::Swap { word, other } => {
            let (word, other) = (word % words * 4, other % words * 4);
            for byte in 0..4 {
                bytes.swap(word + byte, other + byte);
            }
        }
    }
}

/// Restores; if that went well, the book must be sound and stay so in use.
fn try_out<M: Subject>(bytes: &[u8]) -> Result<(), BadState> {
    let mut machine = M::make(&sizes());
    machine.restore(&mut Left(bytes))?;
    machine.check();
    let mut venue = Venue::of(machine);
    venue.lawful = false;
    for session in 0..3 {
        venue.run(enter(session, limit(1_000, Side::Buy, 5, 10)));
        venue.run(enter(session, market(1_001, Side::Sell, 3)));
        venue.run(mass_action(session, MassAction { side: b'1', ..all_orders(9) }));
    }
    for session in 0..16 {
        venue.end_session(session);
    }
    assert_eq!(venue.machine.live().len(), 0, "every order has a session");
    // Slots are used to the last, and counted each time.
    for name in 1..=25 {
        venue.run(enter(0, limit(name, Side::Buy, 1, 10)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        // More for a hunt: PROPTEST_CASES.
        cases: ProptestConfig::default().cases.max(3_000),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn damaged_bytes_never_make_an_unsound_book(
        seed in 0..50_u64,
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let mut bytes = saved(&busy::<Book>(seed).machine);
        damages.iter().for_each(|&damage| befall(&mut bytes, damage));
        let _ = try_out::<Book>(&bytes);
    }

    #[test]
    fn nor_an_unsound_naive_book(
        seed in 0..50_u64,
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let mut bytes = saved(&busy::<ReferenceBook>(seed).machine);
        damages.iter().for_each(|&damage| befall(&mut bytes, damage));
        let _ = try_out::<ReferenceBook>(&bytes);
    }

    #[test]
    fn nor_does_damage_to_what_has_everything(
        seed in 0..1_000_u64,
        damages in prop::collection::vec(damage(), 1..3),
    ) {
        let (plan, mut flow, book) = rich::<Book>(seed, 300);
        let mut bytes = saved(&book);
        damages.iter().for_each(|&damage| befall(&mut bytes, damage));
        let mut book = Book::new(&plan);
        if book.restore(&mut Left(&bytes)).is_ok() {
            book.check();
            play(&mut book, &mut flow, 300..400);
            book.check();
        }
    }

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(try_out::<Book>(&bytes).is_err());
        prop_assert!(try_out::<ReferenceBook>(&bytes).is_err());
    }
}

/// Damage that is always refused for one reason would prove little: this run counts the reasons.
#[test]
fn damage_is_refused_for_many_reasons_and_sometimes_harmless() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut met = BTreeMap::<&str, u32>::new();
    let sound: Vec<Vec<u8>> = (0..50).map(|seed| saved(&busy::<Book>(seed).machine)).collect();
    for round in 0..20_000 {
        let mut bytes = sound[round % sound.len()].clone();
        befall(&mut bytes, damage().new_tree(&mut runner).unwrap().current());
        let outcome = try_out::<Book>(&bytes).map_or_else(|bad| bad.what, |()| "harmless");
        *met.entry(outcome).or_default() += 1;
    }
    assert!(met.len() >= 20, "{met:#?}");
    assert!(met["harmless"] > 100, "{met:#?}");
}

/// The bytes are a function of the state, not of the way to it: which levels of the slab are in
/// use, and in which places the names are, differs between a book and one restored from it.
#[test]
fn a_book_and_one_restored_from_it_are_saved_alike_ever_after() {
    let mut venue = busy::<Book>(3);
    let mut twin = venue.fork(&sizes());
    for name in 100..140 {
        for venue in [&mut venue, &mut twin] {
            venue.run(enter(1, limit(name, Side::Buy, 2, 5 + name as i64 % 5)));
            venue.run(cancel(1, cancel_of(99, name - 3, Side::Buy)));
        }
        assert!(saved(&venue.machine) == saved(&twin.machine));
    }
}
