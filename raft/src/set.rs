//! A set of nodes, in one word.

use crate::limits::NODES_MAX;
use gavel_types::NodeId;

/// Nodes; ids below [`NODES_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeSet(u32);

impl NodeSet {
    /// No node.
    pub const EMPTY: Self = Self(0);

    /// The set of these nodes.
    ///
    /// # Panics
    /// If an id is 0 or not below [`NODES_MAX`].
    #[must_use]
    pub fn of(nodes: &[u8]) -> Self {
        let mut set = Self::EMPTY;
        for node in nodes {
            set.insert(NodeId(*node));
        }
        set
    }

    /// The set of one node.
    ///
    /// # Panics
    /// If the id is 0 or not below [`NODES_MAX`].
    #[must_use]
    #[inline]
    pub fn one(node: NodeId) -> Self {
        assert!(is_id(node), "a node's id is from 1 to 31");
        Self(1 << node.0)
    }

    /// True if the node is in it. Ids out of range are in no set.
    #[must_use]
    #[inline]
    pub fn has(self, node: NodeId) -> bool {
        is_id(node) && self.0 & (1 << node.0) != 0
    }

    /// Adds a node.
    ///
    /// # Panics
    /// If the id is 0 or not below [`NODES_MAX`].
    #[inline]
    pub fn insert(&mut self, node: NodeId) {
        *self = self.or(Self::one(node));
    }

    /// Nodes in it.
    #[must_use]
    #[inline]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// True if there is none.
    #[must_use]
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In either.
    #[must_use]
    #[inline]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// In both.
    #[must_use]
    #[inline]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// In this one only.
    #[must_use]
    #[inline]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True if more than half of `self` is in `part`. Half of nobody is nobody's.
    #[must_use]
    #[inline]
    pub fn has_majority(self, part: Self) -> bool {
        2 * self.and(part).len() > self.len()
    }

    /// The set as a word: bit n for node n.
    #[must_use]
    #[inline]
    pub fn word(self) -> u32 {
        self.0
    }

    /// The set of a word; the bit of node 0 is dropped.
    #[must_use]
    #[inline]
    pub fn from_word(word: u32) -> Self {
        Self(word & !1)
    }

    /// The nodes, by rising id.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let id = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (id < u32::BITS).then_some(NodeId(id as u8))
        })
    }
}

/// True for ids that a node may have.
#[must_use]
#[inline]
pub(crate) fn is_id(node: NodeId) -> bool {
    node.0 != 0 && (node.0 as usize) < NODES_MAX
}

impl core::fmt::Display for NodeSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (place, node) in self.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{node}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_majority_is_more_than_half() {
        let four = NodeSet::of(&[1, 2, 3, 4]);
        assert!(!four.has_majority(NodeSet::of(&[1, 2])));
        assert!(four.has_majority(NodeSet::of(&[1, 2, 4])));
        assert!(!four.has_majority(NodeSet::of(&[1, 2, 9])), "strangers do not count");
        assert!(!NodeSet::EMPTY.has_majority(four), "nobody has no majority");
    }

    #[test]
    fn nodes_come_by_rising_id() {
        let nodes: Vec<u8> = NodeSet::of(&[31, 1, 7]).iter().map(|node| node.0).collect();
        assert_eq!(nodes, [1, 7, 31]);
        assert!(!NodeSet::of(&[1]).has(NodeId(0)) && !NodeSet::of(&[1]).has(NodeId(200)));
    }

    #[test]
    #[should_panic(expected = "from 1 to 31")]
    fn no_node_is_named_0() {
        let _ = NodeSet::one(NodeId(0));
    }
}
