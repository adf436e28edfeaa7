//! bytes <-> messages: SBE over SOFH, FIXP session rules, without I/O.
