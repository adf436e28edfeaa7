//! Which worlds are run, in which order.
//!
//! Inputs -> outputs: kinds and seeds, or a list -> the n-th world.
//! Invariants: of several kinds each has its turn, so that a run that is out of time has been fair.

use super::kind::Kind;

/// Which worlds.
pub(super) enum Agenda {
    /// So many seeds of each kind.
    Seeds { kinds: Vec<Kind>, from: u64, most: u64 },
    /// These.
    List(Vec<(Kind, u64)>),
}

impl Agenda {
    /// The n-th kind and seed, from 0, if there are so many.
    pub(super) fn at(&self, n: u64) -> Option<(Kind, u64)> {
        match self {
            Self::Seeds { kinds, from, most } => {
                let (round, place) = (n / kinds.len() as u64, n % kinds.len() as u64);
                let seed = from.checked_add(round).filter(|_| round < *most)?;
                Some((kinds[place as usize], seed))
            }
            Self::List(list) => list.get(n as usize).copied(),
        }
    }

    /// How many there are; none if nobody said.
    pub(super) fn count(&self) -> Option<u64> {
        match self {
            Self::Seeds { most: u64::MAX, .. } => None,
            Self::Seeds { kinds, most, .. } => Some(most * kinds.len() as u64),
            Self::List(list) => Some(list.len() as u64),
        }
    }

    /// Each kind that occurs, once.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let all = match self {
            Self::Seeds { kinds, .. } => kinds.clone(),
            Self::List(list) => list.iter().map(|(kind, _)| *kind).collect(),
        };
        let mut kinds: Vec<Kind> = Vec::new();
        for kind in all {
            if !kinds.iter().any(|known| known.name() == kind.name()) {
                kinds.push(kind);
            }
        }
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_turn() {
        let kinds = Kind::chosen("cluster-all").expect("a group");
        let count = kinds.len() as u64;
        let agenda = Agenda::Seeds { kinds, from: 5, most: 2 };
        let seeds: Vec<u64> = (0..).map_while(|n| agenda.at(n)).map(|(_, seed)| seed).collect();
        assert_eq!(seeds.len() as u64, 2 * count);
        assert_eq!(agenda.count(), Some(2 * count));
        assert!(seeds.iter().take(count as usize).all(|seed| *seed == 5));
        assert_eq!(agenda.kinds().len() as u64, count);
        let last = Agenda::Seeds { kinds: agenda.kinds(), from: u64::MAX, most: u64::MAX };
        assert!(last.at(0).is_some() && last.at(count).is_none());
    }
}
