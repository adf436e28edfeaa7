//! The decision: each key is searched for itself; of what no order explains, the smallest prefix.
//!
//! That a history is linearizable holds for its prefixes too. So the prefix at which it stops being
//! so is found by halving. It ends with an answer, which is what cannot be (or with a refusal, or a
//! fail-over, that contradicts the answer before it).
//!
//! Inputs -> outputs: a history -> a [`Decision`].
//! Invariants: a violation is never the consequence of a bound; a key that reaches the bound is
//! undecided, and does not hide another's violation.
//! Limits: of configurations, for each search of a key.
//! Source: Herlihy and Wing 1990, theorem 1 (locality).

use super::model::Model;
use super::prefix::{FailOvers, Held, Local, sequences, torn};
use super::report::{Facts, Refutation};
use super::search::{Found, Searched, search};
use super::sequence::Sequence;
use super::{History, Moment, OpId};

/// A number of configurations: sets of operations taken, with the state after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Configurations(pub usize);

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There is an order.
    Linearizable {
        /// Configurations that it took, over all keys.
        tried: Configurations,
    },
    /// There is none.
    Violated(Box<Refutation>),
    /// These keys would take more configurations than allowed; the others are well.
    Undecided {
        /// They.
        keys: Vec<String>,
    },
}

/// Whether a history is linearizable. `most` bounds the search of each key:
/// [`super::CONFIGURATIONS_MAX`] unless there is a reason.
pub fn check<M: Model>(history: &History<M>, most: Configurations) -> Decision {
    check_prefix(history, &FailOvers::default(), most)
}

/// Whether a history is linearizable but for tails that fail-overs lost: see
/// [`FailOvers::add`] for what must be named.
pub fn check_prefix<M: Model>(
    history: &History<M>,
    fail_overs: &FailOvers,
    most: Configurations,
) -> Decision {
    let case = Case { history, fail_overs, most };
    if let Some(torn) = torn(history, fail_overs) {
        return Decision::Violated(Box::new(Refutation::of_torn(history, fail_overs, &torn)));
    }
    let (mut tried, mut undecided) = (0, Vec::new());
    let mut worst: Option<(Moment, M::Key)> = None;
    for (key, sequence) in &sequences(history, fail_overs, history.now()) {
        let searched = case.search(key, sequence);
        tried += searched.configurations;
        match searched.found {
            Found::Order(_) => {}
            Found::Undecided => undecided.push(key.to_string()),
            Found::Nothing(_) => {
                let until = case.smallest_prefix(key);
                if worst.as_ref().is_none_or(|(least, _)| until < *least) {
                    worst = Some((until, key.clone()));
                }
            }
        }
    }
    match worst {
        Some((until, key)) => Decision::Violated(Box::new(case.refutation(&key, until))),
        None if undecided.is_empty() => Decision::Linearizable { tried: Configurations(tried) },
        None => Decision::Undecided { keys: undecided },
    }
}

struct Case<'a, M: Model> {
    history: &'a History<M>,
    fail_overs: &'a FailOvers,
    most: Configurations,
}

impl<M: Model> Case<'_, M> {
    fn search(&self, key: &M::Key, sequence: &Sequence<Local<M>>) -> Searched<Option<M::Answer>> {
        search(sequence, Held::new(M::start(key)), self.most)
    }

    fn sequence(&self, key: &M::Key, until: Moment) -> Sequence<Local<M>> {
        sequences(self.history, self.fail_overs, until).remove(key).unwrap_or_default()
    }

    fn is_explained(&self, key: &M::Key, until: Moment) -> bool {
        // A prefix that is not decided counts as explained: the next longer one that is not
        // explained for certain is shown.
        !matches!(self.search(key, &self.sequence(key, until)).found, Found::Nothing(_))
    }

    /// Of a key that no order explains: the shortest prefix that none explains.
    fn smallest_prefix(&self, key: &M::Key) -> Moment {
        let (mut explained, mut unexplained) = (0, self.history.now().0);
        while unexplained - explained > 1 {
            let middle = explained.midpoint(unexplained);
            if self.is_explained(key, Moment(middle)) {
                explained = middle;
            } else {
                unexplained = middle;
            }
        }
        Moment(unexplained)
    }

    fn refutation(&self, key: &M::Key, until: Moment) -> Refutation {
        let mut sequence = self.sequence(key, until);
        let last = sequence.last_returned().expect("without an answer all is well");
        let others = match self.search(key, &sequence).found {
            Found::Nothing(others) => others,
            _ => Vec::new(),
        };
        let mut possible = Vec::new();
        for other in others.into_iter().flatten() {
            sequence.members[last].answer = Some(Some(other.clone()));
            if matches!(self.search(key, &sequence).found, Found::Order(_)) {
                possible.push(other.to_string());
            }
        }
        let last = sequence.members[last].id.expect("a client's operation ended last");
        let all = self.history.operations().iter().enumerate();
        let on_key = all.filter(|(_, one)| one.called < until && M::key(&one.call) == *key);
        let operations = on_key.map(|(id, _)| OpId(id)).collect();
        let facts = Facts { key: key.to_string(), last, operations, possible, until };
        Refutation::new(self.history, self.fail_overs, facts)
    }
}
