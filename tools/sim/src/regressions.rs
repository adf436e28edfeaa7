//! Seeds that once found something, which are played again for ever.
//!
//! Inputs -> outputs: `testdata/regressions.txt` -> kinds of worlds and seeds.
//! Invariants: a line that is not understood is a fault, not passed over.
//! Limits: a seed names a world only as long as the simulator draws the same numbers: what a line
//! found is kept by the test of its fix, and the line keeps the seed.

use crate::cli::Kind;

/// Where they stand, in the checkout.
pub const FILE: &str = "tools/sim/testdata/regressions.txt";

const TEXT: &str = include_str!("../testdata/regressions.txt");

/// All of them.
///
/// # Errors
/// The line that is not understood.
pub fn all() -> Result<Vec<(Kind, u64)>, String> {
    read(TEXT)
}

fn read(text: &str) -> Result<Vec<(Kind, u64)>, String> {
    let is_entry = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let kind = words.next().and_then(Kind::named)?;
        let seed = words.next()?.parse().ok()?;
        // Since when, and why.
        words.nth(1).map(|_| (kind, seed))
    };
    let wrong = |line| format!("{FILE}: not `profile seed since why`: {line}");
    text.lines().filter(is_entry).map(|line| entry(line).ok_or_else(|| wrong(line))).collect()
}

/// A line of the file: why it is there fits on it.
#[must_use]
pub fn line(kind: &str, seed: u64, since: &str, why: &str) -> String {
    let why: String = why.split_whitespace().collect::<Vec<_>>().join(" ");
    let why: String = why.chars().take(100).collect();
    format!("{kind:<19} {seed:>10} {since:<10} {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_printed_can_be_read() {
        let printed = line("cluster-calm", 17, "0123456789", "progress: what\nit said");
        let read_back = read(&format!("# a remark\n\n{printed}\n")).expect("it is read");
        assert!(matches!(&read_back[..], [(kind, 17)] if kind.name() == "cluster-calm"));
        assert!(read("storm 17 2026-11-26").is_err(), "why is it there?");
        assert!(read("no-such-world 17 2026-11-26 why").is_err());
        assert!(read("storm x 2026-11-26 why").is_err());
    }

    #[test]
    fn the_file_is_read() {
        assert!(all().expect("every line is understood").len() >= 6);
    }
}
