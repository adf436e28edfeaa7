//! A list of numbers in order, from which one can be lifted and to which it can be lowered again.
//!
//! Inputs -> outputs: places in or out -> the first, and which follows which.
//! Invariants: what was lifted last is lowered first; a lifted place keeps its own links, so that
//! lowering it needs no search.
//! Source: Knuth 2000, "Dancing links".

/// The list.
#[derive(Debug)]
pub(super) struct Line {
    /// By place; the last one is the list's own, before its first and after its last.
    next: Vec<usize>,
    previous: Vec<usize>,
}

impl Line {
    /// The places where `is_in` says so. Those where it does not are never to be lowered.
    pub(super) fn new(is_in: &[bool]) -> Self {
        let end = is_in.len();
        let mut line = Self { next: vec![end; end + 1], previous: vec![end; end + 1] };
        let mut before = end;
        for place in (0..end).filter(|place| is_in[*place]) {
            line.next[before] = place;
            line.previous[place] = before;
            before = place;
        }
        line.previous[end] = before;
        line
    }

    /// The first place, or one past all if there is none.
    pub(super) fn first(&self) -> usize {
        self.next[self.next.len() - 1]
    }

    /// The place after this one, or one past all.
    pub(super) fn after(&self, place: usize) -> usize {
        self.next[place]
    }

    /// Takes a place out.
    pub(super) fn lift(&mut self, place: usize) {
        let (before, after) = (self.previous[place], self.next[place]);
        assert!(self.next[before] == place, "what is lifted is in the line");
        self.next[before] = after;
        self.previous[after] = before;
    }

    /// Puts back the place that was taken out last.
    pub(super) fn lower(&mut self, place: usize) {
        let (before, after) = (self.previous[place], self.next[place]);
        assert!(self.next[before] == after, "what was lifted last is lowered first");
        self.next[before] = place;
        self.previous[after] = place;
    }
}
