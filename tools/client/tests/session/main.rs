//! The client's session against scripted servers, and against the real machine behind connections that
//! break at any byte.

mod client_side;
mod engine;
mod lossy;
mod scripted;
