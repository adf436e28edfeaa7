//! What a case leaves out of the world that its profile and seed make: how a failure is made small.
//!
//! ```text
//! --without crash,wipe      kinds of faults that do not happen
//! --faults-only 3,17,20     of the numbered faults, these happen and no others (`none`: none)
//! --until 12.4s             the weather is over then, however few commands there were
//! --clients 2               only the first clients
//! --commands 400            nobody asks for more
//! --nodes 3                 a smaller cluster
//! ```
//!
//! Inputs -> outputs: words of a command line -> a [`Less`], and back.
//! Invariants: what a command line says and what [`Less::options`] says of it are the same; a case
//! that leaves nothing out is the whole world.
//! Not here: how worlds obey (world.rs, weather.rs, of both kinds), how to find the least that
//! fails (cli/shrink.rs).

use clap::Args;
use std::fmt::Write;

/// What is left out.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Less {
    /// Kinds of faults that do not happen, by their names in the results.
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub without: Vec<String>,
    /// Of the numbered faults only these happen; `none` for none of them.
    #[arg(long = "faults-only", value_name = "NUMBERS")]
    pub only: Option<Numbers>,
    /// The weather is over at that virtual time, as 12.4s or 300ms.
    #[arg(long = "until", value_name = "TIME", value_parser = time)]
    pub until_ns: Option<u64>,
    /// Only so many clients.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub clients: Option<u64>,
    /// Nobody asks for more commands than these.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub commands: Option<u64>,
    /// A cluster of so many nodes, if it would have more.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(3..=5))]
    pub nodes: Option<u64>,
    /// An assertion fails as that fault comes: to see how assertions are told of.
    #[arg(long, value_name = "NUMBER", hide = true)]
    pub assert_at_fault: Option<u64>,
}

/// Numbers of faults, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers(pub Vec<u64>);

/// What `--faults-only` says for no fault at all.
const NONE: &str = "none";

impl std::str::FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |word: &str| word.parse().map_err(|_| format!("{word} is no number"));
        let mut numbers = match text {
            NONE => Vec::new(),
            _ => text.split(',').map(number).collect::<Result<Vec<u64>, String>>()?,
        };
        numbers.sort_unstable();
        Ok(Self(numbers))
    }
}

impl std::fmt::Display for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str(NONE);
        }
        let words: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&words.join(","))
    }
}

fn time(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text} is no time: 12.4s or 300ms");
    let (digits, unit_ns) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1e6),
        None => (text.strip_suffix('s').ok_or_else(wrong)?, 1e9),
    };
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let is_time = number.is_finite() && number >= 0.0;
    if is_time { Ok((number * unit_ns).round() as u64) } else { Err(wrong()) }
}

impl Less {
    /// True if a fault of that number and kind happens.
    #[must_use]
    pub fn has_fault(&self, number: u64, kind: &str) -> bool {
        let is_chosen = |numbers: &Numbers| numbers.0.binary_search(&number).is_ok();
        self.has(kind) && self.only.as_ref().is_none_or(is_chosen)
    }

    /// True if that kind is not left out.
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        !self.without.iter().any(|left_out| left_out == kind)
    }

    /// The number of something, if it would be `whole` and no more than `part` are wanted.
    #[must_use]
    pub fn of(part: Option<u64>, whole: usize) -> usize {
        part.map_or(whole, |part| whole.min(part as usize))
    }

    /// For a command line; begins with a space if there is anything.
    #[must_use]
    pub fn options(&self) -> String {
        let Self { without, only, until_ns, clients, commands, nodes, assert_at_fault } = self;
        let mut text = String::new();
        let mut say = |option: &str, value: String| {
            let _ = write!(text, " --{option} {value}");
        };
        if !without.is_empty() {
            say("without", without.join(","));
        }
        only.iter().for_each(|only| say("faults-only", only.to_string()));
        // Milliseconds are fine enough, and every number of them reads back as the same time.
        until_ns.iter().for_each(|ns| say("until", format!("{}ms", *ns as f64 / 1e6)));
        clients.iter().for_each(|n| say("clients", n.to_string()));
        commands.iter().for_each(|n| say("commands", n.to_string()));
        nodes.iter().for_each(|n| say("nodes", n.to_string()));
        assert_at_fault.iter().for_each(|n| say("assert-at-fault", n.to_string()));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        less: Less,
    }

    fn read(options: &str) -> Less {
        let words = std::iter::once("sim").chain(options.split_whitespace());
        Line::try_parse_from(words).map(|line| line.less).unwrap_or_else(|fault| panic!("{fault}"))
    }

    #[test]
    fn a_command_line_says_again_what_it_said() {
        for options in [
            "",
            " --without crash,wipe",
            " --faults-only 3,17,20 --until 12400ms",
            " --faults-only none --until 0.25ms --clients 1 --commands 40 --nodes 3",
            " --assert-at-fault 7",
        ] {
            assert_eq!(read(options).options(), options);
        }
        assert_eq!(read(" --until 12.4s").until_ns, Some(12_400_000_000));
        assert!(Line::try_parse_from(["sim", "--until", "12"]).is_err());
        assert!(Line::try_parse_from(["sim", "--faults-only", "3,x"]).is_err());
    }

    #[test]
    fn what_is_left_out_does_not_happen() {
        assert!(Less::default().has_fault(4, "crash"));
        let less = read("--without crash --faults-only 9,4");
        assert!(less.has_fault(4, "wipe") && less.has_fault(9, "wipe"));
        assert!(!less.has_fault(4, "crash") && !less.has_fault(5, "wipe"));
        assert!(!read("--faults-only none").has_fault(0, "wipe"));
        assert_eq!((Less::of(Some(2), 6), Less::of(Some(9), 6), Less::of(None, 6)), (2, 6, 6));
    }
}
