//! Random commands of every kind: whatever comes, the naive book stays sound, quantity is conserved
//! and a book that is restored goes on as the one that was saved.

use super::*;
use alloc::collections::BTreeMap;
use gavel_contract::Conventions;
use gavel_types::{
    BandAction, CancelOrder, DefineSymbol, Kill, KillAction, KillScope, MassAction,
    MassActionScope, MassActionType, OrderId, ReduceOrder, ReplaceOrder, ReportKind, RiskScope,
    SetBands, SetPhase, SetRisk, TradingPhase, exec_inst,
};

/// xorshift: the same numbers every time.
struct Dice {
    state: u64,
    /// The last new order, which comes again now and then.
    last: Option<NewOrder>,
}

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % end
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn side(&mut self) -> Side {
        self.of(Side::ALL)
    }

    fn price(&mut self) -> Price {
        Price(90 + self.below(20) as i64)
    }

    fn symbol(&mut self) -> SymbolId {
        SymbolId(if self.one_in(5) { 2 + u32::from(self.one_in(10)) * 2 } else { 1 })
    }

    fn new_order(&mut self, now: u64) -> NewOrder {
        let comes_again = self.one_in(8);
        let order = match self.last.filter(|_| comes_again) {
            Some(last) => NewOrder { cl_ord_id: ClOrdId(self.below(60)), ..last },
            None => self.other_order(now),
        };
        self.last = Some(order);
        order
    }

    fn other_order(&mut self, now: u64) -> NewOrder {
        let side = self.side();
        let mut order = NewOrder {
            cl_ord_id: ClOrdId(self.below(60)),
            side,
            symbol: self.symbol(),
            account: Account(self.below(4) as u32),
            qty: Qty(1 + self.below(20)),
            stp: self.of(StpInstruction::ALL),
            ..bid(0, self.price().0, self.of(&[TimeInForce::Gtc, TimeInForce::Day]))
        };
        match self.below(16) {
            0 => order.time_in_force = TimeInForce::Ioc,
            1 => order.time_in_force = TimeInForce::Fok,
            2 => {
                order.time_in_force = TimeInForce::Gtd;
                order.expire_time = Nanos((now + self.below(50_000)).saturating_sub(5_000).max(1));
            }
            3 => order.exec_inst = exec_inst::POST_ONLY,
            4 => order.exec_inst = exec_inst::POST_ONLY_SLIDE,
            5..=6 => order.exec_inst = exec_inst::ALL_OR_NONE,
            7..=8 => order.display_qty = Qty(1 + self.below(6)),
            9 => {
                order.time_in_force = TimeInForce::Ioc;
                order.min_qty = Qty(1 + self.below(20));
            }
            10 => {
                order.time_in_force = TimeInForce::Fok;
                order.budget = self.below(3) * 1_000;
            }
            _ => {}
        }
        match self.below(8) {
            0 => order.ord_type = OrdType::Market,
            1 => order.ord_type = OrdType::Stop,
            2 => order.ord_type = OrdType::StopLimit,
            _ => {}
        }
        if matches!(order.ord_type, OrdType::Market | OrdType::Stop) {
            order.price = Price::NULL;
        }
        if matches!(order.ord_type, OrdType::Stop | OrdType::StopLimit) {
            order.stop_px = self.price();
        }
        order
    }

    fn replace(&mut self) -> ReplaceOrder {
        ReplaceOrder {
            cl_ord_id: ClOrdId(self.below(60)),
            orig_cl_ord_id: ClOrdId(self.below(60)),
            order_id: OrderId(0),
            price: if self.one_in(6) { Price::NULL } else { self.price() },
            qty: Qty(self.below(25)),
            symbol: self.symbol(),
            side: self.side(),
            time_in_force: self.of(TimeInForce::ALL),
            exec_inst: if self.one_in(6) { exec_inst::REQUEUE } else { 0 },
            reserved: 0,
            stop_px: if self.one_in(8) { self.price() } else { Price(0) },
        }
    }

    fn steering(&mut self) -> Command {
        let (session, seq) = (SessionSlot(0), SeqNo(1));
        let symbol = self.symbol();
        match self.below(8) {
            0..=3 => {
                let continuous = [TradingPhase::Continuous; 4];
                let phases: Vec<_> = continuous.iter().chain(TradingPhase::ALL).copied().collect();
                let body = SetPhase {
                    request_id: 1,
                    reference: if self.one_in(2) { Price::NULL } else { self.price() },
                    symbol,
                    phase: self.of(&phases),
                    reserved: [0; 3],
                };
                Command::set_phase(session, seq, &body)
            }
            4 => {
                let body = SetBands {
                    request_id: 1,
                    low: Price(85 + self.below(10) as i64),
                    high: Price(105 + self.below(10) as i64),
                    dynamic: Price(self.below(12) as i64),
                    symbol,
                    action: self.of(BandAction::ALL),
                    reserved: [0; 3],
                };
                Command::set_bands(session, seq, &body)
            }
            5 => Command::set_risk(session, seq, &self.limits()),
            6 => {
                let body = Kill {
                    request_id: 1,
                    target: self.below(5) as u32,
                    scope: self.of(KillScope::ALL),
                    action: self.of(&[KillAction::Suspend, KillAction::Reinstate]),
                    reserved: [0; 2],
                };
                Command::kill(session, seq, &body)
            }
            _ => Command::define_symbol(session, seq, &self.definition()),
        }
    }

    fn limits(&mut self) -> SetRisk {
        let mut some = |most: u64| if self.one_in(2) { 0 } else { self.below(most) };
        SetRisk {
            request_id: 1,
            qty_max: Qty(some(20)),
            notional_max: some(2_000),
            position_max: Qty(some(100)),
            collar: Price(some(20) as i64),
            orders_max: some(20) as u32,
            rate_per_s: some(1_000_000) as u32,
            rate_burst: some(10) as u32,
            duplicate_ms: some(2) as u32,
            target: self.below(5) as u32,
            scope: self.of(RiskScope::ALL),
            reserved: [0; 3],
        }
    }

    fn definition(&mut self) -> DefineSymbol {
        DefineSymbol {
            request_id: 1,
            tick: Price(1 + self.below(2) as i64),
            price_min: Price(1),
            price_max: Price(1 << 40),
            lot: Qty(1 + self.below(2)),
            qty_max: Qty(1_000),
            protection: Price(self.below(3) as i64),
            symbol: SymbolId(1 + self.below(3) as u32),
            qty_scale: 0,
            stp: self.of(StpInstruction::ALL),
            reserved: [0; 2],
        }
    }

    fn command(&mut self, now: u64) -> Command {
        let (session, seq) = (SessionSlot(self.below(4) as u32), SeqNo(1));
        match self.below(40) {
            0..=27 => Command::new_order(session, seq, &self.new_order(now)),
            28..=29 => {
                let body = CancelOrder {
                    cl_ord_id: ClOrdId(99),
                    orig_cl_ord_id: ClOrdId(self.below(60)),
                    order_id: OrderId(0),
                    symbol: self.symbol(),
                    side: self.side(),
                    reserved: [0; 3],
                };
                Command::cancel(session, seq, &body)
            }
            30..=34 => Command::replace(session, seq, &self.replace()),
            35..=36 => {
                let body = ReduceOrder {
                    cl_ord_id: ClOrdId(99),
                    orig_cl_ord_id: ClOrdId(self.below(60)),
                    order_id: OrderId(0),
                    by: Qty(self.below(10)),
                    symbol: self.symbol(),
                    side: self.side(),
                    reserved: [0; 3],
                };
                Command::reduce(session, seq, &body)
            }
            37 if self.one_in(4) => {
                let body = MassAction {
                    cl_ord_id: ClOrdId(99),
                    symbol: self.symbol(),
                    account: Account(0),
                    action: MassActionType::CancelOrders,
                    scope: self.of(MassActionScope::ALL),
                    side: 0,
                    reserved: [0; 5],
                };
                Command::mass_action(session, seq, &body)
            }
            38 => self.steering(),
            _ => Command::tick(),
        }
    }
}

struct Bytes(Vec<u8>);

impl StateSink for Bytes {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

impl StateSource for Bytes {
    fn take(&mut self, into: &mut [u8]) -> Result<(), BadState> {
        let rest = self.0.split_off(into.len());
        into.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

fn saved(book: &ReferenceBook) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    book.save(&mut bytes);
    bytes.0
}

/// Runs so many commands; counts what came out.
fn make_noise(seed: u64, plan: &BookPlan, commands: u64, met: &mut BTreeMap<String, u64>) {
    let mut dice = Dice { state: seed * 0x9E37_79B9 + 1, last: None };
    let mut book = ReferenceBook::new(plan);
    let mut now = 1;
    for index in 1..=commands {
        now += dice.below(2_000);
        let command = dice.command(now);
        let stamp = Stamp { index: Index(index), term: Term(1), time: Nanos(now) };
        let record = LogRecord { stamp, command };
        let mut out = All(Vec::new());
        assert_eq!(book.apply(&record, &mut out), Progress::Done);
        for report in &out.0 {
            let outcome = match report.parse().expect("a report is well formed") {
                ReportBody::Rejected(r) => format!("Rejected {}", r.order.detail),
                ReportBody::Canceled(r) => format!("Canceled {}", r.order.detail),
                ReportBody::CancelReject(r) => format!("CancelReject {:?}", r.reason),
                ReportBody::Steering(r) => format!("{} {:?}", r.command, r.result),
                _ => format!("{:?}", ReportKind::from_code(report.kind)),
            };
            *met.entry(outcome).or_default() += 1;
        }
        book.verify();
        // The rare commands that stop everything are taken back before long.
        if index % 400 == 0 {
            book.killed = false;
            book.symbols.values_mut().for_each(|symbol| symbol.killed = false);
            book.sessions.clear();
            book.accounts.clear();
            book.positions.clear();
        }
        if index % 97 == 0 {
            let bytes = saved(&book);
            let mut restored = ReferenceBook::new(plan);
            restored.restore(&mut Bytes(bytes.clone())).expect("what was saved is restored");
            assert!(saved(&restored) == bytes, "what was restored is what was saved");
            book = restored;
        }
    }
}

#[test]
fn noise_leaves_a_sound_book() {
    let mut met = BTreeMap::new();
    let second = SymbolSpec { symbol: SymbolId(2), stp: StpInstruction::Decrement, ..symbol() };
    for seed in 1..=64 {
        let bit = |n: u64| seed >> n & 1 == 1;
        let plan = BookPlan {
            symbols: alloc::vec![symbol(), second.clone()],
            levels_max: if bit(0) { 50 } else { 6 },
            pages_max: if bit(1) { 64 } else { 6 },
            accounts_max: 3,
            positions_max: 3,
            symbols_max: 3,
            conventions: Conventions {
                refuse_replace_to_filled: bit(0),
                refuse_replace_that_trades: bit(1),
                requeue_on_decrease: bit(2),
                iceberg_keeps_place: bit(3),
                refuse_stop_beyond_last: bit(4),
                market_rest_rests: bit(5),
                post_only_on_entry_only: bit(0),
                surplus_before_reference: bit(1),
            },
            ..BookPlan::for_orders(50)
        };
        make_noise(seed, &plan, 2_000, &mut met);
    }
    // Every reason there is to cancel but those that only callers have, and every kind of report.
    for reason in [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11] {
        assert!(met.contains_key(&format!("Canceled {reason}")), "{reason}: {met:#?}");
    }
    for reason in OrderRejectReason::ALL {
        let is_used = !matches!(
            reason,
            OrderRejectReason::OrderExceedsLimit | OrderRejectReason::UnknownOrder
        );
        let is_met = met.contains_key(&format!("Rejected {}", reason.code()));
        assert!(is_met || !is_used, "{reason:?}");
    }
}
