//! How a client lives: whether it takes its leave, finishes its sessions, and what it asks for
//! while it is away.
//!
//! Inputs -> outputs: a profile's habits and a stream -> what one session does.
//! Not here: how it does it (client.rs), what it trades (flow.rs).

use crate::random::Random;
use gavel_client::ClientConfig;

/// The habits of a world's clients.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Once in so many submissions a client says Terminate, and is away for a while; 0 for never.
    pub leaves_one_in: u64,
    /// Longest time that it is away then (ns).
    pub away_ns: u64,
    /// Once in so many submissions it finishes its session and begins another; 0 for never.
    pub finishes_one_in: u64,
    /// Half of the sessions have their orders cancelled when they are away, after this time at most
    /// (ms); 0 for none.
    pub cod_window_ms: u64,
    /// Sessions that are away for long are forgotten: a client without memory begins another.
    pub is_forgotten: bool,
}

impl Habits {
    /// Of clients that come to stay.
    pub const NONE: Self = Self {
        leaves_one_in: 0,
        away_ns: 0,
        finishes_one_in: 0,
        cod_window_ms: 0,
        is_forgotten: false,
    };

    /// Draws what a new session asks for while it is away.
    pub fn draw(&self, config: &mut ClientConfig, random: &mut Random) {
        (config.cod_type, config.cod_window_ms) = (0, 0);
        if self.cod_window_ms > 0 && random.one_in(2) {
            config.cod_type = random.between(1, 3) as u8;
            config.cod_window_ms = random.below(self.cod_window_ms);
        }
    }

    /// True if it takes its leave now.
    pub fn leaves(&self, random: &mut Random) -> bool {
        self.leaves_one_in > 0 && random.one_in(self.leaves_one_in)
    }

    /// True if it finishes now.
    pub fn finishes(&self, random: &mut Random) -> bool {
        self.finishes_one_in > 0 && random.one_in(self.finishes_one_in)
    }
}
