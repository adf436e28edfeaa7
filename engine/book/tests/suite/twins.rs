//! The fast book against the naive one, command by command: all reports, all digests.

use crate::support::*;
use gavel_book::Book;
use gavel_book::reference::ReferenceBook;
use gavel_contract::{BookPlan, Machine};
use gavel_types::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One random command; small numbers make orders meet.
#[derive(Clone, Debug)]
enum Step {
    Enter {
        session: u32,
        order: NewOrder,
    },
    Cancel {
        session: u32,
        request: CancelOrder,
        by: By,
    },
    Replace {
        session: u32,
        request: ReplaceOrder,
        by: By,
    },
    /// Many small orders of one side, so that a later sweep is long.
    Fill {
        side: Side,
        count: u64,
        price: i64,
    },
    MassCancel {
        session: u32,
        request: MassAction,
    },
    Status {
        session: u32,
        request: OrderStatusQuery,
        by: By,
    },
    EndSession {
        session: u32,
    },
    /// Both are saved; from here on those that are restored run beside them.
    Fork,
}

/// How a request names its order.
#[derive(Clone, Copy, Debug)]
enum By {
    Name,
    /// The nth OrderID that was ever given, live or stale.
    Handle(usize),
}

fn sizes(symbols: usize, orders_max: u32, levels_max: u32) -> BookPlan {
    let mut plan = plan(orders_max, levels_max);
    plan.symbols[1] = spec(2, 2, 3);
    for spec in &mut plan.symbols {
        spec.price_max = Price(13);
        spec.qty_max = Qty(40);
    }
    plan.symbols.truncate(symbols);
    plan
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

/// Mostly a symbol's own; 3 is unknown, and so is 2 in a plan of one symbol.
fn symbol() -> impl Strategy<Value = SymbolId> {
    prop_oneof![8 => Just(1), 3 => Just(2), 1 => Just(3)].prop_map(SymbolId)
}

fn time_in_force() -> impl Strategy<Value = TimeInForce> {
    prop_oneof![
        2 => Just(TimeInForce::Gtc),
        2 => Just(TimeInForce::Day),
        1 => Just(TimeInForce::Ioc)
    ]
}

fn new_order() -> impl Strategy<Value = NewOrder> {
    let terms = (0..10_u64, side(), 0..43_u64, -1..15_i64, account());
    (terms, symbol(), time_in_force(), 0..60_u8).prop_map(|(terms, symbol, tif, odd)| {
        let (name, side, qty, price, account) = terms;
        let order = match odd {
            0..=7 => market(name, side, qty),
            8 => NewOrder { exec_inst: 128, ..limit(name, side, qty, price) },
            9 => NewOrder { price: Price(5), ..market(name, side, qty) },
            _ => limit(name, side, qty, price),
        };
        NewOrder { symbol, account, time_in_force: tif, ..order }
    })
}

/// 0 is what most orders have, and means every account in a request.
fn account() -> impl Strategy<Value = Account> {
    prop_oneof![2 => Just(0), 1 => Just(7), 1 => Just(8)].prop_map(Account)
}

fn mass() -> impl Strategy<Value = MassAction> {
    let scope = prop_oneof![Just(MassActionScope::AllOrders), Just(MassActionScope::Security)];
    // 9 is no side.
    let side = prop_oneof![4 => Just(0), 2 => Just(b'1'), 2 => Just(b'2'), 1 => Just(9)];
    (scope, symbol(), side, account()).prop_map(|(scope, symbol, side, account)| MassAction {
        scope,
        symbol,
        side,
        account,
        ..all_orders(88)
    })
}

fn step() -> impl Strategy<Value = Step> {
    let session = 0..3_u32;
    let by = prop_oneof![3 => Just(By::Name), 2 => (0..40_usize).prop_map(By::Handle)];
    let cancels = (session.clone(), 0..10_u64, side(), symbol(), by.clone());
    let changes = (0..10_u64, 0..10_u64, side(), 0..43_u64, -1..15_i64);
    prop_oneof![
        20 => (session.clone(), new_order())
            .prop_map(|(session, order)| Step::Enter { session, order }),
        6 => cancels.prop_map(|(session, orig, side, symbol, by)| {
            let request = CancelOrder { symbol, ..cancel_of(99, orig, side) };
            Step::Cancel { session, request, by }
        }),
        1 => (session.clone(), mass())
            .prop_map(|(session, request)| Step::MassCancel { session, request }),
        1 => session.clone().prop_map(|session| Step::EndSession { session }),
        6 => (session.clone(), 0..10_u64, side(), symbol(), by.clone()).prop_map(
            |(session, name, side, symbol, by)| {
                let request = OrderStatusQuery { symbol, ..status_of(name, side) };
                Step::Status { session, request, by }
            }
        ),
        1 => Just(Step::Fork),
        12 => (session, changes, symbol(), time_in_force(), by).prop_map(
            |(session, (name, orig, side, qty, price), symbol, time_in_force, by)| {
                let request = replace_of(name, orig, side, qty, price);
                let request = ReplaceOrder { symbol, time_in_force, ..request };
                Step::Replace { session, request, by }
            }
        ),
        2 => (side(), 1..50_u64, 1..14_i64)
            .prop_map(|(side, count, price)| Step::Fill { side, count, price }),
    ]
}

/// Most machines of a kind that run beside each other.
const FORKS_MAX: usize = 3;

struct Twins {
    plan: BookPlan,
    /// The first one began empty; each other one was restored from the one before it.
    fast: Vec<Venue<Book>>,
    naive: Vec<Venue<ReferenceBook>>,
    forks: usize,
    handles: Vec<(OrderId, SymbolId, Side)>,
    names: u64,
    /// What came out, and how often.
    met: BTreeMap<String, u32>,
}

impl Twins {
    fn new(plan: &BookPlan, room: usize) -> Self {
        let mut twins = Self {
            plan: plan.clone(),
            fast: vec![Venue::new(plan)],
            naive: vec![Venue::new(plan)],
            forks: 0,
            handles: Vec::new(),
            names: 1_000,
            met: BTreeMap::new(),
        };
        twins.fast[0].room = room;
        // The naive twin gets other rooms: reports must not depend on them.
        twins.naive[0].room = room + 3;
        twins
    }

    fn run(&mut self, command: Command) {
        let reports =
            self.all(&format!("{command:?}"), |fast| fast.run(command), |naive| naive.run(command));
        for report in &reports {
            if let ReportBody::New(new) = report.parse().unwrap() {
                self.handles.push((new.order.order_id, new.order.symbol, new.order.side));
            }
            *self.met.entry(outcome(report)).or_default() += 1;
        }
    }

    fn end_session(&mut self, session: u32) {
        let reports = self.all(
            &format!("session {session} ends"),
            |fast| fast.end_session(session),
            |naive| naive.end_session(session),
        );
        for report in &reports {
            *self.met.entry(outcome(report)).or_default() += 1;
        }
    }

    /// Lets every machine do the same; all must say the same and be the same then.
    fn all(
        &mut self,
        what: &str,
        mut fast: impl FnMut(&mut Venue<Book>) -> Vec<Report>,
        mut naive: impl FnMut(&mut Venue<ReferenceBook>) -> Vec<Report>,
    ) -> Vec<Report> {
        let expected = naive(&mut self.naive[0]);
        let digest = self.naive[0].digest();
        let live = [0, 1, 2].map(|session| self.naive[0].machine.live_orders(SessionSlot(session)));
        for venue in &mut self.fast {
            assert_eq!(fast(venue), expected, "{what}");
            assert_eq!(venue.digest(), digest, "{what}");
            let counted = [0, 1, 2].map(|session| venue.machine.live_orders(SessionSlot(session)));
            assert_eq!(counted, live, "{what}");
        }
        for venue in &mut self.naive[1..] {
            assert_eq!(naive(venue), expected, "{what}");
            assert_eq!(venue.digest(), digest, "{what}");
        }
        expected
    }

    fn fork(&mut self) {
        fn fork<M: Subject>(venues: &mut Vec<Venue<M>>, plan: &BookPlan) {
            let fork = venues[venues.len() - 1].fork(plan);
            if venues.len() == FORKS_MAX {
                venues.remove(1);
            }
            venues.push(fork);
        }
        fork(&mut self.fast, &self.plan);
        fork(&mut self.naive, &self.plan);
        self.forks += 1;
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Enter { session, order } => self.run(enter(session, order)),
            Step::Cancel { session, mut request, by } => {
                if let Some((order_id, symbol, side)) = self.handle(by) {
                    request = CancelOrder { order_id, symbol, side, ..request };
                }
                self.run(cancel(session, request));
            }
            Step::Replace { session, mut request, by } => {
                if let Some((order_id, symbol, side)) = self.handle(by) {
                    request = ReplaceOrder { order_id, symbol, side, ..request };
                }
                self.run(replace(session, request));
            }
            Step::Fill { side, count, price } => {
                for _ in 0..count {
                    self.names += 1;
                    self.run(enter(0, limit(self.names, side, 1, price)));
                }
            }
            Step::MassCancel { session, request } => self.run(mass_action(session, request)),
            Step::Status { session, mut request, by } => {
                if let Some((order_id, symbol, side)) = self.handle(by) {
                    request = OrderStatusQuery { order_id, symbol, side, ..request };
                }
                self.run(order_status(session, request));
            }
            Step::EndSession { session } => self.end_session(session),
            Step::Fork => self.fork(),
        }
    }

    /// Counted from the newest, so that small numbers are likely to be live.
    fn handle(&self, by: By) -> Option<(OrderId, SymbolId, Side)> {
        let By::Handle(back) = by else { return None };
        self.handles.iter().rev().nth(back).copied()
    }

    fn depths_agree(&mut self) {
        for symbol in 1..=3 {
            for depth in [0, 1, 3, 64] {
                self.run(market_data(0, symbol, depth));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn the_twins_agree(
        symbols in 1..3_usize,
        orders_max in prop_oneof![Just(1), Just(2), Just(5), Just(12), Just(300)],
        levels_max in prop_oneof![Just(1), Just(2), Just(4), Just(64)],
        room in 0..6_usize,
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut twins = Twins::new(&sizes(symbols, orders_max, levels_max), room);
        for step in &steps {
            twins.step(step);
        }
        twins.depths_agree();
    }
}

/// A report's kind, and its reason if it has one.
fn outcome(report: &Report) -> String {
    match report.parse().unwrap() {
        ReportBody::Rejected(r) => {
            format!("{:?}", OrderRejectReason::from_code(r.order.detail).unwrap())
        }
        ReportBody::MassAction(r) => {
            let affected = if r.total_affected > 0 { "some" } else { "none" };
            format!("{:?} {:?} {affected}", r.response, r.reject_reason)
        }
        ReportBody::Status(r) => format!("Status {:?}", r.order.ord_status),
        ReportBody::CancelReject(r) => format!("{} {:?}", char::from(r.response_to), r.reason),
        ReportBody::Canceled(r) => {
            format!("{:?}", CancelReason::from_code(r.order.detail).unwrap())
        }
        _ => format!("{:?}", ReportKind::from_code(report.kind).unwrap()),
    }
}

/// A property that never meets the hard cases proves little: this run counts them.
#[test]
fn random_flow_meets_every_outcome() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut met = BTreeMap::<String, u32>::new();
    let (mut pauses, mut forks) = (0, 0);
    for (orders_max, levels_max) in [(5, 2), (40, 3), (400, 64)] {
        let mut twins = Twins::new(&sizes(2, orders_max, levels_max), 2);
        for _ in 0..5_000 {
            twins.step(&step().new_tree(&mut runner).unwrap().current());
        }
        pauses += twins.fast[0].pauses;
        forks += twins.forks;
        for (outcome, count) in twins.met {
            *met.entry(outcome).or_default() += count;
        }
    }
    let outcomes = "New|Trade|Replaced|Requested|ImmediateOrCancel|ReplacedToFilled|UnknownSymbol|\
        UnsupportedOrderCharacteristic|IncorrectQuantity|InvalidPriceIncrement|DuplicateOrder|\
        BookFull|NoLiquidity|1 UnknownOrder|1 Mismatch|2 UnknownOrder|2 Mismatch|\
        2 DuplicateClOrdId|2 IncorrectQuantity|2 InvalidPriceIncrement|2 BookFull|MassAction|\
        CancelOnDisconnect|Completed None some|Completed None none|Rejected UnknownSecurity none|\
        Status New|Status PartiallyFilled|Status Rejected";
    for outcome in outcomes.split('|') {
        assert!(met.get(outcome).is_some_and(|count| *count >= 5), "{outcome}: {met:#?}");
    }
    assert!(pauses > 5 && forks > 100, "{pauses} {forks}");
}
