//! Bytes <-> messages, and the rules of a session, without I/O: SBE 1.0 (little endian) in SOFH
//! frames, FIXP 1.1 sessions. The schema that foreign clients generate from is `schema/gavel.xml`.
//!
//! Inputs -> outputs: bytes in, [`client::ClientMessage`] or [`server::ServerMessage`] out; reports
//! in, bytes out; [`acceptor::Acceptor`] turns a connection's messages into commands.
//! Invariants: no byte sequence panics a decoder; nothing that a client asks for is left out in
//! silence (what the engine cannot do is refused, and the refusal takes the client's number);
//! structs and schema agree, which a test checks field by field.
//! Limits: [`frame::MAX_CLIENT_FRAME_BYTES`], [`server::MAX_SERVER_FRAME_BYTES`],
//! [`acceptor::REFUSALS_MAX`], [`acceptor::SEQ_MAX`].
//! Not here: sockets, clocks, buffers of connections, retransmission windows, session state that
//! outlives a connection (the machine has it).
//! Source: FIX SBE 1.0, FIXP 1.1 and SOFH 1.0 of the FIX Trading Community.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod acceptor;
pub mod client;
pub mod credentials;
pub mod frame;
pub mod layout;
pub mod server;
mod template;
