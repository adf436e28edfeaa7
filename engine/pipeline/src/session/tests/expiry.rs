//! What becomes due inside the machine: it ends by a Tick that is asked for, and by every record,
//! whoever handles it; whatever room there is.

use super::*;
use gavel_contract::Machine;
use gavel_types::limits::BURST;
use gavel_types::{
    BusinessRejectReason, CancelReason, Kill, KillAction, KillScope, RejectedMessage,
};

/// Sessions 7 and 8 in slots 0 and 1, on connections 1 and 2; 8 has an order that ends at `at_ms`.
fn dated(at_ms: u64) -> Bench {
    let mut bench = Bench::new(4);
    for (uuid, conn) in [(7, 1), (8, 2)] {
        bench.negotiate(uuid);
        bench.establish(uuid, conn, 1, (0, 0));
    }
    let reports = bench.apply(order_until(1, 1, 1, at_ms * MS));
    assert_eq!(reports.len(), 1);
    bench
}

/// Number, session and name of each order that the reports begin with the end of.
fn expired(reports: &[Report]) -> Vec<(u64, u32, u64)> {
    let ended = |report: &Report| match report.parse() {
        Ok(ReportBody::Canceled(body)) if body.order.detail == CancelReason::Expired.code() => {
            Some((report.number.0, report.session.0, body.order.cl_ord_id.0))
        }
        _ => None,
    };
    reports.iter().map_while(ended).collect()
}

#[test]
fn a_tick_is_asked_for_in_time_and_ends_what_is_due() {
    for at_ms in [15, 20, 1_000] {
        let mut bench = dated(at_ms);
        let tick_at = bench.machine.tick_at();
        let late_ns = tick_at.0 - at_ms * MS;
        assert!(late_ns < TICK_NS, "no later than a Tick can be");
        bench.now = at_ms * MS - 2;
        assert_eq!(bench.apply(Command::tick()), [], "not before its time");
        assert_eq!(bench.machine.tick_at(), tick_at, "it is still wanted");
        bench.now = tick_at.0 - 1;
        let reports = bench.apply(Command::tick());
        assert_eq!(expired(&reports), [(2, 1, 1)], "to the session whose order it was");
        assert_eq!(reports.len(), 1);
        assert_eq!(bench.machine.tick_at(), NEVER, "nothing is due any more");
    }
}

#[test]
fn the_first_of_all_that_is_due_decides_when_a_tick_is_wanted() {
    let mut bench = dated(500);
    bench.disconnect(1);
    assert_eq!(bench.machine.tick_at(), Nanos(500 * MS), "nobody's session ends of itself");
    bench.ask(EstablishSession { cod_type: 1, cod_window_ms: 100, ..establish(7, 1, 1) });
    bench.disconnect(1);
    assert_eq!(bench.machine.tick_at(), Nanos(110 * MS), "a window of a session is over first");
    assert_eq!(bench.machine.due(), bench.machine.sessions()[0].cod_at);
}

fn rejected(slot: u32, seq: u64) -> Command {
    let body = RejectedMessage {
        ref_template: 999,
        reason: BusinessRejectReason::UnsupportedMessageType,
        reserved: 0,
        ref_tag: 0,
        ref_id: 0,
    };
    Command::rejected(SessionSlot(slot), SeqNo(seq), &body)
}

/// Every record that the machine is not shown, and how many reports answer it.
fn handled_here() -> Vec<(&'static str, Command, usize)> {
    let establish = establish(9, 3, 1);
    let skip = SkipSequence { until: SeqNo(5) };
    vec![
        ("Tick", Command::tick(), 0),
        ("AdminStart", start(0), 0),
        ("Negotiate", negotiate(9, NOBODY), 1),
        ("Establish", Command::establish(SessionSlot::NONE, SeqNo(0), &establish), 1),
        ("Disconnect", disconnect(1, DisconnectCause::PeerClosed), 1),
        ("Finish", finish(0, 1, 0), 1),
        ("Skip", Command::skip(SessionSlot(0), SeqNo(1), &skip), 1),
        ("Rejected", rejected(0, 1), 1),
        ("Rejected beyond a gap", rejected(0, 3), 2),
        ("a duplicate", order(1, 1, 7), 0),
        ("nobody's order", order(3, 1, 7), 0),
    ]
}

#[test]
fn every_record_ends_what_is_due_before_it_is_handled() {
    for (name, command, answers) in handled_here() {
        let mut bench = dated(1_000);
        bench.now = 1_000 * MS;
        let reports = bench.apply(command);
        assert_eq!(expired(&reports), [(2, 1, 1)], "{name}");
        assert_eq!(reports.len(), 1 + answers, "{name}: and then it is handled");
        assert_eq!(bench.machine.live_orders(SessionSlot(1)), 0, "{name}");
    }
    // The machine itself ends it before a record that it is shown, and once.
    let mut bench = dated(1_000);
    bench.now = 1_000 * MS;
    let reports = bench.apply(order(1, 2, 2));
    assert_eq!(expired(&reports), [(2, 1, 1)]);
    assert_eq!(numbers(&reports), [2, 3, 4]);
}

#[test]
fn what_a_key_may_not_do_ends_what_is_due() {
    let mut bench = dated(1_000);
    bench.apply(negotiate(9, Who { key_id: 5, role: Role::Read }));
    bench.ask(EstablishSession { key_id: 5, role: Role::Read, ..establish(9, 3, 1) });
    bench.now = 1_000 * MS;
    let reports = bench.apply(order(2, 1, 7));
    assert_eq!(expired(&reports), [(2, 1, 1)]);
    let Ok(ReportBody::BusinessReject(_)) = reports[1].parse() else { panic!("{reports:?}") };
    assert_eq!(numbers(&reports), [2, 1], "each in its own flow");
}

/// More orders end than the outbox has room for, before each kind of record: the same reports as
/// with all the room there is, in the same order, and the same state after them.
#[test]
fn a_pause_before_a_record_loses_and_doubles_nothing() {
    for (name, command, answers) in handled_here() {
        let filled = || {
            let mut bench = dated(1_000);
            let orders = 3 * BURST as u64 + 5;
            (2..orders).for_each(|seq| drop(bench.apply(order_until(1, seq, 0, 900 * MS + seq))));
            // The last one asks for its cancel on disconnect, so that a Tick has its own sweep.
            bench.apply(disconnect(2, DisconnectCause::PeerClosed));
            bench.ask(EstablishSession { cod_type: 1, ..establish(8, 2, orders) });
            (0..3).for_each(|n| drop(bench.apply(order(1, orders + n, 0))));
            bench.apply(disconnect(2, DisconnectCause::PeerClosed));
            bench.now = 1_000 * MS;
            bench
        };
        let mut roomy = filled();
        let expected = roomy.apply(command);
        assert!(expired(&expected).len() > 3 * BURST, "{name}");

        let mut tight = filled();
        tight.out.room = BURST + 1;
        let before = tight.machine.applied();
        let (mut seen, mut turns) = (vec![], 0);
        let mut progress = tight.feed(command);
        while progress == Progress::Paused {
            assert_eq!(tight.machine.applied(), before, "{name}: not applied before it is done");
            seen.extend(tight.out.reports.drain(..));
            progress = tight.machine.resume(&mut tight.out);
            turns += 1;
        }
        seen.extend(tight.out.reports.drain(..));
        assert!(turns >= 3, "{name}: it paused");
        assert_eq!(seen, expected, "{name}");
        assert!(seen.len() >= expired(&seen).len() + answers, "{name}");
        assert_eq!(tight.machine.applied(), before.next(), "{name}");
        assert_eq!(tight.machine.node_digest(), roomy.machine.node_digest(), "{name}");
    }
}

/// The record that waits gets the room that it would have alone.
#[test]
fn a_record_waits_for_room_after_what_was_due() {
    let mut bench = dated(1_000);
    bench.now = 1_000 * MS;
    bench.out.room = BURST;
    assert_eq!(bench.feed(rejected(0, 3)), Progress::Paused, "one slot is taken");
    assert_eq!(expired(bench.out.reports.make_contiguous()), [(2, 1, 1)]);
    assert_eq!(bench.machine.resume(&mut bench.out), Progress::Paused, "it still is");
    bench.out.reports.clear();
    assert_eq!(bench.machine.resume(&mut bench.out), Progress::Done);
    assert_eq!(bench.out.reports.len(), 2, "NotApplied and the reject");
}

fn kill(slot: u32, seq: u64) -> Command {
    let body = Kill {
        request_id: 99,
        target: 0,
        scope: KillScope::Venue,
        action: KillAction::HaltTrading,
        reserved: [0; 2],
    };
    Command::kill(SessionSlot(slot), SeqNo(seq), &body)
}

#[test]
fn who_may_steer_the_venue() {
    for (key_id, role, may) in [
        (0, Role::Trade, true), // no keys are configured, so everybody is somebody
        (5, Role::Trade, false),
        (5, Role::Read, false),
        (5, Role::Admin, true),
    ] {
        let mut bench = Bench::new(2);
        bench.apply(negotiate(7, Who { key_id, role }));
        bench.ask(EstablishSession { key_id, role, ..establish(7, 1, 1) });
        let reports = bench.apply(kill(0, 1));
        assert_eq!(numbers(&reports), [1], "it is numbered in the session's flow");
        match reports[0].parse().unwrap() {
            ReportBody::Steering(body) => {
                assert!(may, "key {key_id}, {role:?}");
                assert_eq!(body.request_id, 99);
            }
            ReportBody::BusinessReject(body) => {
                assert!(!may, "key {key_id}, {role:?}");
                assert_eq!(body.reason, BusinessRejectReason::NotAuthorized);
                assert_eq!((body.ref_seq, body.ref_id, body.ref_template), (SeqNo(1), 99, 134));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(bench.apply(kill(0, 1)), [], "it took its number, whoever asked");
    }
}
