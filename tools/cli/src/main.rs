//! gavel: what a person does with a Gavel. Everything is in the library.
#![forbid(unsafe_code)]

use gavel_io::hot_alloc::HotGuard;
use std::process::ExitCode;

// Private nodes run in this binary: they are to behave as gaveld does.
#[global_allocator]
static ALLOCATOR: HotGuard = HotGuard;

fn main() -> ExitCode {
    gavel_cli::run(std::env::args_os())
}
