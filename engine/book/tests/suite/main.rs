//! The book's tests: one suite against both implementations, and the two against each other.

mod cases;
mod day;
mod examples;
mod golden;
mod limits;
mod support;
mod twins;
