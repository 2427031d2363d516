//! [`Backoff`]: how long one waits before a server is tried again.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// The first wait.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest one; a server that was there for so long begins anew.
const LONGEST: Duration = Duration::from_mins(1);

/// Doubles its waits. Up to a quarter of each is left to chance, so that servers which fell together do not rise together.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait behind one more failure, of a server that was there for so long.
    pub(crate) fn next(&mut self, lasted: Duration) -> Duration {
        if lasted >= LONGEST {
            self.failures = 0;
        }
        let wait = SHORTEST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait - wait.mul_f64(chance() / 4.0)
    }
}

/// A number from 0 to 1.
fn chance() -> f64 {
    let bits = RandomState::new().hash_one(0) >> 32;
    f64::from(u32::try_from(bits).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_begin_anew_behind_a_server_that_lasted() {
        let mut backoff = Backoff::default();
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let (wait, whole) = (backoff.next(Duration::ZERO), Duration::from_secs(seconds));
            assert!(wait <= whole && wait >= whole.mul_f64(0.75), "{wait:?} of {whole:?}");
        }
        assert!(backoff.next(LONGEST) <= SHORTEST);
    }
}
