//! The book's tests: one suite against both implementations, and the two against each other.

#![expect(clippy::unwrap_used, reason = "in a test, an unwrap that fails is a finding")]

mod argue;
mod cases;
mod day;
mod examples;
mod golden;
mod limits;
mod mass;
mod rules;
mod state;
mod support;
mod twins;
