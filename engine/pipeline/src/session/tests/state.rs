//! A machine that was saved and restored answers as the one that was saved.

use super::*;
use gavel_contract::{BadState, Machine, StateSink, StateSource};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Default)]
struct Bytes(Vec<u8>);

impl StateSink for Bytes {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

struct Rest<'a>(&'a [u8]);

impl StateSource for Rest<'_> {
    fn take(&mut self, into: &mut [u8]) -> Result<(), BadState> {
        let (taken, rest) =
            self.0.split_at_checked(into.len()).ok_or(BadState { what: "it ends here" })?;
        into.copy_from_slice(taken);
        self.0 = rest;
        Ok(())
    }
}

fn saved(bench: &Bench) -> Vec<u8> {
    let mut bytes = Bytes::default();
    bench.machine.save(&mut bytes);
    bytes.0
}

fn restored(bytes: &[u8], sessions_max: u32) -> Result<Sessioned<Echo>, BadState> {
    let mut machine = Sessioned::new(&plan(sessions_max), Echo::default());
    let mut rest = Rest(bytes);
    machine.restore(&mut rest)?;
    if rest.0.is_empty() { Ok(machine) } else { Err(BadState { what: "it goes on" }) }
}

/// One record, and how much later than the one before.
fn record() -> impl Strategy<Value = (Command, u64)> {
    let (uuid, slot, conn) = (0..6_u8, 0..5_u32, 1..6_u64);
    let who = (0..2_u64, proptest::sample::select(Role::ALL));
    let who = who.prop_map(|(key_id, role)| Who { key_id, role });
    let command = prop_oneof![
        2 => (0..3_u64).prop_map(|n| start(n * 700)),
        6 => (uuid.clone(), who.clone()).prop_map(|(uuid, who)| negotiate(uuid, who)),
        9 => (uuid, conn.clone(), 1..6_u64, 0..4_u8, 0..300_u64, who).prop_map(
            |(uuid, conn, next_seq, cod_type, cod_window_ms, who)| {
                let Who { key_id, role } = who;
                let ask = establish(uuid, conn, next_seq);
                let ask = EstablishSession { cod_type, cod_window_ms, key_id, role, ..ask };
                Command::establish(SessionSlot::NONE, SeqNo(0), &ask)
            }
        ),
        6 => (conn.clone(), proptest::sample::select(DisconnectCause::ALL))
            .prop_map(|(conn, cause)| disconnect(conn, cause)),
        9 => (slot.clone(), 1..8_u64, 0..4_u64, prop_oneof![Just(0), 0..3_000 * MS]).prop_map(
            |(slot, seq, n, until)| order_until(slot, seq, n, until)
        ),
        1 => (slot, conn, 0..9_u64).prop_map(|(slot, conn, last)| finish(slot, conn, last)),
        6 => Just(Command::tick()),
    ];
    let later = prop_oneof![Just(0), 0..200 * MS, 0..2_000 * MS, Just(LINGER_NS)];
    (command, later)
}

fn run(bench: &mut Bench, records: &[(Command, u64)]) -> Vec<Report> {
    let mut said = Vec::new();
    for (command, later) in records {
        bench.now += later;
        said.extend(bench.apply(*command));
    }
    said
}

/// Rules that hold after any records.
fn check(machine: &Sessioned<Echo>) {
    let sessions = machine.sessions();
    let mut conns: Vec<_> = sessions.iter().filter_map(|session| session.conn).collect();
    let count = conns.len();
    conns.sort_unstable();
    conns.dedup();
    assert!(conns.len() == count, "a connection carries one session");
    let due = sessions.iter().map(Session::due).min().unwrap_or(NEVER);
    let due = due.min(machine.machine().due());
    let tick_at = machine.tick_at();
    let is_met = tick_at >= due && tick_at.0 - due.0 < super::super::TICK_NS;
    assert!(is_met || due == NEVER && tick_at == NEVER, "a Tick is wanted when something is due");
    for (slot, session) in (0..).map(SessionSlot).zip(sessions) {
        assert!(session.conn.is_none() || session.due() == NEVER);
        assert!(session.is_negotiated() || machine.live_orders(slot) == 0);
        assert!(session.is_negotiated() == machine.find(&session.uuid).is_ok());
    }
}

/// A connection that carries a session does not carry another: the gateway sees to that.
fn plausible(records: Vec<(Command, u64)>) -> Vec<(Command, u64)> {
    let mut carried = Vec::new();
    let mut kept = Vec::new();
    for (command, later) in records {
        match command.parse().unwrap() {
            gavel_types::Body::Establish(body) if carried.contains(&body.conn) => continue,
            gavel_types::Body::Establish(body) => carried.push(body.conn),
            gavel_types::Body::Disconnect(body) => carried.retain(|conn| *conn != body.conn),
            gavel_types::Body::AdminStart(_) => carried.clear(),
            _ => {}
        }
        kept.push((command, later));
    }
    kept
}

proptest! {
    #[test]
    fn a_restored_machine_goes_on_as_the_saved_one(
        before in vec(record(), 0..60),
        after in vec(record(), 0..60),
    ) {
        let split = before.len();
        let records = plausible(before.into_iter().chain(after).collect());
        let (before, after) = records.split_at(split.min(records.len()));
        let mut bench = Bench::new(4);
        run(&mut bench, before);
        check(&bench.machine);
        let bytes = saved(&bench);
        let machine = restored(&bytes, 4).unwrap();
        prop_assert_eq!(machine.node_digest(), bench.machine.node_digest());
        prop_assert_eq!(machine.sessions(), bench.machine.sessions());
        prop_assert_eq!(machine.tick_at(), bench.machine.tick_at());
        let out = Out { reports: VecDeque::new(), room: 1_000 };
        let mut twin = Bench { machine, out, now: bench.now };
        prop_assert_eq!(run(&mut twin, after), run(&mut bench, after));
        prop_assert_eq!(twin.machine.node_digest(), bench.machine.node_digest());
        prop_assert_eq!(saved(&twin), saved(&bench));
        check(&twin.machine);
    }

    #[test]
    fn spoilt_bytes_are_refused_or_a_state_that_may_be(
        records in vec(record(), 0..60),
        changes in vec((any::<u16>(), any::<u8>()), 1..4),
        cut in any::<Option<u16>>(),
        room in 1..5_u32,
    ) {
        let mut bench = Bench::new(4);
        run(&mut bench, &plausible(records));
        let mut bytes = saved(&bench);
        for (at, value) in changes {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(usize::from(cut) % bytes.len());
        }
        if let Ok(machine) = restored(&bytes, room) {
            let mut again = Bytes::default();
            machine.save(&mut again);
            prop_assert_eq!(again.0, bytes);
            let _ = machine.node_digest();
        }
    }

    #[test]
    fn noise_is_no_state(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(restored(&bytes, 4).is_err());
    }
}

#[test]
fn the_node_digest_covers_every_field_of_a_session() {
    let mut bench = established();
    bench.order(0, 1, 1);
    let digest = bench.machine.node_digest();
    let changes: [fn(&mut Session); 11] = [
        |session| session.uuid.0[3] ^= 1,
        |session| session.conn = None,
        |session| session.expected_seq.0 += 1,
        |session| session.next_number.0 += 1,
        |session| session.key_id += 1,
        |session| session.role = Role::Read,
        |session| session.is_finished = true,
        |session| session.cod_type += 1,
        |session| session.cod_window_ns += 1,
        |session| session.cod_at = Nanos(5),
        |session| session.expire_at = Nanos(5),
    ];
    for (n, change) in changes.iter().enumerate() {
        let kept = bench.machine.sessions[0];
        change(&mut bench.machine.sessions[0]);
        assert_ne!(bench.machine.node_digest(), digest, "change {n}");
        bench.machine.sessions[0] = kept;
    }
    bench.machine.idle_expiry_ns += 1;
    assert_ne!(bench.machine.node_digest(), digest);
}
