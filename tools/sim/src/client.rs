//! A client: the SDK's own state machine on simulated sockets, with a trader behind it.
//!
//! Inputs -> outputs: its turn -> bytes on its socket; what it receives goes to the checkers first.
//! Invariants: whatever ends a session for good is a violation, unless the client ended it, or was
//! away for so long that it may be forgotten. A client's sessions follow each other: the next
//! begins when one is finished, or lost.
//! Limits: [`IN_FLIGHT_MAX`], [`READ_BYTES`].
//! Not here: the session's rules (gavel-client), what is asked for (flow.rs).

use crate::check::{Asked, CLIENTS_MAX, Checkers, Delivery, Shared, Verdict, Violation};
use crate::flow::Flow;
use crate::habits::Habits;
use crate::mutation::Mutation;
use crate::net::{Net, Socket};
use crate::random::Random;
use crate::timeline::Happened;
use gavel_client::initiator::{Initiator, Now};
use gavel_client::{Application, Checkpoint, ClientConfig, DisconnectReason, Event};
use gavel_types::{Nanos, NewOrder, Qty};
use gavel_wire::frame::split_server;
use std::collections::VecDeque;

/// Messages of one client that may wait for their answer.
pub const IN_FLIGHT_MAX: usize = 96;
/// Bytes that a client reads in one turn.
pub const READ_BYTES: usize = 16 << 10;
/// Longest pause between two attempts to connect (ns).
const DIAL_NS: u64 = 20_000_000;

const CHECKER: &str = "session";

/// How a client is in a world.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimits {
    /// Reports may be lost, if the client is told.
    pub history_may_be_lost: bool,
    /// Virtual time between two submissions, at most (ns).
    pub act_ns: u64,
    /// How it lives.
    pub habits: Habits,
}

/// A client's life.
pub struct SimClient {
    /// Its session: the first has the client's number, each after it [`CLIENTS_MAX`] more.
    client: usize,
    limits: ClientLimits,
    config: ClientConfig,
    /// None while it is dead.
    session: Option<Initiator>,
    socket: Option<Socket>,
    input: Vec<u8>,
    scratch: Box<[u8]>,
    /// Bytes of `input` that the checkers have seen.
    seen: usize,
    life: u32,
    saved: Option<Checkpoint>,
    /// What its application was given.
    delivery: Delivery,
    flow: Flow,
    dial_at: Nanos,
    act_at: Nanos,
    stalled_until: Nanos,
    /// It dies right after it next submits something, for so long (ns).
    doom_ns: Option<u64>,
    /// No message follows in this session.
    is_finishing: bool,
    mutation: Option<Mutation>,
    /// What a planted bug of the SDK would send again.
    unanswered: VecDeque<Application>,
    again: bool,
}

/// What a client's turn needs of the world.
pub struct Turn<'a> {
    /// Monotone time and UTC.
    pub now: Now,
    /// The network.
    pub net: &'a Net,
    /// Whether new messages are submitted.
    pub submits: bool,
    /// The client's stream.
    pub random: &'a mut Random,
    /// Who watches.
    pub checkers: &'a Shared,
}

impl SimClient {
    /// A client that has never been there.
    #[must_use]
    pub fn new(
        client: usize,
        limits: ClientLimits,
        random: &mut Random,
        mutation: Option<Mutation>,
    ) -> Self {
        let addr = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        // The patient are cut off for what they do not read, not for their silence.
        let patient = random.one_in(3);
        let mut config = ClientConfig {
            keepalive_ms: match (limits.habits.is_forgotten, patient) {
                // Days pass in long steps.
                (true, _) => 10_000,
                (false, true) => 8_000,
                (false, false) => random.between(200, 2_000) as u32,
            },
            in_flight_max: random.between(16, IN_FLIGHT_MAX as u64) as usize,
            retransmit_max: random.between(10, 5_000),
            early_bytes: 1 << random.between(10, 17),
            answer_timeout_ms: random.between(300, 2_000) as u32,
            ..ClientConfig::new(addr, crate::check::uuid(client))
        };
        limits.habits.draw(&mut config, random);
        Self {
            client,
            limits,
            session: Some(Initiator::new(&config)),
            config,
            socket: None,
            input: Vec::new(),
            scratch: vec![0; READ_BYTES].into(),
            seen: 0,
            life: 1,
            saved: None,
            delivery: Delivery::new(limits.history_may_be_lost),
            flow: Flow::default(),
            dial_at: Nanos(0),
            act_at: Nanos(0),
            stalled_until: Nanos(0),
            doom_ns: None,
            is_finishing: false,
            mutation,
            unanswered: VecDeque::new(),
            again: false,
        }
    }

    /// Its turn. Returns how many messages it submitted, and whether it did anything at all.
    pub fn turn(&mut self, turn: &mut Turn<'_>) -> (u64, bool) {
        let now = turn.now;
        if self.stalled_until > now.mono {
            return (0, false);
        }
        if self.session.is_none() {
            self.revive(turn);
        }
        let Some(socket) = self.socket else { return (0, self.dial(turn)) };
        let mut moved = self.read(socket, turn);
        let mut submitted = 0;
        if turn.submits && now.mono >= self.act_at {
            submitted = self.submit(turn);
            moved |= submitted > 0;
            self.take_leave(turn);
        }
        if submitted > 0
            && let Some(doom_ns) = self.doom_ns.take()
        {
            // Its last word to its disk is that it has given these numbers.
            self.saved = self.session.as_ref().map(Initiator::checkpoint);
            if turn.random.one_in(2) {
                self.write(socket, turn);
            }
            self.die(Nanos(now.mono.0 + doom_ns), turn.net, turn.random);
        }
        if let Some(session) = &mut self.session
            && self.socket.is_some()
        {
            let outcome = session.on_timer(now);
            match outcome {
                Ok(()) => moved |= self.write(socket, turn),
                Err(reason) => self.disconnect(reason, turn),
            }
        }
        (submitted, moved)
    }

    /// Finishes its session, ends it, or says farewell, if that is its habit.
    fn take_leave(&mut self, turn: &mut Turn<'_>) {
        let habits = self.limits.habits;
        let Some(session) = &mut self.session else { return };
        if !session.is_established() {
            return;
        }
        if !self.is_finishing && habits.finishes(turn.random) {
            self.is_finishing = true;
            session.finish();
            note(turn.checkers, self.client, "finishes");
        } else if self.is_finishing && session.is_finished() || habits.leaves(turn.random) {
            session.close(turn.now);
            note(turn.checkers, self.client, "leaves");
        }
    }

    fn dial(&mut self, turn: &mut Turn<'_>) -> bool {
        let now = turn.now;
        if now.mono < self.dial_at {
            return false;
        }
        let Some(session) = &mut self.session else { return false };
        match turn.net.connect() {
            Some(socket) => {
                session.on_connected(now);
                self.socket = Some(socket);
                self.input.clear();
                self.seen = 0;
                note(turn.checkers, self.client, "connects");
                true
            }
            None => {
                self.dial_at = Nanos(now.mono.0 + 1 + turn.random.below(DIAL_NS));
                false
            }
        }
    }

    fn read(&mut self, socket: Socket, turn: &mut Turn<'_>) -> bool {
        if !turn.net.has_news(socket) {
            return false;
        }
        let most = 1 + turn.random.place(READ_BYTES);
        let Some(bytes) = turn.net.client_recv(socket, &mut self.scratch[..most]) else {
            self.disconnect(DisconnectReason::PeerClosed, turn);
            return true;
        };
        self.input.extend_from_slice(&self.scratch[..bytes]);
        self.show(&mut turn.checkers.borrow_mut());
        let mut verdict = Ok(());
        let Some(mut session) = self.session.take() else { return false };
        let input = core::mem::take(&mut self.input);
        let outcome = session.on_bytes(turn.now, &input, &mut |event| {
            if verdict.is_ok() {
                verdict = self.on_event(&event, turn.checkers);
            }
        });
        if turn.random.one_in(4) {
            self.saved = Some(session.checkpoint());
        }
        self.session = Some(session);
        self.input = input;
        let of_client =
            |v: Violation| Violation::new(v.checker, format!("client {}: {}", self.client, v.what));
        turn.checkers.borrow_mut().judge(verdict.map_err(of_client));
        match outcome {
            Ok(read) => {
                self.input.drain(..read);
                self.seen -= read;
            }
            Err(reason) => self.disconnect(reason, turn),
        }
        true
    }

    /// Shows the checkers the whole frames that they have not seen.
    fn show(&mut self, checkers: &mut Checkers) {
        while let Ok(Some(frame)) = split_server(&self.input[self.seen..]) {
            let whole = &self.input[self.seen..self.seen + frame.whole_bytes];
            checkers.on_frame(self.client, whole);
            self.seen += frame.whole_bytes;
        }
    }

    fn on_event(&mut self, event: &Event<'_>, checkers: &Shared) -> Verdict {
        let client = self.client;
        match event {
            Event::Report(report) => {
                self.flow.on_report(&report.body);
                if self.mutation == Some(Mutation::SdkRenumbers)
                    && let crate::check::Says::Answered(asked) =
                        crate::check::answer_of(&report.body)
                {
                    self.unanswered.retain(|message| Asked::of(message) != asked);
                }
                return self.delivery.on_report(report.number.0);
            }
            Event::HistoryLost { from, until } => {
                let checkers = &mut *checkers.borrow_mut();
                checkers.sights.see("HistoryLost");
                checkers.ledger.session(client).skip(until.0);
                return self.delivery.on_lost(from.0, until.0);
            }
            Event::RolledBack { last, .. } => {
                return fail(format!("client {client} was rolled back behind {last:?}"));
            }
            Event::Renumbered { .. } => {
                return fail(format!("client {client} renumbers without a rollback"));
            }
            Event::Finished { .. } if self.is_finishing => {
                checkers.borrow_mut().sights.see("a session finishes");
            }
            Event::Finished { .. } => {
                return fail("it is finished, and never said so".to_owned());
            }
            Event::Established(_) => {
                self.again = self.mutation == Some(Mutation::SdkRenumbers);
                note(checkers, client, "is established");
            }
            Event::IntakeStopped(_) | Event::IntakeResumed | Event::Disconnected(_) => {}
        }
        Ok(())
    }

    fn submit(&mut self, turn: &mut Turn<'_>) -> u64 {
        let Some(session) = self.session.as_mut().filter(|_| !self.is_finishing) else { return 0 };
        let wanted = match turn.random.below(10) {
            0 => turn.random.between(10, IN_FLIGHT_MAX as u64),
            _ => turn.random.between(1, 4),
        };
        let mut submitted = 0;
        let again = if self.again { self.unanswered.len() } else { 0 };
        self.again = false;
        for n in 0..wanted.max(again as u64) {
            if session.room() == 0 {
                break;
            }
            let message = match self.unanswered.get(n as usize) {
                Some(message) if (n as usize) < again => *message,
                _ => self.flow.message(turn.random),
            };
            let sent = altered(&message, self.mutation, turn.random);
            let Ok(seq) = session.submit(&sent, turn.now.utc) else { break };
            let asked = Asked::of(&message);
            let mut checkers = turn.checkers.borrow_mut();
            let (client, seq) = (self.client, seq.0);
            checkers.timeline.note(Happened::Submitted { client, seq, asked });
            checkers.ledger.session(client).once.on_submit(self.life, seq, message);
            if self.mutation == Some(Mutation::SdkRenumbers) && n as usize >= again {
                self.unanswered.push_back(message);
            }
            submitted += 1;
        }
        if turn.random.one_in(4) {
            self.saved = Some(session.checkpoint());
        }
        self.act_at = Nanos(turn.now.mono.0 + 1 + turn.random.below(self.limits.act_ns));
        submitted
    }

    fn write(&mut self, socket: Socket, turn: &mut Turn<'_>) -> bool {
        let Some(session) = &mut self.session else { return false };
        if session.transmit().is_empty() {
            return false;
        }
        match turn.net.client_send(socket, session.transmit()) {
            Some(sent) => {
                let forgets = self.mutation == Some(Mutation::SdkForgets);
                let all = session.transmit().len();
                session.on_sent(if forgets && sent > 0 { all } else { sent });
                sent > 0
            }
            // What is left to be read is read first.
            None if turn.net.has_news(socket) => false,
            None => {
                self.disconnect(DisconnectReason::PeerClosed, turn);
                true
            }
        }
    }

    fn disconnect(&mut self, reason: DisconnectReason, turn: &mut Turn<'_>) {
        let client = self.client;
        if let Some(socket) = self.socket.take() {
            turn.net.client_close(socket);
        }
        self.input.clear();
        self.seen = 0;
        self.dial_at = Nanos(turn.now.mono.0 + 1 + turn.random.below(DIAL_NS));
        turn.checkers.borrow_mut().sights.see(&format!("{reason:?}"));
        note(turn.checkers, client, &format!("is disconnected: {reason:?}"));
        let may_be_forgotten = self.may_be_forgotten();
        let Some(session) = &mut self.session else { return };
        session.on_disconnected(reason);
        let nonsense = matches!(reason, DisconnectReason::Frame(_) | DisconnectReason::Decode(_));
        match session.over() {
            Some(DisconnectReason::Closed) => return self.be_away(turn),
            Some(DisconnectReason::SessionExpired) if may_be_forgotten => {
                return self.begin_anew(turn);
            }
            None if !nonsense => {}
            _ => {
                let what = format!("client {client} cannot go on: {reason}");
                turn.checkers.borrow_mut().judge(fail(what));
            }
        }
        if self.mutation == Some(Mutation::SdkRenumbers) {
            // The bug: the session begins anew, and what was not answered gets new numbers.
            let resume = Some(session.checkpoint());
            *session = Initiator::new(&ClientConfig { resume, ..self.config.clone() });
        }
    }

    /// It closed its connection: it comes back later, with what it knows, or as another session.
    fn be_away(&mut self, turn: &mut Turn<'_>) {
        let Some(session) = self.session.take() else { return };
        self.saved = Some(session.checkpoint());
        self.unanswered.clear();
        let most = self.limits.habits.away_ns >> (2 * turn.random.below(4));
        self.stalled_until = Nanos(turn.now.mono.0 + 1 + turn.random.below(most.max(1)));
        if self.is_finishing && session.is_finished() {
            let mut checkers = turn.checkers.borrow_mut();
            let verdict = checkers.ledger.session(self.client).once.finish(self.life);
            checkers.judge(verdict);
            drop(checkers);
            self.begin_anew(turn);
        }
    }

    /// True if the engine may know nothing of its session any more.
    fn may_be_forgotten(&self) -> bool {
        self.limits.habits.is_forgotten || self.is_finishing
    }

    /// Another session, of which nobody has heard.
    fn begin_anew(&mut self, turn: &mut Turn<'_>) {
        self.client += CLIENTS_MAX;
        self.config.session = crate::check::uuid(self.client);
        self.limits.habits.draw(&mut self.config, turn.random);
        self.is_finishing = false;
        (self.saved, self.flow) = (None, Flow::default());
        self.delivery = Delivery::new(self.limits.history_may_be_lost);
        self.unanswered.clear();
        self.session = Some(Initiator::new(&self.config));
        self.life += 1;
        turn.checkers.borrow_mut().sights.see("another session");
        note(turn.checkers, self.client, "is another session");
    }

    /// The network drops its connection. False if it has none.
    pub fn cut(&mut self, net: &Net) -> bool {
        self.socket.inspect(|socket| net.client_close(*socket)).is_some()
    }

    /// It does nothing until then.
    pub fn stall(&mut self, until: Nanos) {
        self.stalled_until = until;
    }

    /// It dies right after it next submits something, for so long (ns).
    pub fn doom(&mut self, for_ns: u64) {
        self.doom_ns = Some(for_ns);
    }

    /// It dies, and stays dead until then. Of its memory its last checkpoint is left, or nothing.
    pub fn die(&mut self, until: Nanos, net: &Net, random: &mut Random) {
        if let Some(socket) = self.socket.take() {
            net.client_close(socket);
        }
        self.session = None;
        self.doom_ns = None;
        self.stalled_until = until;
        if random.one_in(2) {
            self.saved = None;
        }
        self.unanswered.clear();
    }

    fn revive(&mut self, turn: &mut Turn<'_>) {
        if self.saved.is_none() && self.may_be_forgotten() {
            return self.begin_anew(turn);
        }
        self.life += 1;
        self.delivery.on_life(self.saved.map_or(0, |saved| saved.last.number.0));
        let config = ClientConfig { resume: self.saved, ..self.config.clone() };
        let mut session = Initiator::new(&config);
        if self.is_finishing {
            session.finish();
        }
        self.session = Some(session);
        self.input.clear();
        self.seen = 0;
        let memory = if self.saved.is_some() { "a checkpoint" } else { "no memory" };
        note(turn.checkers, self.client, &format!("lives again, with {memory}"));
    }

    /// True if it is connected and waits for nothing.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let at_rest = |session: &Initiator| {
            let finished = !self.is_finishing || session.is_finished();
            session.is_established() && session.in_flight() == 0 && finished
        };
        self.session.as_ref().is_some_and(at_rest)
    }

    /// Number of its session.
    #[must_use]
    pub fn session(&self) -> usize {
        self.client
    }

    /// How it stands, for a person.
    #[must_use]
    pub fn standing(&self) -> String {
        let Some(session) = &self.session else { return format!("client {} is dead", self.client) };
        format!(
            "client {}: established {}, {} in flight, next report {}",
            self.client,
            session.is_established(),
            session.in_flight(),
            self.delivery.next()
        )
    }

    /// Which of its lives this is.
    #[must_use]
    pub fn life(&self) -> u32 {
        self.life
    }

    /// What its application was given.
    #[must_use]
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }
}

/// What a planted bug of the SDK makes of a message.
fn altered(message: &Application, mutation: Option<Mutation>, random: &mut Random) -> Application {
    match message {
        Application::NewOrder(order)
            if mutation == Some(Mutation::SdkAlters) && random.one_in(50) =>
        {
            Application::NewOrder(NewOrder { qty: Qty(order.qty.0 + 1), ..*order })
        }
        _ => *message,
    }
}

fn note(checkers: &Shared, client: usize, what: &str) {
    let what = what.to_owned();
    checkers.borrow_mut().timeline.note(Happened::Client { client, what });
}

fn fail(what: String) -> Verdict {
    Err(Violation::new(CHECKER, what))
}
