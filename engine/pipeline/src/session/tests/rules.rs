//! What ends a session's flow, its orders and the session: FinishedSending, cancel-on-disconnect,
//! expiry; and what a key may do.

use super::*;
use gavel_types::{
    BusinessRejectReason, CancelReason, MassAction, MassActionScope, MassActionType,
    OrderStatusQuery,
};

/// Session 7 in slot 0, established on connection 1 with this cancel-on-disconnect, one live order.
fn covered(cod_type: u8, window_ms: u64) -> Bench {
    let mut bench = Bench::new(4);
    bench.apply(start(0));
    bench.negotiate(7);
    bench.ask(EstablishSession { cod_type, cod_window_ms: window_ms, ..establish(7, 1, 1) });
    bench.order(0, 1, 1);
    bench
}

fn canceled(reports: &[Report]) -> Vec<(u64, u64)> {
    let cancel = |report: &Report| match report.parse().unwrap() {
        ReportBody::Canceled(body) => {
            assert_eq!(body.order.detail, CancelReason::CancelOnDisconnect.code());
            Some((report.number.0, body.order.cl_ord_id.0))
        }
        _ => None,
    };
    reports.iter().filter_map(cancel).collect()
}

#[test]
fn finished_sending_burns_what_never_came_and_ends_the_flow() {
    let mut bench = established();
    bench.order(0, 1, 1);
    let reports = bench.apply(finish(0, 1, 3));
    let ReportBody::NotApplied(range) = reports[0].parse().unwrap() else { panic!() };
    assert_eq!((range.from, range.count), (SeqNo(2), 2));
    let ReportBody::FlowFinished(end) = reports[1].parse().unwrap() else { panic!() };
    assert_eq!((end.conn, end.next_number), (ConnId(1), ReportNo(3)));
    assert_eq!(bench.order(0, 4, 1), [], "nothing follows the last one");
    let skip = Command::skip(SessionSlot(0), SeqNo(4), &SkipSequence { until: SeqNo(9) });
    assert_eq!(bench.apply(skip), [], "nor is anything skipped");
    let again = bench.apply(finish(0, 1, 3));
    assert_eq!(again.len(), 1, "said again it is answered again, and burns nothing");
    assert_eq!(bench.apply(finish(0, 2, 3)), [], "another connection finishes nothing");
}

#[test]
fn a_finished_session_comes_back_and_is_told_so() {
    let mut bench = established();
    bench.order(0, 1, 1);
    bench.apply(finish(0, 1, 1));
    bench.disconnect(1);
    let reports = bench.establish(7, 2, 9, (0, 0));
    let ReportBody::EstablishmentAccepted(ack) = reports[0].parse().unwrap() else { panic!() };
    assert_eq!(ack.finished, 1);
    assert!(matches!(reports[1].parse(), Ok(ReportBody::FlowFinished(_))));
    assert_eq!(reports.len(), 2, "no number is burnt of a flow that is over");
}

#[test]
fn each_type_covers_its_own_kind_of_loss() {
    use DisconnectCause as Cause;
    for cod_type in 0..=3_u8 {
        for cause in Cause::ALL.iter().copied() {
            let mut bench = covered(cod_type, 100);
            bench.apply(disconnect(1, cause));
            let bit = if cause == Cause::Terminated { 2 } else { 1 };
            let expected: &[(u64, u64)] = if cod_type & bit != 0 { &[(2, 1)] } else { &[] };
            assert_eq!(canceled(&bench.tick_after(99)), [], "not before the window is over");
            assert_eq!(canceled(&bench.tick_after(1)), expected, "type {cod_type}, {cause:?}");
            assert_eq!(bench.tick_after(1_000), [], "once");
            assert_eq!(bench.machine.tick_at(), NEVER);
        }
    }
}

#[test]
fn a_session_that_is_back_in_time_keeps_its_orders() {
    let mut bench = covered(3, 100);
    bench.disconnect(1);
    assert!(bench.machine.tick_at() < NEVER);
    bench.now += 99 * MS;
    bench.ask(EstablishSession { cod_type: 1, cod_window_ms: 7, ..establish(7, 2, 2) });
    assert_eq!(bench.machine.tick_at(), NEVER, "no Tick is wanted any more");
    assert_eq!(bench.tick_after(5_000), []);
    // What holds now is what was asked for last.
    bench.apply(disconnect(2, DisconnectCause::Terminated));
    assert_eq!(bench.tick_after(5_000), []);
}

#[test]
fn only_a_tick_lets_time_pass() {
    let mut bench = covered(1, 0);
    bench.disconnect(1);
    bench.now += 3_600_000 * MS;
    assert_eq!(canceled(&bench.negotiate(8)), []);
    assert_eq!(canceled(&bench.tick_after(0)), [(2, 1)]);
}

/// SAFETY 21: after a start the window begins anew, so that clients have it to return.
#[test]
fn a_start_begins_every_window_anew() {
    let mut away = covered(1, 100);
    away.disconnect(1);
    let mut held = covered(1, 100);
    let mut off = covered(2, 100);
    for (bench, expected) in [(&mut away, 1), (&mut held, 1), (&mut off, 0)] {
        bench.now += 3_600_000 * MS;
        bench.apply(start(0));
        assert_eq!(bench.machine.sessions()[0].conn, None);
        assert_eq!(bench.tick_after(99), []);
        assert_eq!(canceled(&bench.tick_after(1)).len(), expected);
    }
}

#[test]
fn a_sweep_over_several_sessions_pauses_and_cancels_each_order_once() {
    let mut bench = Bench::new(4);
    bench.out.room = 70;
    for (slot, uuid) in (0..3).zip(7..) {
        bench.negotiate(uuid);
        let conn = u64::from(slot) + 1;
        bench.ask(EstablishSession { cod_type: 1, ..establish(uuid, conn, 1) });
        for seq in 1..=80 {
            bench.order(slot, seq, 1);
        }
    }
    for conn in 1..=3 {
        bench.disconnect(conn);
    }
    let before = bench.machine.applied();
    let mut progress = bench.feed(Command::tick());
    let (mut pauses, mut seen) = (0, Vec::new());
    loop {
        let reports: Vec<_> = bench.out.reports.drain(..).collect();
        seen.extend(reports.iter().map(|report| (report.session.0, report.number.0)));
        if progress == Progress::Done {
            break;
        }
        pauses += 1;
        assert_eq!(bench.machine.applied(), before, "it is not applied before its end");
        progress = bench.machine.resume(&mut bench.out);
    }
    // Inside a session's orders, and between two sessions.
    assert!(pauses >= 4, "{pauses} pauses");
    let expected: Vec<_> =
        (0..3).flat_map(|slot| (81..=160).map(move |number| (slot, number))).collect();
    assert_eq!(seen, expected);
    assert_eq!(bench.machine.applied(), before.next());
    assert_eq!(bench.machine.tick_at(), NEVER);
}

#[test]
fn a_session_that_is_away_and_has_nothing_live_is_forgotten() {
    let mut bench = Bench::new(2);
    bench.apply(start(1_000));
    bench.negotiate(7);
    bench.establish(7, 1, 1, (0, 0));
    bench.order(0, 1, 1);
    assert_eq!(bench.tick_after(5_000), []);
    assert!(bench.machine.sessions()[0].is_negotiated(), "a connected session stays");
    bench.disconnect(1);
    bench.tick_after(1_500);
    assert!(bench.machine.sessions()[0].is_negotiated(), "so does one with a live order");
    bench.establish(7, 2, 2, (0, 0));
    let body = MassAction {
        cl_ord_id: ClOrdId(9),
        symbol: SymbolId(0),
        account: gavel_types::Account(0),
        action: MassActionType::CancelOrders,
        scope: MassActionScope::AllOrders,
        side: 0,
        reserved: [0; 5],
    };
    bench.apply(Command::mass_action(SessionSlot(0), SeqNo(2), &body));
    bench.disconnect(2);
    bench.tick_after(999);
    assert!(bench.machine.sessions()[0].is_negotiated());
    bench.tick_after(1);
    assert!(!bench.machine.sessions()[0].is_negotiated());
    assert_eq!(bench.machine.tick_at(), NEVER);
    assert_eq!(
        refusal(&bench.establish(7, 3, 3, (0, 0))),
        EstablishmentRejectCode::Unnegotiated,
        "nobody knows it any more"
    );
}

#[test]
fn a_slot_is_given_again_and_its_numbers_begin_anew() {
    let mut bench = Bench::new(2);
    bench.apply(start(1_000));
    let slot_of = |reports: &[Report]| match reports[0].parse().unwrap() {
        ReportBody::NegotiationAccepted(body) => Some(body.slot.0),
        _ => None,
    };
    assert_eq!(slot_of(&bench.negotiate(1)), Some(0));
    assert_eq!(slot_of(&bench.negotiate(2)), Some(1));
    assert_eq!(slot_of(&bench.negotiate(3)), None, "there is no room");
    bench.establish(2, 1, 1, (0, 0));
    bench.order(1, 1, 3);
    bench.tick_after(2_000);
    assert_eq!(slot_of(&bench.negotiate(3)), Some(0));
    assert_eq!(slot_of(&bench.negotiate(1)), None, "a slot is given once");
    bench.establish(3, 2, 1, (0, 0));
    assert_eq!(numbers(&bench.order(0, 1, 1)), [1]);
}

#[test]
fn a_finished_session_lingers_a_moment_and_goes() {
    let mut bench = established();
    bench.apply(finish(0, 1, 0));
    bench.disconnect(1);
    bench.tick_after(LINGER_NS / MS - 1);
    assert!(bench.machine.sessions()[0].is_negotiated(), "its client may have missed reports");
    bench.tick_after(1);
    assert!(!bench.machine.sessions()[0].is_negotiated(), "also where sessions never expire");
}

#[test]
fn an_expiry_of_the_configuration_holds_from_the_start_on() {
    let mut bench = Bench::new(2);
    bench.negotiate(7);
    assert_eq!(bench.machine.tick_at(), NEVER, "an old log says nothing: never");
    bench.apply(start(500));
    bench.tick_after(500);
    assert!(!bench.machine.sessions()[0].is_negotiated());
}

#[test]
fn a_session_is_established_by_the_key_that_negotiated_it() {
    let mut bench = Bench::new(2);
    let who = Who { key_id: 5, role: Role::Trade };
    bench.apply(negotiate(7, who));
    for key_id in [0, 6] {
        let reports = bench.ask(EstablishSession { key_id, ..establish(7, 1, 1) });
        assert_eq!(refusal(&reports), EstablishmentRejectCode::Credentials);
        let ReportBody::EstablishmentRefused(told) = reports[0].parse().unwrap() else { panic!() };
        assert_eq!((told.next_number, told.expected_seq), (ReportNo(0), SeqNo(0)));
    }
    let reports = bench.ask(EstablishSession { key_id: 5, ..establish(7, 1, 1) });
    assert!(matches!(reports[0].parse(), Ok(ReportBody::EstablishmentAccepted(_))));
    let again = bench.apply(negotiate(7, who));
    let ReportBody::NegotiationRefused(refused) = again[0].parse().unwrap() else { panic!() };
    assert_eq!(refused.code, NegotiationRejectCode::DuplicateId, "the same key or another");
}

#[test]
fn a_reader_asks_and_does_not_trade() {
    let mut bench = Bench::new(2);
    bench.apply(negotiate(7, Who { key_id: 5, role: Role::Read }));
    bench.ask(EstablishSession { key_id: 5, role: Role::Read, ..establish(7, 1, 1) });
    let reports = bench.order(0, 1, 3);
    let ReportBody::BusinessReject(reject) = reports[0].parse().unwrap() else { panic!() };
    assert_eq!(reject.reason, BusinessRejectReason::NotAuthorized);
    assert_eq!((reject.ref_seq, reject.ref_id, reject.ref_template), (SeqNo(1), 1, 100));
    assert_eq!(reports.len(), 1);
    assert_eq!(bench.machine.live_orders(SessionSlot(0)), 0);
    let query = OrderStatusQuery {
        cl_ord_id: ClOrdId(1),
        order_id: gavel_types::OrderId(0),
        symbol: SymbolId(1),
        side: Side::Buy,
        reserved: [0; 3],
    };
    assert_eq!(bench.apply(Command::order_status(SessionSlot(0), SeqNo(2), &query)), []);
    bench.disconnect(1);
    // The key's role is that of the configuration, as the newest Establish says.
    bench.ask(EstablishSession { key_id: 5, role: Role::Admin, ..establish(7, 2, 3) });
    assert_eq!(bench.order(0, 3, 2).len(), 2);
}

#[test]
fn a_refused_establish_tells_where_both_flows_stand() {
    let mut bench = established();
    bench.order(0, 1, 3);
    bench.disconnect(1);
    let reports = bench.establish(7, 2, 2, (99, 9));
    let ReportBody::EstablishmentRefused(told) = reports[0].parse().unwrap() else { panic!() };
    assert_eq!(told.code, EstablishmentRejectCode::RolledBack);
    assert_eq!((told.next_number, told.expected_seq), (ReportNo(4), SeqNo(2)));
    assert_eq!(told.log_index, reports[0].stamp.index);
}
