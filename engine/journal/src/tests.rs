//! Tests of the whole room, and what all its tests share.

mod fixture;
mod fixtures;
mod fuzz;
mod member;
mod planted;
mod recycled;
mod storm;

pub(crate) use fixture::{Image, MS, Placed, Rig, plan, record, records_of, scan_all, scan_from};
