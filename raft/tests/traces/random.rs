//! Random traces over many nodes in memory: all that must hold does, and the cluster comes back.

use crate::trace::{Trace, kind_of};

fn run(seeds: std::ops::Range<u64>, events: u64) {
    let mut reads = 0;
    for seed in seeds {
        let mut trace = Trace::new(seed, None);
        if let Err(violation) = trace.run(events) {
            panic!("seed {seed}, {:?}: {violation}", kind_of(seed));
        }
        if let Err(why) = trace.recover() {
            panic!("seed {seed}: {why}");
        }
        reads += trace.reads_answered;
    }
    assert!(reads > 0, "some reads are answered");
}

#[test]
fn what_must_hold_holds_in_random_traces() {
    run(0..600, 1_500);
}
