//! The client's session against scripted servers, and against the real machine behind connections
//! that break at any byte.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod client_side;
mod engine;
mod lossy;
mod rules;
mod scripted;
