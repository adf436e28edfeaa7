//! Every message is answered once, in order, or the client is told that it never will be.
//!
//! A session's reports are walked in the order of their numbers. Each answers at most one message,
//! which is found by kind and name: clients of the simulator never use a name twice, in no life.
//!
//! Inputs -> outputs: messages as submitted, reports as received -> a verdict.
//! Invariants: numbers that were applied ascend along the reports; none is both applied and burnt.
//! Not here: the SDK's own table of answers, on purpose.
//! Source: SAFETY 17; FIXP 1.1, idempotent flow.

use super::{Verdict, Violation};
use gavel_types::CancelReason;
use gavel_wire::client::Application;
use gavel_wire::server::SequencedBody;
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
}

/// What identifies a message of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Its kind.
    pub kind: AskedFor,
    /// ClOrdID or MDReqID.
    pub name: u64,
}

impl Asked {
    /// Of a message.
    ///
    /// # Panics
    /// If it is one that no client sends.
    #[must_use]
    pub fn of(message: &Application) -> Self {
        let (kind, name) = match message {
            Application::NewOrder(order) => (AskedFor::New, order.cl_ord_id.0),
            Application::Cancel(request) => (AskedFor::Cancel, request.cl_ord_id.0),
            Application::Replace(request) => (AskedFor::Replace, request.cl_ord_id.0),
            Application::MarketData(query) => (AskedFor::MarketData, query.md_req_id.0),
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
    /// The one of this name is refused, whatever it asked for.
    Refused(u64),
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
        SequencedBody::BusinessReject(reject) => return Says::Refused(reject.ref_id),
        // No client of ours asks for these.
        SequencedBody::MassAction(_) | SequencedBody::Status(_) | SequencedBody::Trade(_) => {
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
}

/// The checker, of one session.
#[derive(Debug, Default)]
pub struct Once {
    /// By name.
    asked: BTreeMap<u64, Given>,
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
        let Asked { kind, name } = Asked::of(&message);
        let given = Given { kind, seq, life, message, answered_by: None };
        self.asked.entry(name).or_insert(given);
    }

    /// The next report in the order of numbers.
    pub fn on_report(&mut self, number: u64, says: Says) -> Verdict {
        match says {
            Says::Nothing => Ok(()),
            Says::Burnt(from, until) => self.on_burnt(number, from, until),
            Says::Answered(Asked { kind, name }) => self.on_answer(number, Some(kind), name),
            Says::Refused(name) => self.on_answer(number, None, name),
        }
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
        let is_burnt =
            |seq: u64| self.burnt.range(..=seq).next_back().is_some_and(|(_, until)| seq < *until);
        let open = |given: &Given| {
            given.life == life && given.answered_by.is_none() && !is_burnt(given.seq)
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

    /// What was applied, in the order of numbers.
    pub fn applied(&self) -> impl Iterator<Item = (u64, &Application)> + '_ {
        self.applied.iter().map(|(seq, name)| (*seq, &self.asked[name].message))
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
