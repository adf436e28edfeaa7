//! `gavel-sim`: runs seeds, or an interaction script, and says what came of them.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let script = gavel_sim::script::main(std::env::args_os());
    script.unwrap_or_else(|| gavel_sim::cli::main(std::env::args_os()))
}
