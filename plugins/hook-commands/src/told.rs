//! [`Told`]: what was said once, and need not be said again.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::sync::{Mutex, PoisonError};

/// What is remembered. Behind that, everything is said once more.
const MOST: usize = 1_000;

/// Remembers what was said, by its digest.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<HashSet<u64>>);

impl Told {
    /// Whether something is to be said: the first time that it is asked about.
    pub(crate) fn is_new(&self, what: impl Hash) -> bool {
        let digest = BuildHasherDefault::<DefaultHasher>::default().hash_one(what);
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MOST {
            told.clear();
        }
        told.insert(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_and_there_is_a_bound_to_what_is_remembered() {
        let told = Told::default();
        assert!(told.is_new(("a", "b")) && told.is_new(("a", "c")) && !told.is_new(("a", "b")));
        for number in 0..2 * MOST {
            told.is_new(number);
        }
        assert!(told.0.lock().expect("nobody panics in here").len() <= MOST);
    }
}
