//! Faults of a plugin, counted by point, and the budget past which it is quarantined.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many faults a plugin may have before its handlers leave the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultBudget {
    /// The fault that is one too many: with 5, the fifth.
    pub limit: u32,
    /// Faults older than this are forgotten.
    pub within: Duration,
}

impl Default for FaultBudget {
    fn default() -> Self {
        Self { limit: 5, within: Duration::from_secs(60) }
    }
}

/// What went wrong in a plugin so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    recent: VecDeque<Instant>,
    by_point: BTreeMap<String, (u64, String)>,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a fault at `point`; whether it is one too many.
    pub(crate) fn count(&self, point: &str, message: &str, budget: FaultBudget, now: Instant) -> bool {
        let mut inner = self.lock();
        let here = inner.by_point.entry(point.to_owned()).or_default();
        here.0 += 1;
        message.clone_into(&mut here.1);
        inner.recent.push_back(now);
        while inner.recent.front().is_some_and(|then| now.duration_since(*then) > budget.within) {
            inner.recent.pop_front();
        }
        // No more are needed to know that there were too many.
        while inner.recent.len() > budget.limit as usize {
            inner.recent.pop_front();
        }
        inner.recent.len() >= budget.limit as usize
    }

    /// Forgets those that count against the budget.
    pub(crate) fn forgive(&self) {
        self.lock().recent.clear();
    }

    /// Point, number of faults and the message of the last, by point.
    pub(crate) fn by_point(&self) -> Vec<(String, u64, String)> {
        let inner = self.lock();
        inner.by_point.iter().map(|(point, (count, last))| (point.clone(), *count, last.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: FaultBudget = FaultBudget { limit: 3, within: Duration::from_secs(10) };

    #[test]
    fn the_last_fault_of_the_budget_is_one_too_many() {
        let (faults, now) = (Faults::default(), Instant::now());
        assert!(!faults.count("a/b", "one", BUDGET, now));
        assert!(!faults.count("a/c", "two", BUDGET, now));
        assert!(faults.count("a/b", "three", BUDGET, now));
        let expected = [("a/b".to_owned(), 2, "three".to_owned()), ("a/c".to_owned(), 1, "two".to_owned())];
        assert_eq!(faults.by_point(), expected);
    }

    #[test]
    fn old_faults_are_forgotten() {
        let (faults, now) = (Faults::default(), Instant::now());
        for second in 0..30 {
            let then = now + Duration::from_secs(second * 6);
            assert!(!faults.count("a/b", "slow", BUDGET, then), "after {second} times 6 s");
        }
    }

    #[test]
    fn who_is_forgiven_has_the_whole_budget_again() {
        let (faults, now) = (Faults::default(), Instant::now());
        assert!((0..3).any(|_| faults.count("a/b", "x", BUDGET, now)));
        faults.forgive();
        assert!(!faults.count("a/b", "x", BUDGET, now));
        assert!(!faults.count("a/b", "x", BUDGET, now));
        assert!(faults.count("a/b", "x", BUDGET, now));
    }
}
