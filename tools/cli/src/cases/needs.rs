//! What a case may need of an engine.
//!
//! Inputs -> outputs: a token -> whether Gavel has it.
//! Not here: what becomes of a case that needs something else (run.rs).

/// All that the format knows, and then what is our own.
pub(super) const SUPPORTED: &[&str] = &[
    "ioc",
    "fok",
    "fokb",
    "market",
    "post",
    "move",
    "reduce",
    "replace",
    "stop",
    "stp",
    "gtd",
    "halt",
    "band",
    "iceberg",
    "aon",
    "qty64",
    "phase",
    "day",
    "slide",
    "min",
    "decrement",
    "amend",
    "symbol",
    "risk",
    "kill",
    "mass",
];

/// Says that the format's own interpreter cannot judge the case: nothing that an engine needs.
const NOT_CHECKED: &str = "nocheck";

/// True of what Gavel has.
pub(super) fn is_known(need: &str) -> bool {
    need == NOT_CHECKED || SUPPORTED.contains(&need)
}
