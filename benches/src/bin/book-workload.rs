//! `book-workload`: writes a workload for `book`.
//!
//! Inputs -> outputs: a name, a seed -> a file in the format that `book` reads; the same bytes on
//! every machine.
#![forbid(unsafe_code)]

use anyhow::Result;
use clap::Parser;
use gavel_benches::workload::{OpSide, Shape, TextBook, generate};
use std::path::PathBuf;
use std::process::ExitCode;

/// Writes a workload.
#[derive(Debug, Parser)]
#[command(name = "book-workload")]
struct Args {
    /// `w1` (mostly changes of price) or `sparse` (levels far apart, and a middle that swings).
    name: Shape,
    /// Where it goes.
    out: PathBuf,
    /// Another seed makes another workload of the same shape.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Operations after the book is filled.
    #[arg(long)]
    operations: Option<usize>,
}

fn main() -> ExitCode {
    match write(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("book-workload: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn write(args: &Args) -> Result<()> {
    let operations = args.operations.unwrap_or(args.name.operations());
    let made = generate(args.name, args.seed, operations);
    made.save(&args.out)?;
    let mut book = TextBook::default();
    made.ops.iter().for_each(|op| book.apply(op));
    let tally = book.tally();
    println!(
        "{}: {operations} operations after {}; at the end {} orders on {} levels, {} trades, \
         volume {}, hash {:016x}, bid {}, ask {}",
        args.out.display(),
        made.prefill,
        book.len(),
        book.levels(),
        tally.trades,
        tally.volume,
        tally.hash,
        book.best(OpSide::Buy),
        book.best(OpSide::Sell),
    );
    Ok(())
}
