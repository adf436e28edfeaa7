//! Lets the fast book and the naive one argue: random commands of every kind, seed after seed.
//!
//! `argue [SEEDS] [FROM] [COMMANDS]`: a line of progress each second, a table of what was met at
//! the end; a seed whose books disagree is named, and ends the run with status 1.

mod dice;
mod driver;
mod flow;
mod met;
mod orders;
mod shadow;
mod steering;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

fn main() {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<u64>());
    let mut number = |default| match words.next() {
        None => default,
        Some(Ok(number)) => number,
        Some(Err(_)) => {
            eprintln!("usage: argue [SEEDS] [FROM] [COMMANDS]");
            std::process::exit(2);
        }
    };
    let (seeds, from, commands) = (number(100), number(1), number(20_000));
    let running = Arc::new(AtomicU64::new(0));
    let (named, say) = (running.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        let seed = named.load(Ordering::Relaxed);
        eprintln!("the books disagree at seed {seed}; again: argue 1 {seed} {commands}");
        std::process::exit(1);
    }));
    let started = Instant::now();
    let mut met = met::Met::default();
    for seed in from..from + seeds {
        running.store(seed, Ordering::Relaxed);
        driver::run(seed, commands, &mut met);
        let done = seed + 1 - from;
        if std::io::stderr().is_terminal() || done % 50 == 0 {
            let rate = met.commands as f64 / started.elapsed().as_secs_f64();
            eprint!("\r{done} of {seeds} seeds, {rate:.0} commands/s   ");
        }
    }
    eprintln!();
    println!(
        "{seeds} seeds from {from}: {} commands, {} pauses, {} restores, no disagreement",
        met.commands, met.pauses, met.restores
    );
    let named = met.named();
    for (outcome, count) in &named {
        println!("  {outcome}: {count}");
    }
    let accepted = named.get("New").copied().unwrap_or(0);
    println!("{accepted} of {} new orders were accepted", met.asked);
}
