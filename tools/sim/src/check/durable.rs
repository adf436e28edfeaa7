//! Nothing that a record led to leaves before the record is surely on the disk.
//!
//! The disk is asked, not the watermark: a block counts once its write has completed, every block
//! before it counts, and its bytes are found among those that survive a crash at that moment.
//!
//! Inputs -> outputs: blocks and completions as the store saw them, bytes as the transport took
//! them -> a verdict on every frame.
//! Invariants: `sure` is a lower bound of what survives.
//! Source: ARCHITECTURE.md, invariant 2; SAFETY 1.

use super::{Verdict, Violation};
use gavel_contract::LogWrite;
use gavel_journal::format::{Probe, probe};
use gavel_journal::memory::MemoryDisk;
use gavel_types::{ConnId, Index};
use gavel_wire::frame::split_server;
use gavel_wire::server::{self, ServerMessage};
use std::collections::{BTreeMap, VecDeque};

const CHECKER: &str = "durable";

#[derive(Debug)]
struct Block {
    write: LogWrite,
    bytes: Vec<u8>,
    last: Index,
    is_written: bool,
}

/// The checker.
#[derive(Debug, Default)]
pub struct Durable {
    sure: Index,
    /// Blocks in the order of submission that are not sure yet.
    blocks: VecDeque<Block>,
    /// By connection: what the transport took of a frame that is not whole.
    partial: BTreeMap<u64, Vec<u8>>,
    /// The highest record that a frame has named.
    told: Index,
}

impl Durable {
    /// A process starts from a log that reaches to `last`.
    pub fn on_start(&mut self, last: Index) {
        self.sure = last;
        self.blocks.clear();
        self.partial.clear();
    }

    /// A block is on its way. Returns its number and its last record, if it is a block.
    pub fn on_submit(&mut self, write: LogWrite, bytes: &[u8]) -> Option<(u64, Index)> {
        let Probe::Header(fields) = probe(bytes) else { return None };
        let last = fields.last_index();
        self.blocks.push_back(Block { write, bytes: bytes.to_vec(), last, is_written: false });
        Some((fields.name.block_seq, last))
    }

    /// A write completed. Returns how far the log surely survives.
    pub fn on_written(&mut self, write: &LogWrite, disk: &MemoryDisk) -> Index {
        if let Some(block) = self.blocks.iter_mut().find(|block| block.write == *write) {
            block.is_written = true;
        }
        while let Some(block) = self.blocks.front().filter(|block| block.is_written) {
            if !disk.holds(block.write.segment, block.write.offset_bytes, &block.bytes) {
                break;
            }
            self.sure = self.sure.max(block.last);
            self.blocks.pop_front();
        }
        self.sure
    }

    /// How far the log surely survives.
    #[must_use]
    pub fn sure(&self) -> Index {
        self.sure
    }

    /// The highest record that a client was told of.
    #[must_use]
    pub fn told(&self) -> Index {
        self.told
    }

    /// The transport took `taken` of `bytes`: looks at every frame that began in them.
    pub fn on_send(&mut self, conn: ConnId, bytes: &[u8], taken: usize) -> Verdict {
        let partial = self.partial.entry(conn.0).or_default();
        let before = partial.len();
        partial.extend_from_slice(bytes);
        let end = before + taken;
        let mut at = 0;
        let mut verdict = Ok(());
        while at < end {
            let Ok(Some(frame)) = split_server(&partial[at..]) else { break };
            verdict = verdict.and(match server::decode(&frame) {
                Ok(ServerMessage::Sequenced(report)) => {
                    self.told = self.told.max(report.stamp.index);
                    judge(report.stamp.index, "a report", self.sure).and(judge(
                        report.envelope.commit,
                        "an envelope's commit",
                        self.sure,
                    ))
                }
                Ok(_) => Ok(()),
                Err(fault) => {
                    Err(Violation::new(CHECKER, format!("the node sent no message: {fault:?}")))
                }
            });
            if at + frame.whole_bytes > end {
                break;
            }
            at += frame.whole_bytes;
        }
        partial.truncate(end);
        partial.drain(..at.min(end));
        verdict
    }
}

fn judge(index: Index, what: &str, sure: Index) -> Verdict {
    if index <= sure {
        return Ok(());
    }
    let facts = format!("{what} of record {index} left, and a crash now would keep {sure} only");
    Err(Violation::new(CHECKER, facts))
}
