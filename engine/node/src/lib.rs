//! gaveld: one durable node as a library and a thin binary.
