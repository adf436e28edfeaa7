//! The two kinds of link between agents, and no third: a **ring** carries data forward (one writer,
//! one reader, bounded), a **watermark** carries progress (one writer, monotone, any readers).
//!
//! Inputs -> outputs: values in, the same values out, in order; positions in, the newest out.
//! Invariants: one writer per link, by type (writers are not Clone); a watermark never falls within
//! a generation, and a newer generation compares first.
//! Limits: a ring's depth, a power of two, fixed when it is made.
//! Not here: any other atomic of the core; blocking, waiting, waking.
//! Source: rtrb for the ring; LMAX's Sequence for the watermark.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod ring;
mod watermark;

pub use ring::{Reader, Writer, ring, touched_ring};
pub use watermark::{Position, Watermark, WatermarkWriter, watermark};
