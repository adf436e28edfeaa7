//! Percentiles, as they are printed.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Times of one thing (ns).
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        Self::new()
    }
}

impl Times {
    /// None yet. Three digits, up to a minute.
    ///
    /// # Panics
    /// Never: the bounds are valid.
    #[must_use]
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are valid"))
    }

    /// Adds one.
    pub fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    /// Adds all of another's.
    pub fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// A percentile (us).
    #[must_use]
    pub fn us(&self, percentile: f64) -> f64 {
        self.0.value_at_percentile(percentile) as f64 / 1_000.0
    }

    /// For a person.
    #[must_use]
    pub fn row(&self, what: &str) -> String {
        let us = |percentile| self.us(percentile);
        format!(
            "{what:<44} {:>9.1} {:>9.1} {:>9.1} {:>9.1}  ({})",
            us(50.0),
            us(99.0),
            us(99.9),
            self.0.max() as f64 / 1_000.0,
            self.count()
        )
    }

    /// The heading of [`Times::row`].
    #[must_use]
    pub fn heading() -> String {
        format!("{:<44} {:>9} {:>9} {:>9} {:>9}  (count)", "us", "p50", "p99", "p99.9", "max")
    }

    /// For a program (us).
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "p50": self.us(50.0), "p99": self.us(99.0), "p99_9": self.us(99.9),
            "max": self.0.max() as f64 / 1_000.0, "count": self.count(),
        })
    }
}

/// The middle one (the upper of two); 0 of none. Sorts them.
#[must_use]
pub fn median(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(0.0)
}
