//! Which segments a log has, before anything in them is looked at.
//!
//! Inputs -> outputs: the segments as listed, a point -> which of them are to be read, or
//! [`Refusal`].
//! Invariants: those from the point's on are a row without a gap, all of one length; but the last,
//! which may be half made if no block is in it.
//! Not here: blocks (recovery.rs, whose table lists the cases).

use super::window::Window;
use super::{LogPoint, Refusal};
use crate::format::{Probe, SECTOR_BYTES, UNIT_BYTES, probe};
use alloc::vec::Vec;
use gavel_contract::{LogReader, SegmentInfo, SegmentNo};

/// Which segments there are, from the point's on.
pub(super) struct Layout {
    /// The last that is whole; all from the point's to it are.
    pub(super) last: Option<SegmentNo>,
    pub(super) unprepared: Option<SegmentInfo>,
}

pub(super) fn wrong_length(info: &SegmentInfo, expected: u64) -> Refusal {
    Refusal::WrongLength { segment: info.segment, bytes: info.bytes, expected }
}

/// Looks at which segments there are, before anything in them.
pub(super) fn lay_out<R: LogReader>(
    window: &mut Window<&mut R>,
    segment_bytes: u64,
    from: &LogPoint,
) -> Result<Layout, Refusal> {
    let place = from.end;
    if place.offset_bytes > segment_bytes {
        return Err(Refusal::PointOutside { place, segment_bytes });
    }
    let listed = window.reader().segments();
    let mut listed = listed.map_err(|fault| Refusal::Fault { segment: None, fault })?;
    listed.retain(|info| info.segment >= place.segment);
    check_row(&listed, from)?;
    let Some((newest, older)) = listed.split_last() else {
        return Ok(Layout { last: None, unprepared: None });
    };
    if let Some(info) = older.iter().find(|info| info.bytes != segment_bytes) {
        return Err(wrong_length(info, segment_bytes));
    }
    if newest.bytes == segment_bytes {
        return Ok(Layout { last: Some(newest.segment), unprepared: None });
    }
    // Blocks before the point are in its segment, whatever the bytes look like.
    let before = newest.segment == place.segment && place.offset_bytes > 0;
    if before || holds_a_block(window, newest)? {
        return Err(wrong_length(newest, segment_bytes));
    }
    let last = older.last().map(|info| info.segment);
    Ok(Layout { last, unprepared: Some(*newest) })
}

/// The segments must be a row without a gap that begins with the point's. Only the first one of
/// all may not be there yet.
fn check_row(listed: &[SegmentInfo], from: &LogPoint) -> Result<(), Refusal> {
    let origin = *from == LogPoint::ORIGIN;
    match listed.first().map(|info| info.segment) {
        Some(first) if first == from.end.segment => {}
        Some(first) if origin => return Err(Refusal::FirstMissing { first }),
        None if origin => return Ok(()),
        next => return Err(Refusal::PointMissing { place: from.end, next }),
    }
    let numbers: Vec<SegmentNo> = listed.iter().map(|info| info.segment).collect();
    for pair in numbers.windows(2) {
        let segment = SegmentNo(pair[0].0 + 1);
        if pair[1] != segment {
            return Err(Refusal::SegmentMissing { segment, next: pair[1] });
        }
    }
    Ok(())
}

fn holds_a_block<R: LogReader>(
    window: &mut Window<&mut R>,
    info: &SegmentInfo,
) -> Result<bool, Refusal> {
    for offset_bytes in (0..info.bytes).step_by(UNIT_BYTES) {
        let bytes = window
            .view(info.segment, offset_bytes, UNIT_BYTES)
            .map_err(|fault| Refusal::Fault { segment: Some(info.segment), fault })?;
        if bytes.len() >= SECTOR_BYTES && !matches!(probe(bytes), Probe::Nothing(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}
