//! gaveld: one durable node. Everything is in the library.
#![forbid(unsafe_code)]

use gavel_io::hot_alloc::HotGuard;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: HotGuard = HotGuard;

fn main() -> ExitCode {
    gavel_node::cli::run(std::env::args_os())
}
