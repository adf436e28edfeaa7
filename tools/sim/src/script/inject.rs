//! Messages that nobody sent: a story puts them on the wire, as a liar or an old network might.
//!
//! Inputs -> outputs: the words of a message -> the message, at the back of the wire.
//! Invariants: what is not said is as if the node that it is from had sent it now.
//! Not here: what becomes of it: `deliver` hands it over.

use super::command::{Stop, unplayable};
use super::words::{self, Words};
use super::world::World;
use gavel_raft::memory::{Cargo, Entry, Envelope, Payload};
use gavel_raft::{
    Append, Body, ClusterGeneration, DiskId, Incarnation, Mark, Message, NodeSet, Progress,
    ReadKind, Run, Runs,
};
use gavel_types::{Index, Term};

pub(super) fn run(world: &mut World, words: &mut Words<'_>) -> Result<(), Stop> {
    let link = words::links(words.need("a link, as 2->1")?)?;
    let [(from, to)] = link[..] else { return unplayable("a message goes one way: 2->1") };
    let kind = words::kind(words.need("a kind of message")?)?;
    let mut number = |key: &str| words.option(key).map(words::number).transpose();
    let (term, life, disk) = (number("term")?, number("life")?, number("disk")?);
    let generation = number("cluster-generation")?;
    let own = world.disk_of(from);
    let own_generation = own.map_or(0, |disk| disk.hard.generation.0);
    let term = Term(match (term, own) {
        (Some(term), _) => term,
        (None, Some(disk)) => disk.hard.term.0,
        (None, None) => return unplayable(format!("node {from} has no term: say term=N")),
    });
    let (body, terms) = body(kind, words)?;
    let msg = Message {
        from,
        to,
        generation: ClusterGeneration(generation.map_or(own_generation, |word| word as u32)),
        disk: disk.map_or(own.map_or(DiskId(1), |disk| disk.id), |word| DiskId(word as u32)),
        incarnation: life.map_or_else(
            || own.map_or(Incarnation(1), |disk| disk.incarnation),
            |word| Incarnation(word as u32),
        ),
        term,
        body,
    };
    let entry = |term: &Term| Entry { term: *term, payload: Payload::Noop };
    let entries = known_entries(world, &msg, terms.iter().map(entry).collect());
    world.cluster.wire.push(Envelope { from, to, cargo: Cargo::Raft(msg, entries) });
    Ok(())
}

/// An entry of a term at an index is what any node has there in that term.
fn known_entries(world: &World, msg: &Message, mut entries: Vec<Entry>) -> Vec<Entry> {
    let Body::Append(append) = msg.body else { return entries };
    for (place, entry) in entries.iter_mut().enumerate() {
        let at = append.prev.index.0 as usize + place;
        let has = |host: &&gavel_raft::memory::Host| {
            host.entries.get(at).is_some_and(|known| known.term == entry.term)
        };
        if let Some(host) = world.cluster.hosts().into_iter().find(has) {
            *entry = host.entries[at].clone();
        }
    }
    entries
}

/// What the message says, and the terms of the entries that it carries.
fn body(kind: &str, words: &mut Words<'_>) -> Result<(Body, Vec<Term>), Stop> {
    let mut options = Options { words };
    let said = match kind {
        "append" => return options.append(),
        "vote" => {
            let is_transfer = options.words.flag("transfer");
            Body::Vote { last: options.mark("last")?, is_transfer }
        }
        "pre-vote" => {
            Body::PreVote { next_term: Term(options.number("for")?), last: options.mark("last")? }
        }
        "vote-answer" => Body::VoteAnswer {
            granted: options.switch("granted")?,
            lease_term: Term(options.number_or("lease-term", 0)?),
        },
        "pre-vote-answer" => Body::PreVoteAnswer {
            next_term: Term(options.number("for")?),
            granted: options.switch("granted")?,
        },
        "append-ack" => Body::AppendAck(options.progress()?),
        "append-reject" => {
            let (prev, last) = (Index(options.number("prev")?), options.number("last")?);
            let held = Index(options.number_or("held", last)?);
            Body::AppendReject { prev, last: Index(last), held, runs: options.log_end()? }
        }
        "read" => Body::Read {
            context: options.number("name")?,
            kind: match options.words.flag("lease") {
                true => ReadKind::Lease,
                false => ReadKind::Index,
            },
        },
        "read-answer" => Body::ReadAnswer {
            context: options.number("name")?,
            index: options.words.option("index").map(words::number).transpose()?.map(Index),
        },
        "heartbeat" => Body::Heartbeat {
            round: options.number("round")?,
            commit: Index(options.number("commit")?),
            durable: Index(options.number_or("durable", 0)?),
            is_open: options.words.option("open").map(words::switch).transpose()?.unwrap_or(true),
            barred: options.words.option("barred").map_or(Ok(NodeSet::EMPTY), words::nodes)?,
            config: Index(options.number_or("config-at", 0)?),
        },
        "heartbeat-ack" => {
            let round = options.number("round")?;
            let progress = options.progress()?;
            let last = Index(options.number_or("last", progress.received.0)?);
            Body::HeartbeatAck { round, progress, last }
        }
        "snapshot" => Body::Snapshot { mark: options.mark("at")? },
        "timeout-now" => Body::TimeoutNow,
        "lease-released" => Body::LeaseReleased,
        "term-over" => Body::TermOver,
        _ => return unplayable(format!("a {kind} cannot be made up")),
    };
    Ok((said, Vec::new()))
}

/// The runs of entries with these terms.
fn runs(first: u64, terms: &[Term]) -> Result<Runs, Stop> {
    let mut runs = Runs::default();
    let mut newest = None;
    for (index, term) in (first..).map(Index).zip(terms) {
        if newest != Some(*term) && !runs.push(Run { first: index, term: *term }) {
            return unplayable("a message carries entries of four terms at most");
        }
        newest = Some(*term);
    }
    Ok(runs)
}

struct Options<'a, 'b> {
    words: &'a mut Words<'b>,
}

impl Options<'_, '_> {
    fn need(&mut self, key: &str) -> Result<&str, Stop> {
        match self.words.option(key) {
            Some(value) => Ok(value),
            None => unplayable(format!("{key}= is missing")),
        }
    }

    fn number(&mut self, key: &str) -> Result<u64, Stop> {
        words::number(self.need(key)?)
    }

    fn number_or(&mut self, key: &str, usual: u64) -> Result<u64, Stop> {
        self.words.option(key).map_or(Ok(usual), words::number)
    }

    fn switch(&mut self, key: &str) -> Result<bool, Stop> {
        words::switch(self.need(key)?)
    }

    fn mark(&mut self, key: &str) -> Result<Mark, Stop> {
        words::mark(self.need(key)?)
    }

    fn progress(&mut self) -> Result<Progress, Stop> {
        let received = Index(self.number("received")?);
        let durable = Index(self.number_or("durable", received.0)?);
        Ok(Progress { received, durable })
    }

    /// `append-reject prev=9 last=7 log=1x3,2x4`: the runs of a log, the whole of it.
    fn log_end(&mut self) -> Result<Runs, Stop> {
        let terms = words::terms(self.words.option("log").unwrap_or(""))?;
        runs(1, &terms)
    }

    /// `append prev=5/2 log=2,3x2 commit=4`.
    fn append(&mut self) -> Result<(Body, Vec<Term>), Stop> {
        let prev = self.mark("prev")?;
        let terms = words::terms(self.words.option("log").unwrap_or(""))?;
        let commit = Index(self.number_or("commit", 0)?);
        let runs = runs(prev.index.0 + 1, &terms)?;
        let last = Index(prev.index.0 + terms.len() as u64);
        Ok((Body::Append(Append { prev, last, runs, commit }), terms))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Failure, play};

    const LED: &str = "cluster 3 pre-vote=off check-quorum=off\ncampaign 1\nstabilize\npropose 1 2\n\
                       stabilize\nrun 20ms\n";

    #[test]
    fn what_is_made_up_is_delivered_like_anything_else() {
        let text = format!(
            "{LED}inject 3->2 append term=2 prev=3/1 log=2x2 commit=3\ndeliver 3->2\n\
             expect 2 term=2 leader=3 last=5 commit=3\n"
        );
        assert_eq!(play(&text, None), Ok(()));
    }

    #[test]
    fn what_cannot_be_said_is_named() {
        for (message, word) in [
            ("3->2 append log=1", "prev= is missing"),
            ("3->2 shout", "no message is a shout"),
            ("3-2 timeout-now", "one way"),
            ("9->2 timeout-now", "say term=N"),
            ("3->2 vote last=7", "write INDEX/TERM"),
        ] {
            let text = format!("{LED}inject {message}\n");
            let Err(Failure::Unplayable { line, what }) = play(&text, None) else {
                panic!("{message} is played")
            };
            assert!(line == 7 && what.contains(word), "{what}");
        }
    }
}
