//! Who reads our standard output may stop before its end, as `head` does: then there is nobody to
//! print for, and nothing went wrong.
//!
//! Inputs -> outputs: a failed print -> the end of the process, quietly.
//! Invariants: every other panic is told of as before.
//! Limits: a verb's children are not ended; a signal would not end them either.
//! Not here: verbs that write beside `println!` (journal/cat.rs looks at its errors itself).

use std::panic::{PanicHookInfo, set_hook, take_hook};

/// What a shell says of a process that a closed pipe ended: 128, and the number of SIGPIPE.
const STATUS: i32 = 128 + 13;

/// From now on a closed pipe ends this process without a word.
pub(crate) fn ends_quietly() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        if is_closed_pipe(panic) {
            std::process::exit(STATUS);
        }
        usual(panic);
    }));
}

/// `println!` panics where it cannot print, and says so in these words.
fn is_closed_pipe(panic: &PanicHookInfo<'_>) -> bool {
    let said = panic.payload_as_str().unwrap_or_default();
    said.starts_with("failed printing to stdout") && said.contains("Broken pipe")
}
