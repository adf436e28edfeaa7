//! What passes between clients and nodes.
//!
//! Inputs -> outputs: answers that may leave, requests that are due -> messages, calls and answers
//! of the history.
//! Invariants: what leaves is judged before it leaves; a client takes nothing from whoever is
//! behind the newest sender that it took anything from.
//! Not here: what a client wants (client.rs), what a node says (node.rs).

use super::mutation::Mutation;
use super::node::{Asked, Reply, Request, Unsent};
use super::rule::{Rule, Stamp};
use super::world::{Event, World};
use crate::check::Verdict;
use crate::linear::{OpId, RegisterAnswer};
use gavel_types::NodeId;

/// Answers, by the rule that was met.
const NAMES: [&str; 3] = ["answered local", "answered held", "answered"];

impl World {
    /// Something is said to a client.
    pub(super) fn leaves(&mut self, place: usize, unsent: Unsent) -> Verdict {
        let stamp = self.nodes[place].stamp(&unsent);
        let (id, client, index) = (self.nodes[place].id, unsent.client, unsent.index);
        let Reply::Answer(op, answer) = unsent.reply else {
            self.says(place, client, stamp, unsent.reply);
            return Ok(());
        };
        let verdict = self.judge_answer(place, op, &unsent, &stamp);
        self.flags(verdict)?;
        self.promises.speaks(stamp.reign, self.history.now());
        self.nodes[place].tells(&unsent);
        let call = self.history.operations()[op.0].call;
        let rule = NAMES[stamp.rule as usize];
        let told = format_args!("{call} -> {answer} ({index})");
        self.tell(format_args!("node {id}, {rule}: client {client}: {told}"));
        self.send_reply(client, stamp, unsent.reply);
        Ok(())
    }

    fn judge_answer(&mut self, place: usize, op: OpId, unsent: &Unsent, stamp: &Stamp) -> Verdict {
        let (nodes, now) = (&self.nodes, self.now);
        if unsent.is_command {
            let committed = self.checks.committed();
            self.promises.leaves(&nodes[place], (unsent, stamp), nodes, committed, now)?;
        } else {
            self.promises.reads(nodes[place].id, op, unsent.index, &self.checks)?;
        }
        if stamp.rule == Rule::Quorum || !unsent.is_command {
            self.checks.leaves(&nodes[place], unsent, nodes, now)?;
        }
        Ok(())
    }

    fn send_request(&mut self, to: NodeId, request: Request) {
        let arrivals = self.net.arrivals(self.now, self.case.profile);
        for at in arrivals.into_iter().flatten() {
            self.plan_at(at, Event::Asked(to, request));
        }
        let attempt = self.clients[request.client].attempt;
        let patience_ns = self.clients[request.client].patience_ns();
        self.plan(patience_ns, Event::Impatient { client: request.client, attempt });
    }

    /// Says to a client what is no answer.
    pub(super) fn says(&mut self, place: usize, client: usize, stamp: Stamp, reply: Reply) {
        let reply = match reply {
            Reply::Established(op, _) => Reply::Established(op, self.sends_runs(place)),
            reply => reply,
        };
        self.send_reply(client, stamp, reply);
    }

    fn send_reply(&mut self, client: usize, stamp: Stamp, reply: Reply) {
        let arrivals = self.net.arrivals(self.now, self.case.profile);
        for at in arrivals.into_iter().flatten() {
            self.plan_at(at, Event::Replied(client, stamp, reply));
        }
    }

    pub(super) fn thinks(&mut self, client: usize) {
        let is_busy = self.clients[client].open.is_some();
        if is_busy || !self.phase.takes_calls() || self.rests(client) {
            return;
        }
        let now = self.now;
        let request = self.clients[client].call(now, &mut self.history, &mut self.commands);
        if matches!(request.ask, Asked::Read(..)) {
            self.checks.asks_to_read(request.op.0);
            self.promises.asks_to_read(request.op);
        }
        let target = self.clients[client].target;
        self.send_request(target, request);
    }

    pub(super) fn retries(&mut self, client: usize, hint: Option<NodeId>) {
        self.sights.see(if hint.is_some() { "redirected" } else { "tried again" });
        if let Some(request) = self.clients[client].retry(hint) {
            let target = self.clients[client].target;
            self.send_request(target, request);
        }
    }

    pub(super) fn replied(&mut self, client: usize, stamp: Stamp, reply: Reply) -> Verdict {
        let ignores = self.case.mutation == Some(Mutation::ClientIgnoresTerm);
        let is_answer = !matches!(reply, Reply::Redirect(..));
        if is_answer && !self.clients[client].hears(stamp.reign) && !ignores {
            // SAFETY 8: by the sender's term, and by nothing else.
            self.sights.see("dropped by the sender's term");
            return Ok(());
        }
        match reply {
            Reply::Answer(op, answer) => {
                let value = match answer {
                    RegisterAnswer::Holds(value) => value,
                    _ => None,
                };
                let is_command = self.clients[client].asks_for_command();
                if self.clients[client].answered(op, value) {
                    self.promises.takes(client, stamp.reign)?;
                    self.history.answer(op, answer, self.now);
                    self.promises.taken(op, &stamp);
                    if is_command {
                        self.remembers(client, op, &stamp);
                    }
                    self.sights.see(NAMES[stamp.rule as usize]);
                    self.note_answer(op);
                    let thinks_ns = self.clients[client].thinks_ns();
                    self.plan(thinks_ns, Event::Thought(client));
                }
            }
            Reply::Redirect(op, Some(hint)) => {
                let is_open = self.clients[client].open.is_some_and(|open| open.op == op);
                // Twice the same hint leads nowhere: patience ends that.
                if is_open && self.clients[client].target != hint {
                    self.retries(client, Some(hint));
                }
            }
            Reply::Established(op, sent) => {
                self.recalls(client, stamp.reign, sent);
                let is_open = self.clients[client].open.is_some_and(|open| open.op == op);
                if is_open {
                    let target = self.clients[client].target;
                    self.retries(client, Some(target));
                }
            }
            Reply::Redirect(_, None) => {}
        }
        Ok(())
    }
}
