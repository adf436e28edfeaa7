//! the client SDK.
