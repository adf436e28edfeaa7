//! The shadow behind a real journal on a simulated disk.

use super::*;
use crate::fetch::{Answer, Flow, Page};
use crate::snapshot::{self, Plain};
use crate::testing::{Deaf, LogRig, Tally, negotiate, order, plan, uuid};
use gavel_contract::{FileName, Machine as _, StoreFaultKind};
use gavel_journal::memory::Random;
use gavel_types::{AckRuleCode, ConnId, ReportNo, SessionSlot, Term};
use gavel_wire::server::Envelope;

fn rig_of(plan: Plan) -> LogRig {
    let mut rig = LogRig::new(plan);
    for session in 0..3 {
        rig.log(negotiate(session));
    }
    rig
}

/// Orders of three sessions, each answered by a few reports.
fn orders(rig: &mut LogRig, count: u64) {
    for n in 0..count {
        let slot = (n % 3) as u32;
        let seq = rig.truth.sessions()[slot as usize].expected_seq.0;
        rig.log(order(slot, seq, n % 4));
        if n % 50 == 0 {
            rig.journal();
            rig.turn();
        }
    }
    rig.settle();
}

fn snapshots(rig: &LogRig) -> Vec<u64> {
    let found = snapshot::list(&mut rig.disk.files()).unwrap();
    found.iter().map(|index| index.0).collect()
}

/// Each snapshot kept is the state of the log at its index, and the log goes on where it says. (An
/// older one is left lying if it could not be removed; nobody needs it.)
fn assert_snapshots_true(rig: &LogRig) {
    for index in snapshot::list(&mut rig.disk.files()).unwrap().into_iter().take(2) {
        let mut machine = crate::session::Sessioned::new(&rig.plan.session, Tally::default());
        let given = crate::configuration(&rig.plan);
        let mut files = rig.disk.files();
        let read =
            snapshot::restore(&mut files, &mut Plain, index, given, &mut machine, &NoTime).unwrap();
        let point = read.contents.header.point;
        let mut tail = gavel_journal::tail::Tail::new(
            rig.disk.reader(),
            rig.plan.journal.segment_bytes,
            point,
        );
        let durable = rig.durable.read().index;
        while tail
            .next(durable, &mut |record| {
                machine.apply_whole(record, &mut Deaf);
            })
            .unwrap()
            .is_some()
        {}
        assert_eq!(machine.node_digest(), rig.truth.node_digest(), "snapshot {index}");
    }
}

/// Asks for a session's reports until its end; returns how many came, from which number on.
fn fetch_all(rig: &mut LogRig, slot: u32) -> Result<usize, ReportNo> {
    let end = rig.truth.sessions()[slot as usize].next_number;
    let released = rig.durable.read().index;
    let envelope = Envelope { sender_term: Term(1), commit: Index(9), rule: AckRuleCode::Local };
    let (mut from, mut page) = (ReportNo(1), Some(Page::new()));
    while from < end {
        rig.fetches.push(Fetch {
            conn: ConnId(1),
            flow: Flow::Live,
            slot: SessionSlot(slot),
            uuid: uuid(u64::from(slot)),
            from,
            until: end,
            begun: Index(0),
            released,
            envelope,
            page: page.take().unwrap(),
        });
        rig.turn();
        let fetched = rig.fetched.pop().expect("it was answered");
        let Answer::Filled = fetched.answer else {
            let Answer::Gone { oldest } = fetched.answer else { unreachable!() };
            return Err(oldest);
        };
        assert_eq!(fetched.page.first, from);
        from = fetched.page.end;
        page = Some(fetched.page);
    }
    Ok(end.0 as usize - 1)
}

#[test]
fn it_follows_the_log_and_has_the_same_state() {
    let mut rig = rig_of(plan());
    orders(&mut rig, 50);
    let machine = rig.shadow.machine().unwrap();
    assert_eq!(machine.node_digest(), rig.truth.node_digest());
    assert_eq!(rig.shadowed.read().index, rig.truth.applied());
    assert_eq!((snapshots(&rig), rig.floor.read().index), (vec![], Index(0)));
}

#[test]
fn it_looks_at_nothing_that_is_not_durable() {
    let mut rig = rig_of(plan());
    orders(&mut rig, 10);
    rig.disk.set_stalled(true);
    rig.log(order(0, rig.truth.sessions()[0].expected_seq.0, 1));
    rig.journal();
    for _ in 0..10 {
        assert_eq!(rig.turn(), 0);
    }
    assert_eq!(rig.shadowed.read().index.next(), rig.truth.applied());
    rig.disk.set_stalled(false);
    rig.settle();
    assert_eq!(rig.shadowed.read().index, rig.truth.applied());
}

#[test]
fn snapshots_come_when_due_are_true_and_the_newest_are_kept() {
    let mut rig = rig_of(plan());
    for round in 1..=6 {
        orders(&mut rig, 110);
        assert_eq!(snapshots(&rig).len(), round.min(2), "two are kept");
        assert_snapshots_true(&rig);
        assert_eq!(rig.snapshot.read().index.0, snapshots(&rig)[0]);
    }
    let told = rig.news();
    assert!(told.iter().all(|news| matches!(news, ShadowNews::Snapshot { .. })), "{told:?}");
    assert_eq!(told.len(), 6);
}

#[test]
fn the_log_is_given_up_behind_the_oldest_kept_and_not_before_there_are_enough() {
    let mut rig = rig_of(plan());
    let mut last_floor = 0;
    for round in 1..=8 {
        orders(&mut rig, 150);
        let floor = rig.floor.read().index.0;
        let kept = snapshots(&rig);
        if round < 2 {
            assert_eq!(floor, 0);
            continue;
        }
        let oldest = Index(kept[kept.len() - 1]);
        let header = snapshot::header(&mut rig.disk.files(), oldest).unwrap();
        assert_eq!(floor, header.point.end.segment.0);
        assert!(floor >= last_floor);
        last_floor = floor;
    }
    assert!(last_floor > 3, "the log went over several segments: {last_floor}");
}

#[test]
fn an_operator_gets_a_snapshot_when_he_asks_and_hears_if_there_is_one() {
    let mut plan = plan();
    plan.snapshot.every_records = 0;
    let mut rig = rig_of(plan);
    orders(&mut rig, 200);
    assert_eq!(snapshots(&rig), []);
    let ask = |rig: &mut LogRig| {
        let asked = rig.asked.at().index.next();
        rig.asked.raise(Position { generation: 0, index: asked });
        rig.settle();
    };
    ask(&mut rig);
    let applied = rig.truth.applied();
    assert_eq!(snapshots(&rig), [applied.0]);
    ask(&mut rig);
    assert_eq!(rig.news()[1], ShadowNews::AlreadyThere { index: applied });
    assert_eq!(rig.shadow.counts().snapshots, 1);
    // He asks while the shadow is many turns behind: what is durable by then is in it.
    for _ in 0..1_000 {
        let seq = rig.truth.sessions()[0].expected_seq.0;
        rig.log(order(0, seq, 1));
    }
    rig.journal();
    let durable = rig.durable.read().index;
    ask(&mut rig);
    assert_eq!((snapshots(&rig)[0], durable), (durable.0, rig.truth.applied()));
}

#[test]
fn a_snapshot_that_cannot_be_written_is_given_up_and_tried_again_later() {
    let mut rig = rig_of(plan());
    rig.disk.set_files_full(true);
    orders(&mut rig, 300);
    let told = rig.news();
    let gave_up = told.iter().filter(|news| matches!(news, ShadowNews::GaveUp { .. })).count();
    assert!(gave_up >= 1, "{told:?}");
    assert_eq!((snapshots(&rig), rig.floor.read().index), (vec![], Index(0)));
    let half = |name: &FileName| matches!(name, FileName::SnapshotHalf(_));
    assert!(!rig.disk.file_names().iter().any(half), "nothing is left of it");
    assert!(!rig.shadow.is_stopped());
    let before = rig.shadow.counts().snapshots_given_up;
    rig.turn();
    assert_eq!(rig.shadow.counts().snapshots_given_up, before, "not at once again");
    rig.disk.set_files_full(false);
    rig.now.0 += 10_000_000_000;
    rig.settle();
    assert_eq!(snapshots(&rig), [rig.truth.applied().0]);
    assert_snapshots_true(&rig);
}

#[test]
fn a_restart_goes_on_from_the_snapshot_with_all_reports() {
    for fall_back in [false, true] {
        let mut rig = rig_of(plan());
        orders(&mut rig, 450);
        let kept = snapshots(&rig);
        assert_eq!(kept.len(), 2);
        let from = Index(if fall_back { kept[1] } else { kept[0] });
        let floor = rig.floor.read().index;
        let mut rig = rig.restart(Some(from));
        assert_eq!(rig.shadowed.read().index, Index(0));
        rig.settle();
        assert_eq!(rig.shadow.machine().unwrap().node_digest(), rig.truth.node_digest());
        for slot in 0..3 {
            let said = rig.truth.sessions()[slot as usize].next_number.0 as usize - 1;
            assert_eq!(fetch_all(&mut rig, slot), Ok(said), "complete up to the snapshot and on");
        }
        assert_eq!(rig.floor.read().index, floor, "two are kept again, or still");
        orders(&mut rig, 250);
        assert_snapshots_true(&rig);
        assert!(rig.floor.read().index > floor);
    }
}

/// A snapshot that recovery has read may be unreadable when the shadow comes to it.
#[test]
fn a_snapshot_that_rots_before_the_shadow_reads_it_costs_nothing_but_an_older_one() {
    for rotten in 1..=2 {
        let mut rig = rig_of(plan());
        // With one snapshot the log is whole; with two, the older of them leads to its end.
        orders(&mut rig, if rotten == 1 { 450 } else { 150 });
        let kept = snapshots(&rig);
        assert_eq!(kept.len(), if rotten == 1 { 2 } else { 1 });
        let mut rig = rig.restart(Some(Index(kept[0])));
        rig.disk.flip_file_bit(FileName::Snapshot(Index(kept[0])), 300, 1);
        rig.settle();
        assert!(!rig.shadow.is_stopped());
        let told = rig.news();
        let says = |news: &ShadowNews| matches!(news, ShadowNews::Litter { what } if what.contains("an older one is read"));
        assert!(told.iter().any(says), "{told:?}");
        assert_eq!(rig.shadow.machine().unwrap().node_digest(), rig.truth.node_digest());
        for slot in 0..3 {
            let said = rig.truth.sessions()[slot as usize].next_number.0 as usize - 1;
            assert_eq!(fetch_all(&mut rig, slot), Ok(said), "complete");
        }
        orders(&mut rig, 350);
        assert_snapshots_true(&rig);
    }
}

// Found by the simulator: one that a start had passed over was removed, and a crash undid that.
#[test]
fn an_older_snapshot_that_rotted_does_not_count_for_a_kept_one() {
    let mut rig = rig_of(plan());
    orders(&mut rig, 550);
    let kept = snapshots(&rig);
    let (newest, older) = (Index(kept[0]), Index(kept[1]));
    rig.disk.flip_file_bit(FileName::Snapshot(older), 300, 1);
    let header = snapshot::header(&mut rig.disk.files(), older).expect("its header is good");
    let needs = Index(header.point.end.segment.0);
    let mut rig = rig.restart(Some(newest));
    rig.settle();
    assert_eq!(rig.shadow.machine().unwrap().node_digest(), rig.truth.node_digest());
    let told = rig.news();
    let name = format!("record {older}");
    let says =
        |news: &ShadowNews| matches!(news, ShadowNews::Litter { what } if what.contains(&name));
    assert!(told.iter().any(says), "{told:?}");
    assert!(rig.floor.read().index < needs, "the log is given up behind good ones only");
    orders(&mut rig, 250);
    assert_snapshots_true(&rig);
    assert!(rig.floor.read().index > needs);
}

#[test]
fn a_restart_without_snapshots_makes_all_reports_again() {
    let mut rig = rig_of(plan());
    orders(&mut rig, 250);
    for index in snapshots(&rig) {
        rig.disk.flip_file_bit(FileName::Snapshot(Index(index)), 20, 1);
    }
    let mut rig = rig.restart(None);
    rig.settle();
    let said = rig.truth.sessions()[1].next_number.0 as usize - 1;
    assert_eq!(fetch_all(&mut rig, 1), Ok(said));
    // The damaged ones go once good ones stand in their place.
    orders(&mut rig, 250);
    assert_snapshots_true(&rig);
}

#[test]
fn who_asks_for_what_the_shadow_has_not_come_to_is_answered_when_it_has() {
    let mut rig = rig_of(plan());
    orders(&mut rig, 10);
    rig.log(order(0, rig.truth.sessions()[0].expected_seq.0, 3));
    rig.journal();
    let end = rig.truth.sessions()[0].next_number;
    let fetch = |released: Index| Fetch {
        conn: ConnId(1),
        flow: Flow::Resend,
        slot: SessionSlot(0),
        uuid: uuid(0),
        from: ReportNo(end.0 - 1),
        until: end,
        begun: Index(0),
        released,
        envelope: Envelope { sender_term: Term(1), commit: Index(9), rule: AckRuleCode::Local },
        page: Page::new(),
    };
    assert_eq!(rig.durable.read().index, rig.truth.applied());
    // Served before the log is followed, so in its first turn the shadow has not come to it.
    rig.fetches.push(fetch(rig.truth.applied()));
    rig.turn();
    assert!(rig.fetched.pop().is_none());
    rig.turn();
    let fetched = rig.fetched.pop().unwrap();
    assert_eq!((fetched.answer, fetched.page.end), (Answer::Filled, end));
    // Numbers of an earlier session of that name are not those of one that began since.
    orders(&mut rig, 10);
    rig.log(order(0, rig.truth.sessions()[0].expected_seq.0, 3));
    rig.journal();
    let mut anew = fetch(rig.truth.applied());
    (anew.from, anew.until, anew.begun) = (ReportNo(1), ReportNo(2), rig.truth.applied());
    rig.fetches.push(anew);
    rig.turn();
    assert!(rig.fetched.pop().is_none(), "the shadow has not come to where it began");
    rig.turn();
    assert_eq!(rig.fetched.pop().unwrap().answer, Answer::Filled);
    // A number that nobody was ever told is not waited for.
    let mut wrong = fetch(rig.truth.applied());
    let end = rig.truth.sessions()[0].next_number;
    (wrong.from, wrong.until) = (end, ReportNo(end.0 + 1));
    rig.fetches.push(wrong);
    rig.turn();
    assert!(matches!(rig.fetched.pop().unwrap().answer, Answer::Gone { .. }));
}

#[test]
fn a_log_that_is_damaged_live_stops_the_shadow_and_nothing_else() {
    let mut rig = rig_of(plan());
    orders(&mut rig, 250);
    let seq = rig.truth.sessions()[0].expected_seq.0;
    let place = rig.end();
    rig.log(order(0, seq, 1));
    rig.journal();
    rig.disk.flip_bit(place.segment, place.offset_bytes + 100, 1);
    rig.turn();
    assert!(rig.shadow.is_stopped());
    let told = rig.news();
    assert!(matches!(told.last(), Some(ShadowNews::Stopped { .. })), "{told:?}");
    rig.log(order(0, seq + 1, 1));
    rig.journal();
    assert_eq!(rig.durable.read().index, rig.truth.applied(), "orders go on");
    assert_eq!(fetch_all(&mut rig, 0), Err(rig.truth.sessions()[0].next_number));
}

/// Whichever call to a file fails, at whatever moment: the node goes on, no snapshot is false, the
/// floor is never above what the snapshots that stand need, and the next start finds its way.
#[test]
fn whichever_call_fails_the_shadow_goes_on_and_nothing_false_stands() {
    for kind in [StoreFaultKind::Full, StoreFaultKind::Io] {
        let mut calls = 0;
        loop {
            let mut rig = rig_of(plan());
            rig.turn(); // its first calls are those of a start
            let before = rig.disk.file_calls();
            rig.disk.fail_file_call_after(calls, kind);
            orders(&mut rig, 360);
            rig.now.0 += 1_000_000_000;
            orders(&mut rig, 30);
            let made = rig.disk.file_calls() - before;
            rig.disk.fail_file_call_after(u64::MAX, kind);
            assert!(!rig.shadow.is_stopped());
            let half = |name: &FileName| matches!(name, FileName::SnapshotHalf(_));
            assert!(!rig.disk.file_names().iter().any(half), "call {calls}: a half is left");
            assert_snapshots_true(&rig);
            assert!(!snapshots(&rig).is_empty());
            let floor = rig.floor.read().index.0;
            let newest = snapshots(&rig)[0];
            for index in snapshots(&rig).into_iter().take(2) {
                let header = snapshot::header(&mut rig.disk.files(), Index(index)).unwrap();
                assert!(header.point.end.segment.0 >= floor, "call {calls}: floor {floor}");
            }
            let mut rig = rig.restart(Some(Index(newest)));
            rig.settle();
            assert_eq!(rig.shadow.machine().unwrap().node_digest(), rig.truth.node_digest());
            if calls > made {
                break;
            }
            calls += 1;
        }
        assert!(calls > 30, "{calls}");
    }
}

/// A start whose files cannot be used serves without a shadow.
#[test]
fn whichever_call_of_a_start_fails_orders_go_on() {
    for calls in 0..12 {
        let mut rig = rig_of(plan());
        orders(&mut rig, 250);
        let newest = Index(snapshots(&rig)[0]);
        let mut rig = rig.restart(Some(newest));
        rig.disk.fail_file_call_after(calls, StoreFaultKind::Io);
        rig.turn();
        if rig.shadow.is_stopped() {
            assert!(matches!(rig.news().last(), Some(ShadowNews::Stopped { .. })));
        }
        let seq = rig.truth.sessions()[0].expected_seq.0;
        rig.log(order(0, seq, 1));
        rig.journal();
        assert_eq!(rig.durable.read().index, rig.truth.applied());
    }
}

/// Crashes of the host, at any moment: of the snapshots that are found, the newest that is good
/// leads to the log's state, and so does the one that was durable last.
#[test]
fn after_any_crash_the_snapshots_that_were_durable_stand() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut rig = rig_of(plan());
        for _ in 0..4 {
            orders(&mut rig, 60 + random.below(120) as u64);
            let durable = rig.snapshot.read().index;
            let crashed = rig.disk.crash(random.word());
            let good: Vec<Index> = snapshot::list(&mut crashed.files())
                .unwrap()
                .into_iter()
                .filter(|index| snapshot::check(&mut crashed.files(), &mut Plain, *index).is_ok())
                .collect();
            if durable.0 > 0 {
                assert!(good.contains(&durable), "seed {seed}: {durable} of {good:?}");
            }
            rig = rig.restart_on(crashed, good.first().copied());
            rig.settle();
            assert_eq!(rig.shadow.machine().unwrap().node_digest(), rig.truth.node_digest());
            for slot in 0..3 {
                let said = rig.truth.sessions()[slot as usize].next_number.0 as usize - 1;
                assert_eq!(fetch_all(&mut rig, slot), Ok(said), "seed {seed}");
            }
        }
    }
}
