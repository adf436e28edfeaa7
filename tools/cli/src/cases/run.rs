//! One case, run.
//!
//! Inputs -> outputs: a case -> whether it agrees, and under which conventions.
//! Invariants: the fast machine and its naive twin see the same records, say the same, hold the
//! same orders and have the same digest after each; what one of them alone says is a failure.
//! Limits: as many live orders as the case enters.
//! Not here: what records and events are (adapter.rs, events.rs).

use super::adapter::{Adapter, PRICE_MAX, PRICE_MIN, SYMBOL};
use super::conventions::{REPLACE_TO_NOTHING, TABLE};
use super::needs;
use super::parse::{Case, Command, Step};
use gavel_book::reference::ReferenceBook;
use gavel_book::{Book, LiveOrder};
use gavel_contract::{BookPlan, Conventions, Machine, Outbox, SymbolSpec};
use gavel_types::{LogRecord, Price, Qty, Report, Side, StpInstruction};
use std::fmt::Write;

/// What became of a case.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// It agrees; under these conventions, if they are not Gavel's own.
    Passed(Option<Conventions>),
    /// It does not, under Gavel's own conventions: the first line that does not.
    Failed { line: usize, command: String, got: String, want: String },
    /// It needs this.
    Skipped(String),
}

/// Runs a case under the conventions that were chosen; else under Gavel's, and then, if its
/// expectation depends on one, under each other until it agrees. One that needs what nobody heard
/// of may agree all the same; if it does not, or says what cannot be read, that is no failure.
pub(super) fn judge(case: &Case, chosen: Option<Conventions>) -> Verdict {
    let unknown = case.needs.iter().find(|need| !needs::is_known(need));
    let tried = chosen.map_or_else(|| to_try(case), |one| vec![one]);
    match (play_all(case, &tried), unknown) {
        (Verdict::Failed { .. }, Some(need)) => Verdict::Skipped(need.clone()),
        (verdict, _) => verdict,
    }
}

fn play_all(case: &Case, tried: &[Conventions]) -> Verdict {
    if let Some((line, error)) = &case.unread {
        let (command, got) = (String::new(), error.clone());
        return Verdict::Failed { line: *line, command, got, want: "a command".to_owned() };
    }
    let mut first = None;
    for &conventions in tried {
        match play(case, conventions) {
            Ok(()) => {
                let differs = conventions != Conventions::default();
                return Verdict::Passed(differs.then_some(conventions));
            }
            Err(mismatch) => first = first.or(Some(mismatch)),
        }
    }
    let Mismatch { line, command, got, want } = first.unwrap_or_default();
    Verdict::Failed { line, command, got, want }
}

/// Gavel's own conventions first, then each of the others, then two at one time of a case that says
/// that it depends on one; which it is stands in the report. The format itself refuses a replace to
/// nothing, so a case with one begins there.
fn to_try(case: &Case) -> Vec<Conventions> {
    let own = Conventions::default();
    let to_nothing = |step: &Step| match step {
        Step::Do { command: Command::Replace { qty, .. }, .. } => *qty <= 0,
        _ => false,
    };
    let first =
        if case.steps.iter().any(to_nothing) { REPLACE_TO_NOTHING.turned(own) } else { own };
    let mut all = vec![first];
    all.extend(TABLE.iter().map(|one| one.turned(first)));
    if case.has_convention {
        for (at, one) in TABLE.iter().enumerate() {
            all.extend(TABLE[at + 1..].iter().map(|other| other.turned(one.turned(first))));
        }
    }
    all
}

/// The first line of a case that does not agree.
#[derive(Clone, Debug, Default)]
struct Mismatch {
    line: usize,
    command: String,
    got: String,
    want: String,
}

fn play(case: &Case, conventions: Conventions) -> Result<(), Mismatch> {
    let plan = plan(case, conventions);
    let mut pair = Pair::new(&plan);
    let mut adapter = Adapter::new(plan.symbols[0].clone());
    let mut last = "the opening";
    let mismatch = |line, command: &str, got, want: &str| {
        let (command, want) = (command.to_owned(), want.to_owned());
        Err(Mismatch { line, command, got, want })
    };
    if let Err(differ) = pair.apply(&adapter.opening()) {
        return mismatch(0, last, differ, AGREE);
    }
    for step in &case.steps {
        match step {
            Step::Do { line, text, command, events } => {
                last = text;
                let reports = match pair.apply(&adapter.record(command)) {
                    Ok(reports) => reports,
                    Err(differ) => return mismatch(*line, text, differ, AGREE),
                };
                let got = adapter.events(command, &reports);
                if let Some(want) = events
                    && !agrees(command, &got, want)
                {
                    return mismatch(*line, text, got.join(" ; "), &want.join(" ; "));
                }
            }
            Step::Book { line, levels } => {
                let got = pair.levels();
                if got != *levels {
                    return mismatch(*line, last, got, levels);
                }
            }
        }
    }
    Ok(())
}

/// What ends at one TIME ends in the order of its own times here, and in the order of entry where
/// the format was defined: which, is no matter between two commands.
fn agrees(command: &Command, got: &[String], want: &[String]) -> bool {
    if !matches!(command, Command::Time(_)) {
        return got == want;
    }
    let sorted = |events: &[String]| {
        let mut events = events.to_vec();
        events.sort();
        events
    };
    sorted(got) == sorted(want)
}

/// Wanted of the two machines.
const AGREE: &str = "that the machine and its naive twin agree";

/// A machine of one symbol, for as many orders as the case enters: the fewer, the larger may each
/// be.
fn plan(case: &Case, conventions: Conventions) -> BookPlan {
    let orders_max = (case.steps.len() as u32 + 1).next_power_of_two().max(64);
    let spec = SymbolSpec {
        symbol: SYMBOL,
        name: "CASE".to_owned(),
        tick: Price(1),
        lot: Qty(1),
        price_min: PRICE_MIN,
        price_max: PRICE_MAX,
        qty_max: Qty(u64::MAX / u64::from(orders_max)),
        qty_scale: 0,
        stp: StpInstruction::Allow,
        protection: Price(0),
    };
    BookPlan {
        symbols: vec![spec],
        // An account is a session, and every command may bring one; one more steers.
        sessions_max: orders_max + 1,
        // Orders far from each other take two pages each.
        pages_max: orders_max * 4,
        conventions,
        ..BookPlan::for_orders(orders_max)
    }
}

/// The machine and its naive twin.
struct Pair {
    fast: Book,
    naive: ReferenceBook,
}

impl Pair {
    fn new(plan: &BookPlan) -> Self {
        Self { fast: Book::new(plan), naive: ReferenceBook::new(plan) }
    }

    /// What both say; or in what they differ.
    fn apply(&mut self, record: &LogRecord) -> Result<Vec<Report>, String> {
        let (mut fast, mut naive) = (Reports::default(), Reports::default());
        self.fast.apply_whole(record, &mut fast);
        self.naive.apply_whole(record, &mut naive);
        self.fast.verify();
        if fast.0 != naive.0 {
            return Err(format!("Book: {:?} ; ReferenceBook: {:?}", fast.0, naive.0));
        }
        let (fast_live, naive_live) = (self.live(), self.naive_live());
        if fast_live != naive_live {
            return Err(format!("Book holds {fast_live:?} ; ReferenceBook holds {naive_live:?}"));
        }
        let key = |session: gavel_types::SessionSlot| u64::from(session.0);
        let (fast_digest, naive_digest) = (self.fast.digest(&key), self.naive.digest(&key));
        if fast_digest != naive_digest {
            return Err(format!("digests: {fast_digest:016x} ; {naive_digest:016x}"));
        }
        Ok(fast.0)
    }

    fn live(&self) -> Vec<LiveOrder> {
        let mut live = Vec::new();
        self.fast.for_each_live(|order| live.push(*order));
        live
    }

    fn naive_live(&self) -> Vec<LiveOrder> {
        let mut live = Vec::new();
        self.naive.for_each_live(|order| live.push(*order));
        live
    }

    /// The book as a case draws it: bids, asks, best first, what is displayed and by how many.
    fn levels(&self) -> String {
        let live = self.live();
        let draw = |side| {
            let mut levels: Vec<(Price, u64, usize)> = Vec::new();
            let resting = |order: &&LiveOrder| order.side == side && order.stop_px == Price::NULL;
            for order in live.iter().filter(resting) {
                let displayed = order.leaves_qty.0 - order.hidden_qty.0;
                match levels.last_mut() {
                    Some((price, qty, orders)) if *price == order.price => {
                        *qty += displayed;
                        *orders += 1;
                    }
                    _ => levels.push((order.price, displayed, 1)),
                }
            }
            let mut text = String::new();
            for (price, qty, orders) in levels {
                let gap = if text.is_empty() { "" } else { " " };
                // Writing to a String does not fail.
                let _ = write!(text, "{gap}{price}:{qty}/{orders}");
            }
            if text.is_empty() { "-".to_owned() } else { text }
        };
        format!("{} | {}", draw(Side::Buy), draw(Side::Sell))
    }
}

/// Keeps all reports.
#[derive(Default)]
struct Reports(Vec<Report>);

impl Outbox for Reports {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, report: Report) {
        self.0.push(report);
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    fn one(text: &str) -> Verdict {
        judge(&parse(text).unwrap()[0], None)
    }

    #[test]
    fn a_case_agrees_or_says_where_it_does_not() {
        let good = "case a\n> NEW 1 B 5@100\n> NEW 2 S 3@100 acct=2\n< T 1 2 3@100\n= 100:2/1 | -";
        assert!(matches!(one(good), Verdict::Passed(None)), "{:?}", one(good));
        let bad = good.replace("3@100\n=", "4@100\n=");
        let Verdict::Failed { line, command, got, want } = one(&bad) else { panic!() };
        assert_eq!((line, command.as_str()), (3, "NEW 2 S 3@100 acct=2"));
        assert_eq!((got.as_str(), want.as_str()), ("T 1 2 3@100", "T 1 2 4@100"));
        let bad = good.replace("100:2/1", "100:1/1");
        let Verdict::Failed { line, got, .. } = one(&bad) else { panic!() };
        assert_eq!((line, got.as_str()), (5, "100:2/1 | -"));
    }

    #[test]
    fn a_need_that_nobody_heard_of_skips_a_case_that_does_not_agree() {
        let need = |need: &str| one(&format!("case a\nneed {need}\n> CANCEL 1\n< R 1 X"));
        assert!(matches!(need("ioc, warp"), Verdict::Skipped(need) if need == "warp"));
        assert!(matches!(need("ioc,nocheck"), Verdict::Failed { .. }));
        // It need not have said so; and it may say what only that can do.
        let agrees = "case a\nneed warp\n> CANCEL 1\n< R 1 UNKNOWN_ORDER";
        assert!(matches!(one(agrees), Verdict::Passed(None)), "{:?}", one(agrees));
        let strange = "case a\nneed warp\n> WARP 1\n< R 1 UNKNOWN_ORDER";
        assert!(matches!(one(strange), Verdict::Skipped(need) if need == "warp"));
    }

    #[test]
    fn ids_are_the_venues_and_owners_are_looked_at() {
        let text = "case a\n> NEW 1 B 5@100 acct=7\n> NEW 1 S 5@90 acct=2\n< R 1 DUPLICATE_ID\n\
            > CANCEL 1 acct=2\n< R 1 UNKNOWN_ORDER\n> CANCEL 9\n< R 9 UNKNOWN_ORDER\n\
            > CANCEL 1\n< X 1 5\n> NEW 1 S 5@90 acct=2\n> CANCEL 1 acct=2\n< X 1 5\n= - | -";
        assert!(matches!(one(text), Verdict::Passed(None)), "{:?}", one(text));
    }

    #[test]
    fn a_case_may_ask_for_another_convention() {
        let text = "case a\n> NEW 1 B 5@100\n> REPLACE 1 0@100\n< X 1 5\n= - | -";
        assert!(matches!(one(text), Verdict::Passed(None)), "as in FIX: {:?}", one(text));
        let queue = "case a\nconv others\n> NEW 1 B 5@100\n> NEW 2 B 5@100\n> REPLACE 1 4@100\n\
            > NEW 3 S 1@100\n< T 2 3 1@100";
        let Verdict::Passed(Some(under)) = one(queue) else { panic!("{:?}", one(queue)) };
        assert!(under.requeue_on_decrease);
        let case = &parse(queue).unwrap()[0];
        assert!(matches!(judge(case, Some(under)), Verdict::Passed(Some(_))));
        assert!(matches!(judge(case, Some(Conventions::default())), Verdict::Failed { .. }));
    }

    #[test]
    fn what_means_nothing_to_a_case_is_left_out() {
        let text = "case a\n> TIME 5\n> NEW 1 B 5@100 IOC show=2 GTD:9\n< X 1 5\n\
            > NEW 2 B 5@100 FOK GTD:5\n< R 2 EXPIRED\n> NEW 3 B 5@MKT GTD:4 show=1\n< R 3 EXPIRED\n\
            > NEW 4 B 5@MKT GTD:6 show=1\n< R 4 NO_LIQUIDITY\n> NEW 5 B 5@MKT AON GTD:6\n\
            > TIME 6\n< X 5 5\n= - | -";
        assert!(matches!(one(text), Verdict::Passed(None)), "{:?}", one(text));
    }

    #[test]
    fn a_case_may_ask_for_two_conventions() {
        let text = |conv| {
            format!(
                "case a\n{conv}> NEW 1 B 5@100\n> NEW 2 B 5@100\n> REPLACE 1 4@100\n\
                > NEW 3 S 1@100\n< T 2 3 1@100\n> NEW 4 B 1@MKT stop=100\n< R 4 PRICE"
            )
        };
        let said = one(&text("conv two of them\n"));
        let Verdict::Passed(Some(under)) = said else { panic!("{said:?}") };
        assert!(under.requeue_on_decrease && under.refuse_stop_beyond_last);
        assert!(matches!(one(&text("")), Verdict::Failed { .. }), "only if it says so");
    }

    #[test]
    fn quantities_of_64_bits_are_kept() {
        let text = "case a\n> NEW 1 B 13000000000@1\n> NEW 2 B 99000000000000000@1\n\
            = 1:99000013000000000/2 | -\n> NEW 3 B 9000000000000000000@1\n< R 3 BAD_QTY\n\
            > NEW 4 B 1@0\n< R 4 PRICE\n> NEW 5 B -1@1\n< R 5 BAD_QTY";
        assert!(matches!(one(text), Verdict::Passed(None)), "{:?}", one(text));
    }
}
