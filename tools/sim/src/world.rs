//! A world: one node, its disk, its network, its clients, and the one seed that drives them.
//!
//! One thread and virtual time. Every step the seed picks who has a turn: an agent (any, in any
//! order, some oftener than others), the disk, a client, or the weather. Time passes a little with
//! every step, and jumps when nobody has anything to do. Busy stretches, in which clients submit,
//! take turns with quiet ones, in which logs are sealed and sessions kept alive.
//!
//! Inputs -> outputs: a seed and a profile -> a world that can be stepped, and in the end judged.
//! Invariants: the same seed, profile and mutation give the same events, bit for bit.
//! Limits: [`STEPS_MAX`], [`CALM_STEPS_MAX`], [`CALM_NS`].
//! Not here: what must hold (check/), what the weather brings (weather.rs).

use crate::check::{CLIENTS_MAX, Oracle, Shared, Snapshots, Verdict, Violation};
use crate::client::{ClientLimits, SimClient, Turn};
use crate::countdown::Countdown;
use crate::faults::FaultCounts;
use crate::forecast::{Befell, Forecast};
use crate::less::Less;
use crate::mutation::Mutation;
use crate::net::{Net, NetLimits};
use crate::node::{AGENTS, Node, SHADOW, Start};
use crate::profile::Profile;
use crate::random::Random;
use crate::run::Case;
use crate::timeline::Happened;
use gavel_client::initiator::Now as ClientNow;
use gavel_contract::{Now, Plan};
use gavel_journal::memory::{MemoryDisk, Random as DiskRandom};
use gavel_types::Nanos;

/// Most steps of a storm: a day takes about 20 million.
pub const STEPS_MAX: u64 = 60_000_000;
/// Most steps of the calm after it.
pub const CALM_STEPS_MAX: u64 = 8_000_000;
/// Virtual time after the last fault in which everybody must have been answered (ns).
pub const CALM_NS: u64 = 30_000_000_000;
/// Virtual time that a step takes, at most (ns).
const STEP_NS: u64 = 1_500;
/// Steps without work after which time jumps.
const IDLE_STEPS: u32 = 48;
/// UTC when the world begins.
const DAWN: u64 = 1_700_000_000_000_000_000;
/// Virtual time between two submissions of one of four clients in a busy stretch, at most (ns).
const ACT_NS: u64 = 3_000_000;
/// Longest busy stretch (ns).
const BUSY_NS: u64 = 12_000_000;
/// Time between the end of a process and the next start, at most (ns).
const DOWN_NS: u64 = 400_000_000;
/// An operator asks for a snapshot once in so many steps, on average.
const ASK_ONE_IN_STEPS: u64 = 60_000;
/// Steps between two draws of who is favoured.
const FAVOUR_STEPS: u64 = 4_096;

/// A world.
pub struct World {
    pub(crate) profile: &'static Profile,
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) time: Nanos,
    /// What UTC is ahead of virtual time; may be wound back.
    pub(crate) skew_ns: i64,
    pub(crate) disk: MemoryDisk,
    pub(crate) net: Net,
    pub(crate) node: Option<Node>,
    pub(crate) clients: Vec<SimClient>,
    pub(crate) checkers: Shared,
    pub(crate) faults: FaultCounts,
    pub(crate) forecast: Forecast,
    pub(crate) less: Less,
    /// The step of the next fault.
    pub(crate) weather_at: u64,
    pub(crate) asleep_until: [Nanos; AGENTS],
    pub(crate) start_at: Nanos,
    pub(crate) stop_at: Nanos,
    pub(crate) stalled_until: Nanos,
    pub(crate) full_until: Nanos,
    disk_random: DiskRandom,
    client_random: Random,
    oracle: Oracle,
    pub(crate) snapshots: Snapshots,
    mutation: Option<Mutation>,
    countdown: Countdown,
    incarnation: u64,
    steps: u64,
    idle: u32,
    /// The agents that had a turn since anybody last worked, a bit each: who is favoured little may
    /// have none in [`IDLE_STEPS`], and so have work that it has not seen. (Work that time alone
    /// brings is not meant: it comes as long as time goes on.)
    looked: u8,
    favours: [u32; AGENTS],
    is_in_order: bool,
    turns_at: Nanos,
    is_busy: bool,
    is_storm: bool,
    submitted: u64,
}

pub(crate) const NEVER: Nanos = Nanos(u64::MAX);

impl World {
    /// A world at its dawn: nothing runs yet.
    #[must_use]
    pub fn new(case: Case, countdown: Countdown, checkers: Shared) -> Self {
        let Case { seed, profile, mutation, less, .. } = case;
        assert!(profile.clients <= CLIENTS_MAX, "clients have sessions of their own");
        let mut random = Random::new(seed);
        let plan = profile.plan(&mut random);
        let limits = NetLimits {
            connections: plan.session.connections_max as usize,
            socket_bytes: profile.socket_bytes(&mut random),
        };
        let client_limits = ClientLimits {
            history_may_be_lost: profile.is_lossy,
            act_ns: ACT_NS * profile.clients as u64 / 4,
            habits: profile.habits,
        };
        let client = |client| SimClient::new(client, client_limits, &mut random, mutation);
        let mut clients: Vec<SimClient> = (0..profile.clients).map(client).collect();
        clients.truncate(Less::of(less.clients, profile.clients));
        let of_rules = mutation.and_then(Mutation::of_rules);
        let mut oracle = Oracle::new(&plan);
        of_rules.into_iter().for_each(|bug| oracle.plant(bug));
        Self {
            net: Net::new(limits, random.split()),
            disk: MemoryDisk::new(plan.journal.segment_bytes),
            disk_random: DiskRandom::new(random.word()),
            client_random: random.split(),
            oracle,
            snapshots: Snapshots::new(&plan, of_rules),
            profile,
            plan,
            random,
            time: Nanos(0),
            skew_ns: 0,
            node: None,
            clients,
            checkers,
            faults: FaultCounts::default(),
            forecast: Forecast::new(seed, &less),
            less,
            weather_at: profile.fault_one_in_steps,
            asleep_until: [Nanos(0); AGENTS],
            start_at: Nanos(0),
            stop_at: NEVER,
            stalled_until: Nanos(0),
            full_until: Nanos(0),
            mutation,
            countdown,
            incarnation: 0,
            steps: 0,
            idle: 0,
            looked: 0,
            favours: [1; AGENTS],
            is_in_order: false,
            turns_at: Nanos(0),
            is_busy: false,
            is_storm: true,
            submitted: 0,
        }
    }

    /// Lives through the storm and the calm after it.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn run(&mut self) -> Verdict {
        let whole = self.profile.seconds * 1_000_000_000;
        let end = self.less.until_ns.unwrap_or(whole);
        let least =
            self.less.until_ns.map_or(self.commands_max().min(self.profile.commands), |_| 0);
        while self.steps < STEPS_MAX && (self.submitted < least || self.time.0 < end) {
            self.step()?;
        }
        self.is_storm = false;
        self.clear_up();
        let until = Nanos(self.time.0 + CALM_NS);
        let last_step = self.steps + CALM_STEPS_MAX;
        while !self.is_at_rest() {
            if self.time > until || self.steps > last_step {
                return Err(self.unanswered());
            }
            self.step()?;
        }
        self.judge()
    }

    /// One turn of somebody.
    ///
    /// # Errors
    /// The first [`Violation`], if it has shown by then.
    pub fn step(&mut self) -> Verdict {
        self.steps += 1;
        self.time.0 += self.random.below(STEP_NS);
        self.checkers.borrow_mut().timeline.at(self.steps, self.time);
        self.turn_of_the_world()?;
        let worked = match self.random.below(32) {
            0..=18 => self.agent_turn()?,
            19..=22 => self.disk_turn(),
            23..=30 => self.client_turn(),
            _ => {
                self.jump();
                false
            }
        };
        if worked {
            (self.idle, self.looked) = (0, 0);
        } else {
            self.idle = self.idle.saturating_add(1);
        }
        match self.checkers.borrow().violation() {
            None => Ok(()),
            Some(violation) => Err(violation.clone()),
        }
    }

    /// Nobody submits more.
    fn commands_max(&self) -> u64 {
        self.less.commands.unwrap_or(u64::MAX)
    }

    /// Virtual time since dawn.
    #[must_use]
    pub fn elapsed(&self) -> Nanos {
        self.time
    }

    /// What went wrong by design.
    #[must_use]
    pub fn faults(&self) -> &FaultCounts {
        &self.faults
    }

    /// The numbered ones.
    #[must_use]
    pub fn befell(&self) -> &[Befell] {
        self.forecast.list()
    }

    /// Messages that clients submitted.
    #[must_use]
    pub fn submitted(&self) -> u64 {
        self.submitted
    }

    /// Steps so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What has its time: the start and end of processes, of stretches and of faults.
    fn turn_of_the_world(&mut self) -> Verdict {
        if self.node.is_none() && self.time >= self.start_at {
            self.start()?;
        }
        if self.time >= self.stop_at {
            self.crash();
        }
        if self.time >= self.stalled_until {
            self.disk.set_stalled(false);
            self.stalled_until = NEVER;
        }
        if self.time >= self.full_until {
            self.disk.set_full(0);
            self.disk.set_files_full(false);
            self.full_until = NEVER;
        }
        if self.time >= self.turns_at {
            self.is_busy = !self.is_busy;
            let most = if self.is_busy { BUSY_NS } else { self.profile.quiet_ns };
            self.turns_at = Nanos(self.time.0 + 1 + self.random.below(most));
        }
        if self.steps.is_multiple_of(FAVOUR_STEPS) {
            self.favours = core::array::from_fn(|_| 1 << (2 * self.random.below(3)));
            self.is_in_order = self.random.one_in(3);
        }
        if self.random.one_in(ASK_ONE_IN_STEPS)
            && let Some(node) = &mut self.node
        {
            node.ask_snapshot();
        }
        if self.is_storm && !self.profile.faults.is_empty() && self.steps >= self.weather_at {
            self.weather();
        }
        Ok(())
    }

    fn now(&self) -> Now {
        let utc = DAWN.saturating_add_signed(self.skew_ns) + self.time.0;
        // Every process has an origin of its own.
        let mono = self.time.0 + self.incarnation * 1_000_000_000_000;
        Now { mono: Nanos(mono), utc: Nanos(utc) }
    }

    fn agent_turn(&mut self) -> Result<bool, Violation> {
        let agent = self.random.weighted(&self.favours);
        let now = self.now();
        let Some(node) = &mut self.node else { return Ok(false) };
        if self.time < self.asleep_until[agent] {
            return Ok(false);
        }
        let (name, work) = node.turn(agent, now);
        self.looked |= 1 << agent;
        if work > 0 {
            let happened = Happened::Worked { agent: name, work: work as u64 };
            self.checkers.borrow_mut().timeline.note(happened);
        }
        if agent == SHADOW {
            let Self { disk, checkers, oracle, snapshots, .. } = self;
            node.watch_shadow(disk, checkers, oracle, snapshots)?;
        }
        if node.crash().is_dead() || node.is_failed() {
            self.crash();
        }
        Ok(work > 0)
    }

    fn disk_turn(&mut self) -> bool {
        if self.is_in_order {
            self.disk.complete_next()
        } else {
            self.disk.complete_any(&mut self.disk_random)
        }
    }

    fn client_turn(&mut self) -> bool {
        let at = self.random.place(self.clients.len());
        let utc = self.now().utc;
        let mut turn = Turn {
            now: ClientNow { mono: self.time, utc },
            net: &self.net,
            submits: self.is_storm && self.is_busy && self.submitted < self.commands_max(),
            random: &mut self.client_random,
            checkers: &self.checkers,
        };
        let (submitted, moved) = self.clients[at].turn(&mut turn);
        self.submitted += submitted;
        moved
    }

    /// Time jumps if nobody has anything to do.
    fn jump(&mut self) {
        if self.idle >= IDLE_STEPS {
            self.idle = 0;
            let quiet = if self.is_storm { self.profile.jump_ns } else { 20_000_000 };
            let most = if self.is_busy && self.is_storm { 100_000 } else { quiet };
            self.time.0 += self.random.below(most);
        }
    }

    fn start(&mut self) -> Verdict {
        self.incarnation += 1;
        self.looked = 0;
        let start = Start {
            plan: &self.plan,
            disk: &self.disk,
            net: &self.net,
            incarnation: self.incarnation,
            now: self.now(),
            checkers: &self.checkers,
            countdown: &self.countdown,
            mutation: self.mutation,
        };
        self.node = Node::start(&start, &mut self.oracle, &mut self.snapshots)?;
        if self.node.is_none() {
            // It is started again, as whatever watches over processes does.
            self.crash();
        }
        self.asleep_until = [Nanos(0); AGENTS];
        Ok(())
    }

    /// The process ends, and everything that was not safe may be lost.
    pub(crate) fn crash(&mut self) {
        if let Some(node) = self.node.take() {
            let sights = &mut self.checkers.borrow_mut().sights;
            (0..node.stops()).for_each(|_| sights.see("intake stops"));
        }
        self.net.crash();
        self.disk = self.disk.crash(self.random.word());
        self.stop_at = NEVER;
        (self.stalled_until, self.full_until) = (NEVER, NEVER);
        let most = DOWN_NS >> (2 * self.random.below(4));
        self.start_at = Nanos(self.time.0 + 1 + self.random.below(most));
        let what = "the process ends".to_owned();
        self.checkers.borrow_mut().timeline.note(Happened::Fault { what });
    }

    /// No faults from here on.
    fn clear_up(&mut self) {
        self.disk.set_stalled(false);
        self.disk.set_full(0);
        self.disk.set_files_full(false);
        if self.stop_at != NEVER || self.node.as_ref().is_some_and(|node| node.crash().is_set()) {
            self.crash();
        }
        self.asleep_until = [Nanos(0); AGENTS];
        for client in &mut self.clients {
            client.stall(Nanos(0));
        }
        let what = "the weather clears".to_owned();
        self.checkers.borrow_mut().timeline.note(Happened::Fault { what });
    }

    /// Everybody was answered, was told everything, and the log is idle.
    fn is_at_rest(&self) -> bool {
        let Some(node) = &self.node else { return false };
        let (applied, durable) = node.progress();
        let told = |client: &SimClient| {
            client.is_at_rest() && client.delivery().next() == node.next_report(client.session())
        };
        self.idle >= IDLE_STEPS
            && self.looked == (1 << AGENTS) - 1
            && applied == durable
            && node.shadow_is_at_rest()
            && self.disk.pending() == 0
            && self.clients.iter().all(told)
    }

    fn unanswered(&self) -> Violation {
        let mut what = format!("{} s after the last fault", CALM_NS / 1_000_000_000);
        for client in &self.clients {
            let made = self.node.as_ref().map_or(0, |node| node.next_report(client.session()));
            what += &format!("; {}, of the node's {made}", client.standing());
        }
        match &self.node {
            Some(node) => {
                let (applied, durable) = node.progress();
                what += &format!("; the node applied {applied} and holds {durable}");
                what += &format!(", its shadow {}", node.shadow_stands_at());
            }
            None => what += "; there is no node",
        }
        Violation::new("liveness", what)
    }
}

/// The end of a world.
impl World {
    /// What must hold in the end, of the living node and of what a last crash leaves.
    fn judge(&mut self) -> Verdict {
        self.oracle.extend(&self.disk, &mut self.checkers.borrow_mut().sights)?;
        let node = self.node.as_ref().expect("a world at rest has a node");
        node.agree(&self.oracle)?;
        let mut checkers = self.checkers.borrow_mut();
        checkers.ledger.confirm(&self.oracle)?;
        self.oracle.finish()?;
        for client in &self.clients {
            let at = client.session();
            let session = checkers.ledger.session(at);
            if session.walked() != self.oracle.reports(at) {
                return Err(Violation::new(
                    "ledger",
                    format!(
                        "client {at} was told {} reports, and the log gives it {}",
                        session.walked(),
                        self.oracle.reports(at)
                    ),
                ));
            }
            session.once.finish(client.life())?;
            client.delivery().finish(self.oracle.reports(at))?;
        }
        if self.profile.clients == 1 {
            let replay = crate::replay::book_digest(&self.plan, &checkers.ledger.session(0).once);
            if replay != self.oracle.book_digest() {
                return Err(Violation::new(
                    "replay",
                    "the client's messages, applied in order, give another book",
                ));
            }
        }
        drop(checkers);
        self.crash();
        self.start()?;
        if self.node.is_none() { self.start() } else { Ok(()) }
    }
}
