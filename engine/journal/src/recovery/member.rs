//! Reads the log of a cluster's member: what is damaged does not end the matter, for others have
//! copies.
//!
//! | what recovery's table says | what a member does |
//! |----------------------------|--------------------|
//! | clean end, torn: cut | the same |
//! | torn, and the vote that was written last says that the block was durable | corrupt |
//! | corrupt | the log ends before the block, and is *unsure* up to `floor` |
//! | broken, refused | refused |
//!
//! An unsure node neither acknowledges what it does not have, nor votes for anybody whose log ends
//! before `floor` (SAFETY 3): so a record that it helped to commit counts on as if it were there,
//! until a leader has sent the log anew. The next block written is a turn, in the place of the
//! damaged one, and carries `floor`: so the next start is as unsure as this one. It has a higher
//! incarnation, after which blocks left behind it prove nothing; if it is torn, they still do.
//!
//! Inputs -> outputs: a [`LogReader`], a point, the durable mark of the vote -> records and turns,
//! in order, and [`Recovered`], or [`Refusal`].
//! Invariants: what was durable is handed out, or the log is unsure and `floor` is not before it.
//! Limits: whole blocks behind the damaged one are not used: the leader sends them anew.
//! Not here: who has a copy, and asking for it.

use super::{Corruption, LogPoint, Place, Recovered, Refusal, Scan, Step};
use crate::format::{BlockName, DurableMark, LogEnd, Probe, UNIT_BYTES};
use crate::journal::JournalStart;
use gavel_contract::{LogReader, SegmentNo};

/// A block that was durable and is not whole. Nothing behind it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Where.
    pub place: Place,
    /// How that is known.
    pub how: Corruption,
    /// How far the log reached, at most, by terms first; none if the blocks do not tell.
    pub floor: Option<LogEnd>,
}

/// Reads a member's log from a point on. `vouched` is what the node's newest vote says of it.
///
/// # Errors
/// [`Refusal`] if nothing can be said of the log; what was handed out is to be thrown away then.
///
/// # Panics
/// If `segment_bytes` is not a multiple of 4,096.
pub fn scan_member<R: LogReader>(
    reader: &mut R,
    segment_bytes: u64,
    from: &LogPoint,
    vouched: &DurableMark,
    visit: &mut impl FnMut(Step<'_>),
) -> Result<Recovered, Refusal> {
    let mut scan = Scan::new(reader, segment_bytes, from)?;
    let read = scan.read(visit).and_then(|()| scan.check_vouched(vouched));
    match read {
        Err(Refusal::Corrupt { place, how }) => {
            let floor = scan.floor_behind(place, how)?;
            scan.found.cut = None;
            scan.found.damaged = Some(Damaged { place, how, floor });
        }
        other => other?,
    }
    Ok(scan.close())
}

impl<R: LogReader> Scan<'_, R> {
    /// A mark of an older generation says nothing: the log may have turned since.
    fn check_vouched(&self, vouched: &DurableMark) -> Result<(), Refusal> {
        let (place, block_seq) = (self.point.end, vouched.block_seq);
        let is_of_this = vouched.position.generation == self.point.marked.generation;
        if is_of_this && block_seq >= place.block_seq {
            return Err(Refusal::Corrupt { place, how: Corruption::Vouched { block_seq } });
        }
        Ok(())
    }

    /// How far the blocks from a damaged one on say that the log reached. Blocks that an earlier
    /// cut left behind may say too much, which does no harm.
    fn floor_behind(&mut self, place: Place, how: Corruption) -> Result<Option<LogEnd>, Refusal> {
        let expected = self.point.expected();
        let mut floor = self.point.floor;
        // The damaged block's own header is good, or a later block followed it.
        let mut is_known = matches!(how, Corruption::Payload);
        for segment in place.segment.0..=self.last_segment.0 {
            let from = if segment == place.segment.0 { place.offset_bytes } else { 0 };
            for offset_bytes in (from..self.segment_bytes).step_by(UNIT_BYTES) {
                let Probe::Header(fields) = self.probe(SegmentNo(segment), offset_bytes)? else {
                    continue;
                };
                let BlockName { incarnation, block_seq } = fields.name;
                if incarnation < expected.incarnation || block_seq < expected.block_seq {
                    continue;
                }
                is_known |= fields.durable.block_seq >= expected.block_seq;
                floor = floor.max(LogEnd { term: fields.term, index: fields.last_index() });
            }
        }
        Ok(is_known.then_some(floor))
    }
}

impl Recovered {
    /// Where the journal of a member goes on whose log is damaged: the first block that it writes
    /// says how unsure the log is.
    ///
    /// # Errors
    /// As [`Recovered::start`].
    pub fn start_unsure(&self, incarnation: u64, floor: LogEnd) -> Result<JournalStart, Refusal> {
        let start = self.start(incarnation)?;
        Ok(JournalStart { floor: floor.max(self.floor), is_mended: true, ..start })
    }
}
