//! `gavel journal cat`: records, one a line.
//!
//! Inputs -> outputs: a directory, a range -> lines, by index.
//! Invariants: a record is printed once, from a block that is whole, in order. What a start would
//! serve is printed and nothing behind it; where no start is possible, all that can be read is,
//! with a word on standard error where something is missing.
//! Not here: whether what is there is right (verify).

use super::survey::{Survey, is_behind};
use super::{CatArgs, words};
use crate::outcome::Outcome;
use anyhow::Result;
use gavel_types::{LogRecord, SessionSlot};
use serde_json::Value;
use std::io::{BufWriter, ErrorKind, StdoutLock, Write};

/// Runs the verb.
///
/// # Errors
/// If there is no log, or it cannot be read.
pub(super) fn run(args: &CatArgs) -> Result<Outcome> {
    let survey = Survey::of(&args.which)?;
    let ways = survey.ways();
    let end = ways[0].end.as_ref();
    if let Err(refusal) = end {
        eprintln!("gavel: no start from {}: {refusal}", ways[0].name());
    }
    let mut printer = Printer::new(args);
    let mut next = None;
    let read = survey.blocks(&mut |seen, records| {
        if end.is_ok_and(|end| is_behind(seen, end)) {
            return;
        }
        for record in records.flatten() {
            let index = record.stamp.index.0;
            // A segment that is used again holds older ones.
            match next {
                Some(next) if index < next => continue,
                Some(next) if index > next => {
                    eprintln!("gavel: records {next} to {} cannot be read", index - 1);
                }
                _ => {}
            }
            next = Some(index + 1);
            printer.take(&record);
        }
    });
    printer.close()?;
    read?;
    Ok(Outcome::Agrees)
}

/// Prints what is asked for.
struct Printer<'a> {
    args: &'a CatArgs,
    out: BufWriter<StdoutLock<'static>>,
    failed: Option<std::io::Error>,
}

impl<'a> Printer<'a> {
    fn new(args: &'a CatArgs) -> Self {
        Self { args, out: BufWriter::new(std::io::stdout().lock()), failed: None }
    }

    fn take(&mut self, record: &LogRecord) {
        let CatArgs { from, to, session, which } = self.args;
        let asked = (*from..=*to).contains(&record.stamp.index.0)
            && session.is_none_or(|slot| record.command.session == SessionSlot(slot));
        if !asked || self.failed.is_some() {
            return;
        }
        let written = if which.json {
            writeln!(self.out, "{}", Value::Object(words::fields(record)))
        } else {
            writeln!(self.out, "{}", words::line(record))
        };
        self.failed = written.err();
    }

    /// Whoever reads may have seen enough.
    fn close(mut self) -> Result<()> {
        match self.failed.take().map_or_else(|| self.out.flush(), Err) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }
}
