//! What happened, twice: as a hash of everything, and as the last events for a person.
//!
//! Inputs -> outputs: events in; a hash and lines out.
//! Invariants: equal runs have equal hashes; one different event makes them differ.
//! Limits: [`EVENTS_KEPT`].

use gavel_types::Nanos;
use std::collections::VecDeque;
use std::fmt::Write;
use xxhash_rust::xxh3::Xxh3Default;

/// Events that are kept for a person, of either sort.
pub const EVENTS_KEPT: usize = 80;

/// The events of a run.
#[derive(Default)]
pub struct Timeline {
    hash: Xxh3Default,
    last: VecDeque<(u64, Nanos, Happened)>,
    /// Faults, starts and lives: rarer than the others, and what a story turns on.
    turns: VecDeque<(u64, Nanos, Happened)>,
    step: u64,
    time: Nanos,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// An agent had work.
    Worked {
        /// Which.
        agent: &'static str,
        /// How much.
        work: u64,
    },
    /// The journal gave a block to the disk.
    BlockIssued {
        /// Its number.
        block_seq: u64,
        /// Its last record.
        last: u64,
    },
    /// The log is durable to here, says the disk.
    Durable {
        /// Its last record.
        index: u64,
    },
    /// Bytes left the node.
    Sent {
        /// Where.
        conn: u64,
        /// How many.
        bytes: u64,
    },
    /// A report reached a client.
    Received {
        /// The session.
        client: usize,
        /// Its number.
        number: u64,
        /// Of its frame.
        hash: u64,
    },
    /// A client handed a message to its session.
    Submitted {
        /// The session.
        client: usize,
        /// Its number.
        seq: u64,
        /// What it asks for.
        asked: crate::check::Asked,
    },
    /// A client's connection, or life, began or ended.
    Client {
        /// The session.
        client: usize,
        /// How.
        what: String,
    },
    /// A snapshot was announced.
    Snapshot {
        /// Of the state after this record.
        index: u64,
    },
    /// The log's head was given up.
    GivenUp {
        /// The segments below.
        below: u64,
    },
    /// The shadow has something to say.
    Shadow {
        /// What.
        what: String,
    },
    /// The world did something to somebody.
    Fault {
        /// What.
        what: String,
    },
    /// A process started and recovered.
    Started {
        /// Its number.
        incarnation: u64,
        /// The log's last record.
        last: u64,
        /// What recovery cut.
        cut: String,
    },
}

impl Happened {
    fn hash(&self, hash: &mut Xxh3Default) {
        let mut words = |words: [u64; 4]| words.iter().for_each(|w| hash.update(&w.to_le_bytes()));
        match self {
            Self::Worked { agent, work } => words([1, agent.len() as u64, *work, 0]),
            Self::BlockIssued { block_seq, last } => words([2, *block_seq, *last, 0]),
            Self::Durable { index } => words([3, *index, 0, 0]),
            Self::Sent { conn, bytes } => words([4, *conn, *bytes, 0]),
            Self::Received { client, number, hash } => words([5, *client as u64, *number, *hash]),
            Self::Submitted { client, seq, asked } => words([6, *client as u64, *seq, asked.name]),
            Self::Client { client, what } => {
                words([7, *client as u64, what.len() as u64, 0]);
                hash.update(what.as_bytes());
            }
            Self::Fault { what } => {
                words([8, what.len() as u64, 0, 0]);
                hash.update(what.as_bytes());
            }
            Self::Started { incarnation, last, cut } => {
                words([9, *incarnation, *last, cut.len() as u64]);
            }
            Self::Snapshot { index } => words([10, *index, 0, 0]),
            Self::GivenUp { below } => words([11, *below, 0, 0]),
            Self::Shadow { what } => {
                words([12, what.len() as u64, 0, 0]);
                hash.update(what.as_bytes());
            }
        }
    }
}

impl Happened {
    fn is_turn(&self) -> bool {
        let is_of_somebody = matches!(self, Self::Client { .. } | Self::Shadow { .. });
        is_of_somebody || matches!(self, Self::Fault { .. } | Self::Started { .. })
    }
}

impl std::fmt::Display for Happened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Worked { agent, work } => write!(f, "the {agent} works: {work}"),
            Self::BlockIssued { block_seq, last } => {
                write!(f, "block {block_seq} goes to the disk, up to record {last}")
            }
            Self::Durable { index } => write!(f, "the disk holds records up to {index}"),
            Self::Sent { conn, bytes } => write!(f, "{bytes} bytes leave on connection {conn}"),
            Self::Received { client, number, hash } => {
                write!(f, "client {client} receives report {number} ({hash:016x})")
            }
            Self::Submitted { client, seq, asked } => {
                write!(f, "client {client} submits message {seq}: {asked:?}")
            }
            Self::Client { client, what } => write!(f, "client {client}: {what}"),
            Self::Fault { what } => write!(f, "** {what}"),
            Self::Started { incarnation, last, cut } => {
                write!(f, "** start {incarnation} recovers {last} records; {cut}")
            }
            Self::Snapshot { index } => write!(f, "a snapshot of record {index}"),
            Self::GivenUp { below } => write!(f, "segments below {below} are given up"),
            Self::Shadow { what } => write!(f, "the shadow: {what}"),
        }
    }
}

impl Timeline {
    /// Where the run stands: what is noted next happened there.
    pub fn at(&mut self, step: u64, time: Nanos) {
        (self.step, self.time) = (step, time);
    }

    /// Notes an event.
    pub fn note(&mut self, happened: Happened) {
        self.hash.update(&self.step.to_le_bytes());
        self.hash.update(&self.time.0.to_le_bytes());
        happened.hash(&mut self.hash);
        let kept = if happened.is_turn() { &mut self.turns } else { &mut self.last };
        if kept.len() == EVENTS_KEPT {
            kept.pop_front();
        }
        kept.push_back((self.step, self.time, happened));
    }

    /// Of all events.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash.digest()
    }

    /// The step that is under way.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The time that it is.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.time
    }

    /// The last turns of fate and the last of all other events, oldest first, one a line.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut all: Vec<&(u64, Nanos, Happened)> = self.turns.iter().chain(&self.last).collect();
        all.sort_by_key(|(step, time, _)| (*step, *time));
        let mut text = String::new();
        for (step, time, happened) in all {
            let (ms, us) = (time.0 / 1_000_000, time.0 / 1_000 % 1_000);
            let _ = writeln!(text, "  {ms:>7}.{us:03} ms  step {step:>8}  {happened}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_different_event_makes_another_hash() {
        let run = |index| {
            let mut timeline = Timeline::default();
            for i in 0..300 {
                timeline.at(i, Nanos(i * 5));
                timeline.note(Happened::Durable { index: if i == 150 { index } else { i } });
            }
            (timeline.hash(), timeline.lines().lines().count())
        };
        assert_eq!(run(150), run(150));
        assert_ne!(run(150).0, run(151).0);
        assert_eq!(run(150).1, EVENTS_KEPT);
    }
}
