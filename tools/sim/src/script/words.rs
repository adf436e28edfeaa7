//! The words of a command: nodes, links, numbers, durations, options.

use super::command::Stop;
use gavel_raft::{Mark, NodeSet};
use gavel_types::{Index, NodeId, Term};

/// Most entries of a kind that a word stands for.
const ENTRIES_MAX: u64 = 100_000;

/// Kinds of messages, as `wire` shows them.
pub(super) const KINDS: &[&str] = &[
    "pre-vote",
    "pre-vote-answer",
    "vote",
    "vote-answer",
    "append",
    "append-ack",
    "append-reject",
    "heartbeat",
    "heartbeat-ack",
    "snapshot",
    "fetch",
    "snapshot-entries",
    "timeout-now",
    "lease-released",
    "read",
    "read-answer",
    "term-over",
];

/// A kind of message: a word that names none would mean no message, and pass unnoticed.
pub(super) fn kind(word: &str) -> Result<&str, Stop> {
    match KINDS.contains(&word) {
        true => Ok(word),
        false => unplayable(format!("no message is a {word}: the kinds are {}", KINDS.join(", "))),
    }
}

/// The words behind a command's name, taken one after the other.
#[derive(Clone, Debug)]
pub(super) struct Words<'a> {
    rest: Vec<&'a str>,
}

fn unplayable<T>(what: String) -> Result<T, Stop> {
    Err(Stop::Unplayable(what))
}

/// A node's id.
pub(super) fn node(word: &str) -> Result<NodeId, Stop> {
    match word.parse::<u8>() {
        Ok(id) if (1..32).contains(&id) => Ok(NodeId(id)),
        _ => unplayable(format!("{word} is no node: they are named 1 to 31")),
    }
}

/// Nodes with commas between them; `none` for nobody.
pub(super) fn nodes(word: &str) -> Result<NodeSet, Stop> {
    let mut set = NodeSet::EMPTY;
    for part in word.split(',').filter(|part| *part != "none") {
        set.insert(node(part)?);
    }
    Ok(set)
}

/// A number.
pub(super) fn number(word: &str) -> Result<u64, Stop> {
    word.parse().or_else(|_| unplayable(format!("{word} is no number")))
}

/// An index and its term, as `5/2`; 0 for the beginning of a log.
pub(super) fn mark(word: &str) -> Result<Mark, Stop> {
    let (index, term) = word.split_once('/').unwrap_or((word, "0"));
    let (index, term) = (number(index)?, number(term)?);
    if (index == 0) != (term == 0) {
        return unplayable(format!("{word} is no place in a log: write INDEX/TERM, or 0"));
    }
    Ok(Mark { index: Index(index), term: Term(term) })
}

/// Terms of entries, as `1x3,2`: three of term 1, and one of term 2; `3..9` is one of each.
pub(super) fn terms(word: &str) -> Result<Vec<Term>, Stop> {
    let mut terms = Vec::new();
    for part in word.split(',').filter(|part| !part.is_empty()) {
        if let Some((first, last)) = part.split_once("..") {
            let (first, last) = (number(first)?, number(last)?);
            terms.extend((first..=last.min(first.saturating_add(ENTRIES_MAX))).map(Term));
            continue;
        }
        let (term, count) = part.split_once('x').unwrap_or((part, "1"));
        let (term, count) = (number(term)?, number(count)?.min(ENTRIES_MAX));
        terms.extend((0..count).map(|_| Term(term)));
    }
    Ok(terms)
}

/// A share of a hundred.
pub(super) fn percent(word: &str) -> Result<u64, Stop> {
    let count = word.strip_suffix('%').and_then(|count| count.parse().ok());
    count
        .filter(|count| *count <= 100)
        .map_or_else(|| unplayable(format!("{word} is no share: write 10%, at most 100%")), Ok)
}

/// A duration with its unit, in nanoseconds.
pub(super) fn duration_ns(word: &str) -> Result<u64, Stop> {
    let units = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    for (unit, ns) in units {
        if let Some(count) = word.strip_suffix(unit).and_then(|count| count.parse::<u64>().ok()) {
            return Ok(count * ns);
        }
    }
    unplayable(format!("{word} is no duration: write 15ms, 2s, 100us"))
}

/// Parts per million, perhaps negative.
pub(super) fn ppm(word: &str) -> Result<i64, Stop> {
    let count = word.strip_suffix("ppm").and_then(|count| count.parse().ok());
    count.map_or_else(|| unplayable(format!("{word} is no rate: write 900ppm, -900ppm")), Ok)
}

/// `on` or `off`, `yes` or `no`.
pub(super) fn switch(word: &str) -> Result<bool, Stop> {
    match word {
        "on" | "yes" => Ok(true),
        "off" | "no" => Ok(false),
        _ => unplayable(format!("{word} is neither on nor off, yes nor no")),
    }
}

/// `1->2` is one way, `1-2` both.
pub(super) fn links(word: &str) -> Result<Vec<(NodeId, NodeId)>, Stop> {
    if let Some((from, to)) = word.split_once("->") {
        return Ok(vec![(node(from)?, node(to)?)]);
    }
    match word.split_once('-') {
        Some((a, b)) => Ok(vec![(node(a)?, node(b)?), (node(b)?, node(a)?)]),
        None => unplayable(format!("{word} is no link: write 1->2, or 1-2 for both ways")),
    }
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text.split_whitespace().collect() }
    }

    /// The next word, if there is one.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() { None } else { Some(self.rest.remove(0)) }
    }

    /// The next word.
    pub(super) fn need(&mut self, what: &str) -> Result<&'a str, Stop> {
        self.next().map_or_else(|| unplayable(format!("{what} is missing")), Ok)
    }

    /// A node.
    pub(super) fn node(&mut self) -> Result<NodeId, Stop> {
        node(self.need("a node")?)
    }

    /// The value of `key=value`, wherever it stands.
    pub(super) fn option(&mut self, key: &str) -> Option<&'a str> {
        let is_key = |word: &&str| word.split_once('=').is_some_and(|(name, _)| name == key);
        let place = self.rest.iter().position(is_key)?;
        self.rest.remove(place).split_once('=').map(|(_, value)| value)
    }

    /// All `key=value`, in order.
    pub(super) fn options(&mut self) -> Vec<(&'a str, &'a str)> {
        let options = self.rest.iter().filter_map(|word| word.split_once('=')).collect();
        self.rest.retain(|word| !word.contains('='));
        options
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> Self {
        Self { rest: std::mem::take(&mut self.rest) }
    }

    /// True if the word stands there, wherever.
    pub(super) fn flag(&mut self, flag: &str) -> bool {
        let place = self.rest.iter().position(|word| *word == flag);
        place.map(|place| self.rest.remove(place)).is_some()
    }

    /// Nodes, all words that are left.
    pub(super) fn nodes(&mut self) -> Result<NodeSet, Stop> {
        let mut set = NodeSet::EMPTY;
        while let Some(word) = self.next() {
            set = set.or(nodes(word)?);
        }
        Ok(set)
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), Stop> {
        match self.rest.first() {
            Some(word) => unplayable(format!("{word} is not understood")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_they_look_like() {
        assert_eq!(duration_ns("15ms"), Ok(15_000_000));
        assert_eq!(duration_ns("2s"), Ok(2_000_000_000));
        assert!(duration_ns("15").is_err() && ppm("5").is_err() && node("0").is_err());
        assert_eq!(ppm("-900ppm"), Ok(-900));
        assert_eq!(links("1-2"), Ok(vec![(NodeId(1), NodeId(2)), (NodeId(2), NodeId(1))]));
        assert_eq!(nodes("3,1"), Ok(NodeSet::of(&[1, 3])));
        let each = [1, 1, 2, 3, 4].map(Term).to_vec();
        assert_eq!(terms("1x2,2..4"), Ok(each));
    }

    #[test]
    fn options_stand_anywhere() {
        let mut words = Words::new("1 add=4 joint 2");
        assert_eq!(words.option("add"), Some("4"));
        assert!(words.flag("joint") && !words.flag("joint"));
        assert_eq!(words.nodes(), Ok(NodeSet::of(&[1, 2])));
        assert_eq!(words.end(), Ok(()));
    }
}
