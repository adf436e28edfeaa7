//! Every message is answered once, in order, or the client is told that it never will be.
//!
//! A session's reports are walked in the order of their numbers. Each answers at most one message,
//! which is found by kind and name: clients of the simulator never use a name twice, in no life.
//! (The answer to OrderStatusRequest names the order and not the question: it answers the first
//! that is open. A message that is refused is named by its number too.)
//!
//! Inputs -> outputs: messages as submitted, reports as received -> a verdict.
//! Invariants: numbers that were applied ascend along the reports; none is both applied and burnt.
//! Not here: the SDK's own table of answers, on purpose.
//! Source: SAFETY 17; FIXP 1.1, idempotent flow.

use super::{Verdict, Violation};
use gavel_types::{CancelReason, ClOrdId, OrderId};
use gavel_wire::client::Application;
use gavel_wire::server::SequencedBody;
use std::cmp::Reverse;
use std::collections::BTreeMap;

const CHECKER: &str = "once";

/// Kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AskedFor {
    /// NewOrderSingle.
    New,
    /// OrderCancelRequest.
    Cancel,
    /// OrderCancelReplaceRequest.
    Replace,
    /// MarketDataRequest.
    MarketData,
    /// OrderMassActionRequest.
    MassAction,
    /// OrderStatusRequest.
    Status,
    /// Whatever steers the venue.
    Steering,
}

/// What identifies a message of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Its kind.
    pub kind: AskedFor,
    /// ClOrdID, MDReqID or the name of a steering request; of an OrderStatusRequest the order's, if
    /// it has one there.
    pub name: u64,
}

impl Asked {
    /// Of a message.
    ///
    /// # Panics
    /// If it is one that no client of the simulator sends: they do not reduce, whose answer does
    /// not always name its request.
    #[must_use]
    pub fn of(message: &Application) -> Self {
        let (kind, name) = match message {
            Application::NewOrder(order) => (AskedFor::New, order.cl_ord_id.0),
            Application::Cancel(request) => (AskedFor::Cancel, request.cl_ord_id.0),
            Application::Replace(request) => (AskedFor::Replace, request.cl_ord_id.0),
            Application::MarketData(query) => (AskedFor::MarketData, query.md_req_id.0),
            Application::MassAction(request) => (AskedFor::MassAction, request.cl_ord_id.0),
            Application::OrderStatus(query) => (AskedFor::Status, query.cl_ord_id.0),
            Application::DefineSymbol(request) => (AskedFor::Steering, request.request_id),
            Application::SetPhase(request) => (AskedFor::Steering, request.request_id),
            Application::SetBands(request) => (AskedFor::Steering, request.request_id),
            Application::SetRisk(request) => (AskedFor::Steering, request.request_id),
            Application::Kill(request) => (AskedFor::Steering, request.request_id),
            Application::Reduce(_) => unreachable!("clients of the simulator do not reduce"),
            Application::Refused(_) => unreachable!("clients send what has a form"),
        };
        Self { kind, name }
    }
}

/// What a report says of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// This one is answered.
    Answered(Asked),
    /// The one of this number and this name is refused, whatever it asked for.
    Refused(u64, u64),
    /// A question for an order of these names is answered.
    Status(ClOrdId, OrderId),
    /// These numbers never will be applied: from the first, up to the second (not included).
    Burnt(u64, u64),
    /// Nothing of any message.
    Nothing,
}

/// What a report says of messages.
#[must_use]
pub fn answer_of(body: &SequencedBody<'_>) -> Says {
    use AskedFor::{Cancel, MarketData, New, Replace};
    let (kind, name) = match body {
        SequencedBody::NotApplied(burnt) => {
            return Says::Burnt(burnt.from.0, burnt.from.0 + burnt.count);
        }
        SequencedBody::New(exec) => (New, exec.order.cl_ord_id.0),
        SequencedBody::Rejected(exec) => (New, exec.order.cl_ord_id.0),
        SequencedBody::Replaced(exec) => (Replace, exec.order.cl_ord_id.0),
        SequencedBody::MarketData(snapshot) => (MarketData, snapshot.md_req_id.0),
        SequencedBody::CancelReject(reject) => {
            (if reject.response_to == b'1' { Cancel } else { Replace }, reject.cl_ord_id.0)
        }
        SequencedBody::Canceled(exec) => {
            let name = exec.request_cl_ord_id.0;
            match CancelReason::from_code(exec.order.detail) {
                Some(CancelReason::Requested) => (Cancel, name),
                Some(CancelReason::ReplacedToFilled) => (Replace, name),
                _ => return Says::Nothing,
            }
        }
        SequencedBody::MassAction(report) => (AskedFor::MassAction, report.cl_ord_id.0),
        SequencedBody::Status(exec) => {
            return Says::Status(exec.order.cl_ord_id, exec.order.order_id);
        }
        SequencedBody::BusinessReject(reject) => {
            return Says::Refused(reject.ref_seq.0, reject.ref_id);
        }
        SequencedBody::Steering(report) => (AskedFor::Steering, report.request_id),
        SequencedBody::Trade(_) | SequencedBody::Triggered(_) | SequencedBody::Restated(_) => {
            return Says::Nothing;
        }
    };
    Says::Answered(Asked { kind, name })
}

#[derive(Clone, Copy, Debug)]
struct Given {
    kind: AskedFor,
    seq: u64,
    life: u32,
    message: Application,
    answered_by: Option<u64>,
    is_refused: bool,
}

/// Names from here on are ours, for questions that have none.
const NAMELESS: u64 = 1 << 63;

/// The checker, of one session.
#[derive(Debug, Default)]
pub struct Once {
    /// By name.
    asked: BTreeMap<u64, Given>,
    /// Questions without a name so far.
    nameless: u64,
    /// By number of the client's flow: the name that was applied under it.
    applied: BTreeMap<u64, u64>,
    /// From -> until.
    burnt: BTreeMap<u64, u64>,
    /// Reports were lost to the client, and it was told so: answers may be among them.
    is_lossy: bool,
}

impl Once {
    /// A client handed over a message.
    pub fn on_submit(&mut self, life: u32, seq: u64, message: Application) {
        let Asked { kind, mut name } = Asked::of(&message);
        if kind == AskedFor::Status {
            self.nameless += 1;
            name = NAMELESS + self.nameless;
        }
        let given = Given { kind, seq, life, message, answered_by: None, is_refused: false };
        self.asked.entry(name).or_insert(given);
    }

    /// The next report in the order of numbers.
    pub fn on_report(&mut self, number: u64, says: Says) -> Verdict {
        match says {
            Says::Nothing => Ok(()),
            Says::Burnt(from, until) => self.on_burnt(number, from, until),
            Says::Answered(Asked { kind, name }) => self.on_answer(number, Some(kind), name),
            Says::Refused(seq, name) => {
                let question = self.open_question(|given| given.seq == seq);
                let life = |name: &u64| self.asked.get(name).map_or(0, |given| given.life);
                let by_name = self.asked.get(&name).filter(|given| given.seq == seq);
                let by_name = by_name.map_or(0, |given| given.life);
                let name = question.filter(|question| life(question) > by_name).unwrap_or(name);
                self.on_answer(number, None, name)
            }
            Says::Status(cl_ord_id, order_id) => {
                let asks = |given: &Given| match given.message {
                    Application::OrderStatus(query) if query.order_id == OrderId(0) => {
                        query.cl_ord_id == cl_ord_id
                    }
                    Application::OrderStatus(query) => query.order_id == order_id,
                    _ => false,
                };
                match self.open_question(asks) {
                    Some(name) => self.on_answer(number, Some(AskedFor::Status), name),
                    None => fail(format!(
                        "report {number} says how order {cl_ord_id} ({order_id}) stands, and nobody \
                         asked"
                    )),
                }
            }
        }
    }

    /// The first question without a name that can still be answered, of those.
    fn open_question(&self, of_those: impl Fn(&Given) -> bool) -> Option<u64> {
        let after = self.applied.last_key_value().map_or(0, |(seq, _)| *seq);
        let can = |given: &Given| {
            given.answered_by.is_none() && given.seq > after && !self.is_burnt(given.seq)
        };
        let open = self.asked.range(NAMELESS..).filter(|(_, given)| can(given) && of_those(given));
        // Of two lives that gave one number, only the later one's message can have arrived.
        open.min_by_key(|(_, given)| (given.seq, Reverse(given.life))).map(|(name, _)| *name)
    }

    fn is_burnt(&self, seq: u64) -> bool {
        self.burnt.range(..=seq).next_back().is_some_and(|(_, until)| seq < *until)
    }

    fn on_burnt(&mut self, number: u64, from: u64, until: u64) -> Verdict {
        if let Some((seq, name)) = self.applied.range(from..until).next() {
            return fail(format!(
                "report {number} says that {from} to {until} were not applied, and {name} was, \
                 under {seq}"
            ));
        }
        self.burnt.insert(from, until);
        Ok(())
    }

    fn on_answer(&mut self, number: u64, kind: Option<AskedFor>, name: u64) -> Verdict {
        let is_refused = kind.is_none();
        let asked = self.asked.get_mut(&name);
        let asked = asked.filter(|given| kind.is_none_or(|kind| kind == given.kind));
        let Some(given) = asked else {
            return fail(format!("report {number} answers {kind:?} {name}, which nobody sent"));
        };
        let (kind, seq) = (given.kind, given.seq);
        if let Some(first) = given.answered_by {
            return fail(format!("{kind:?} {name} is answered by report {first} and by {number}"));
        }
        given.answered_by = Some(number);
        given.is_refused = is_refused;
        if let Some((last, other)) = self.applied.last_key_value()
            && *last >= seq
        {
            return fail(format!(
                "report {number} answers {kind:?} {name}, number {seq}, after {other}, number {last}"
            ));
        }
        if let Some((from, until)) = self.burnt.range(..=seq).next_back()
            && seq < *until
        {
            return fail(format!(
                "report {number} answers {kind:?} {name}, number {seq}; {from} to {until} were burnt"
            ));
        }
        self.applied.insert(seq, name);
        Ok(())
    }

    /// Reports were lost to the client, and it was told so.
    pub fn on_loss(&mut self) {
        self.is_lossy = true;
    }

    /// In the end: every message of the present life was answered, or burnt.
    pub fn finish(&self, life: u32) -> Verdict {
        let open = |given: &Given| {
            given.life == life && given.answered_by.is_none() && !self.is_burnt(given.seq)
        };
        if self.is_lossy {
            return Ok(());
        }
        match self.asked.iter().find(|(_, given)| open(given)) {
            None => Ok(()),
            Some((name, Given { kind, seq, .. })) => {
                fail(format!("{kind:?} {name}, number {seq}, was never answered"))
            }
        }
    }

    /// What was applied, in the order of numbers, but for what was refused before it was.
    pub fn applied(&self) -> impl Iterator<Item = (u64, &Application)> + '_ {
        let given = self.applied.iter().map(|(seq, name)| (*seq, &self.asked[name]));
        given.filter(|(_, given)| !given.is_refused).map(|(seq, given)| (seq, &given.message))
    }
}

fn fail(what: String) -> Verdict {
    Err(Violation::new(CHECKER, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Asked = Asked { kind: AskedFor::New, name: 1 };
    const B: Asked = Asked { kind: AskedFor::New, name: 2 };

    fn once() -> Once {
        let mut once = Once::default();
        for (seq, asked) in [(1, A), (2, B)] {
            let limit = gavel_client::Limit {
                cl_ord_id: gavel_types::ClOrdId(asked.name),
                symbol: gavel_types::SymbolId(1),
                side: gavel_types::Side::Buy,
                price: gavel_types::Price(10),
                qty: gavel_types::Qty(1),
                time_in_force: gavel_types::TimeInForce::Gtc,
            };
            once.on_submit(1, seq, limit.into());
        }
        once
    }

    #[test]
    fn two_answers_in_order_are_well() {
        let mut once = once();
        assert!(once.finish(1).is_err());
        assert_eq!(once.on_report(1, Says::Answered(A)), Ok(()));
        assert_eq!(once.on_report(2, Says::Nothing), Ok(()));
        assert_eq!(once.on_report(3, Says::Answered(B)), Ok(()));
        assert_eq!(once.finish(1), Ok(()));
    }

    #[test]
    fn twice_out_of_order_unknown_and_burnt_are_not() {
        let mut twice = once();
        assert!(twice.on_report(1, Says::Answered(A)).is_ok());
        assert!(twice.on_report(2, Says::Answered(A)).is_err());
        let mut swapped = once();
        assert!(swapped.on_report(1, Says::Answered(B)).is_ok());
        assert!(swapped.on_report(2, Says::Answered(A)).is_err());
        let unknown = Asked { kind: AskedFor::Cancel, name: 1 }; // no cancel has that name
        assert!(once().on_report(1, Says::Answered(unknown)).is_err());
        let mut burnt = once();
        assert!(burnt.on_report(1, Says::Burnt(1, 2)).is_ok());
        assert!(burnt.on_report(2, Says::Answered(A)).is_err());
        let mut late = once();
        assert!(late.on_report(1, Says::Answered(B)).is_ok());
        assert!(late.on_report(2, Says::Burnt(2, 3)).is_err());
    }
}
