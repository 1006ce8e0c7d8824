//! What was compared, and what was not, with the reason.

use std::collections::BTreeMap;
use std::fmt;

/// Counts of a baseline.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Values that are the same.
    pub(crate) compared: u64,
    /// Columns for which we have no value and no reason.
    pub(crate) missing: BTreeMap<String, u64>,
    /// Columns that are left out, by reason.
    pub(crate) ignored: BTreeMap<&'static str, u64>,
    /// What is not the same.
    pub(crate) differences: Vec<String>,
}

impl Tally {
    pub(crate) fn ignore(&mut self, reason: &'static str) {
        *self.ignored.entry(reason).or_default() += 1;
    }
    pub(crate) fn add(&mut self, other: Self) {
        self.compared += other.compared;
        for (name, count) in other.missing {
            *self.missing.entry(name).or_default() += count;
        }
        for (reason, count) in other.ignored {
            *self.ignored.entry(reason).or_default() += count;
        }
        self.differences.extend(other.differences);
    }
    /// Of the columns that could be compared, how many were, in hundredths.
    pub(crate) fn share(&self) -> f64 {
        let missing: u64 = self.missing.values().sum();
        let all = self.compared + missing + self.differences.len() as u64;
        if all == 0 { 0.0 } else { 100.0 * self.compared as f64 / all as f64 }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { compared, missing, ignored, differences } = self;
        let count = differences.len();
        writeln!(f, "{compared} values the same ({:.1} %), {count} different", self.share())?;
        for (reason, count) in ignored {
            writeln!(f, "{count:>6} ignored: {reason}")?;
        }
        for (name, count) in missing {
            writeln!(f, "{count:>6} missing: {name}")?;
        }
        differences.iter().try_for_each(|difference| writeln!(f, "{difference}"))
    }
}

#[test]
fn a_share_counts_what_is_missing_and_what_differs() {
    let mut tally = Tally { compared: 18, ..Tally::default() };
    assert!((tally.share() - 100.0).abs() < 1e-9);
    tally.ignore("derived");
    tally.missing.insert("a".to_owned(), 1);
    tally.differences.push("b".to_owned());
    assert!((tally.share() - 90.0).abs() < 1e-9);
    assert!(Tally::default().share() < 1e-9);
}
