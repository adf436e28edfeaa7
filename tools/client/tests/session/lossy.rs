//! Exactly once, both ways, over connections that break at any byte and an engine that crashes.

use crate::client_side::{ClientSide, Told, cancel, config, order, query, short};
use crate::engine::Engine;
use gavel_client::{Checkpoint, ClientConfig, DisconnectReason};
use gavel_types::{Body, LogRecord};
use gavel_wire::frame::split_server;
use gavel_wire::server::{ServerMessage, decode};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Submit,
    /// Bytes from the client to the engine.
    Up(usize),
    /// Bytes from the engine to the client.
    Down(usize),
    /// The connection breaks on both sides, or first on one of them.
    Cut,
    /// The engine dies and comes back.
    Crash,
    /// The client dies and comes back, with a checkpoint.
    ClientCrash,
    /// Time passes (ms).
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Submit),
        8 => (1..400usize).prop_map(Step::Up),
        8 => (1..900usize).prop_map(Step::Down),
        2 => Just(Step::Cut),
        1 => Just(Step::Crash),
        1 => Just(Step::ClientCrash),
        1 => (1..3_000u64).prop_map(Step::Pass),
    ]
}

struct World {
    client: ClientSide,
    engine: Engine,
    config: ClientConfig,
    submitted: Vec<u64>,
    next_id: u64,
    told: Vec<Told>,
}

impl World {
    fn new(config: ClientConfig) -> Self {
        let mut client = ClientSide::new(&config);
        let mut engine = Engine::new();
        engine.connect();
        client.connect();
        let (submitted, told) = (Vec::new(), Vec::new());
        Self { client, engine, config, submitted, next_id: 1, told }
    }

    fn reconnect(&mut self, reason: DisconnectReason) {
        assert!(!reason.is_fatal(), "an honest engine is never fatal: {reason}");
        self.client.disconnect(reason);
        self.engine.connect();
        self.client.connect();
    }

    fn up(&mut self, most: usize) {
        self.client.initiator.fill(self.client.now);
        let bytes = self.client.initiator.transmit();
        let bytes = bytes[..bytes.len().min(most)].to_vec();
        self.client.initiator.on_sent(bytes.len());
        self.engine.receive(&bytes);
    }

    fn down(&mut self, most: usize) {
        let bytes = self.engine.transmit(most);
        if let Err(reason) = self.client.receive(&bytes) {
            self.reconnect(reason);
        }
        self.told.extend(self.client.events());
    }

    fn submit(&mut self) {
        if self.client.initiator.room() == 0 {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        let message = match id % 5 {
            0 => cancel(id, id - 2),
            1 => query(id),
            _ => order(id),
        };
        self.client.submit(&message);
        self.submitted.push(id);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Submit => self.submit(),
            Step::Up(bytes) => self.up(bytes),
            Step::Down(bytes) => self.down(bytes),
            Step::Cut => self.reconnect(DisconnectReason::PeerClosed),
            Step::Crash => {
                self.engine.crash();
                self.reconnect(DisconnectReason::PeerClosed);
            }
            Step::ClientCrash => {
                let checkpoint = self.client.initiator.checkpoint();
                let resume = Checkpoint::from_bytes(&checkpoint.to_bytes());
                self.config.resume = resume;
                let now = self.client.now;
                self.client = ClientSide::new(&self.config);
                self.client.now = now;
                self.engine.connect();
                self.client.connect();
            }
            Step::Pass(ms) => {
                if let Err(reason) = self.client.pass(ms) {
                    self.reconnect(reason);
                }
            }
        }
    }

    /// No more faults: everything must come to an end.
    fn heal(&mut self) {
        for _ in 0..200 {
            assert!(self.engine.is_connected());
            self.up(usize::MAX);
            self.down(usize::MAX);
            let _ = self.client.pass(20);
        }
        assert!(self.client.initiator.is_established());
        assert_eq!(self.client.initiator.in_flight(), 0, "every message was answered");
    }
}

/// Names of the messages that the engine applied, in order.
fn applied(log: &[LogRecord]) -> Vec<u64> {
    let name = |record: &LogRecord| match record.command.parse().unwrap() {
        Body::NewOrder(order) => Some(order.cl_ord_id.0),
        Body::Cancel(request) => Some(request.cl_ord_id.0),
        Body::MarketData(query) => Some(query.md_req_id.0),
        _ => None,
    };
    log.iter().filter_map(name).collect()
}

/// What the engine reported, in order.
fn reported(engine: &Engine) -> Vec<Told> {
    let report = |bytes: &Vec<u8>| {
        let frame = split_server(bytes).unwrap().unwrap();
        let ServerMessage::Sequenced(report) = decode(&frame).unwrap() else { panic!() };
        Told::Report { number: report.number.0, what: short(&report.body) }
    };
    engine.reports().iter().map(report).collect()
}

fn check(world: &World, client_died: bool) {
    let delivered: Vec<_> =
        world.told.iter().filter(|told| matches!(told, Told::Report { .. })).cloned().collect();
    assert_eq!(delivered, reported(&world.engine), "every report once, in order");
    let applied = applied(&world.engine.log);
    if !client_died {
        assert_eq!(applied, world.submitted, "every message once, in order");
        return;
    }
    // A client that died forgot what it had in flight; what of it arrived is a prefix each time,
    // and nothing is applied twice or out of order.
    let mut rest = world.submitted.iter();
    assert!(applied.iter().all(|id| rest.any(|submitted| submitted == id)), "{applied:?}");
}

fn run(steps: &[Step], config: ClientConfig) {
    let mut world = World::new(config);
    for step in steps {
        world.step(*step);
    }
    world.heal();
    let client_died = steps.iter().any(|step| matches!(step, Step::ClientCrash));
    check(&world, client_died);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn exactly_once_both_ways(
        steps in prop::collection::vec(step(), 1..250),
        in_flight_max in 1..9usize,
        retransmit_max in 1..6u64,
        early_bytes in prop_oneof![Just(0usize), Just(300), Just(1 << 16)],
    ) {
        run(&steps, ClientConfig { in_flight_max, retransmit_max, early_bytes, ..config() });
    }
}

#[test]
fn a_cut_at_every_byte_of_a_conversation_loses_nothing() {
    for up in (0..700).step_by(7) {
        for down in [0, 1, 60, 137, 200, 333, 600, 10_000] {
            let mut world = World::new(config());
            for _ in 0..3 {
                world.up(usize::MAX);
                world.down(usize::MAX);
            }
            for _ in 0..6 {
                world.submit();
            }
            world.up(up);
            world.down(down);
            world.step(Step::Cut);
            world.heal();
            check(&world, false);
        }
    }
}
