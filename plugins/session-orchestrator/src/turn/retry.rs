//! When a request that failed is made again.

use std::time::Duration;

use transom_agent::provider::FailureClass;

use crate::step::Failure;

/// Seconds to wait before each further attempt; the last one counts on.
const SCHEDULE_S: [u64; 8] = [5, 10, 30, 60, 300, 600, 900, 1800];
/// How long all waits of a step may take together.
const LIMIT: Duration = Duration::from_secs(8 * 60 * 60);

/// The requests of one step that failed and were made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retries {
    /// How many.
    pub(super) attempts: u32,
    /// How long was waited before them.
    pub(super) waited: Duration,
    /// While one is waited for: when it is made. Milliseconds since the epoch.
    pub(super) due_at: Option<i64>,
}

impl Retries {
    /// How long to wait before the next request; `None` when there is to be none. The provider's own wish is the least.
    pub(super) fn next(&mut self, failure: &Failure) -> Option<Duration> {
        if !failure.class.as_ref().is_some_and(passes) {
            return None;
        }
        let scheduled = usize::try_from(self.attempts).unwrap_or(usize::MAX).min(SCHEDULE_S.len() - 1);
        let asked = Duration::from_millis(failure.retry_after_ms.unwrap_or(0));
        let delay = Duration::from_secs(SCHEDULE_S[scheduled]).max(asked);
        let waited = self.waited.saturating_add(delay);
        if waited > LIMIT {
            return None;
        }
        *self = Self { attempts: self.attempts + 1, waited, ..*self };
        Some(delay)
    }

    /// How long is still to be waited for the next request; `None` when none is waited for.
    pub(super) fn left(&self, now_ms: i64) -> Option<Duration> {
        let left = self.due_at?.saturating_sub(now_ms);
        // A clock that was set back makes nobody wait for days.
        Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(LIMIT))
    }
}

/// Whether a failure of this class may be over after a while.
fn passes(class: &FailureClass) -> bool {
    matches!(
        class,
        FailureClass::Overloaded | FailureClass::RateLimited | FailureClass::Network | FailureClass::Timeout
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(class: FailureClass, retry_after_ms: Option<u64>) -> Failure {
        Failure { class: Some(class), retry_after_ms, ..Failure::new("x", "no luck") }
    }

    #[test]
    fn twenty_one_attempts_are_made_within_eight_hours() {
        let mut retries = Retries::default();
        let busy = failure(FailureClass::Overloaded, None);
        let delays: Vec<u64> =
            std::iter::from_fn(|| retries.next(&busy)).map(|delay| delay.as_secs()).collect();
        assert_eq!(delays[..9], [5, 10, 30, 60, 300, 600, 900, 1800, 1800]);
        assert_eq!((delays.len(), delays.iter().sum::<u64>()), (21, 27_105));
    }

    #[test]
    fn the_provider_s_wish_is_the_least_and_counts() {
        let mut retries = Retries::default();
        let wish = |ms| failure(FailureClass::RateLimited, Some(ms));
        assert_eq!(retries.next(&wish(1)), Some(Duration::from_secs(5)));
        assert_eq!(retries.next(&wish(45_000)), Some(Duration::from_secs(45)));
        assert_eq!(retries.waited, Duration::from_secs(50));
        assert_eq!(retries.next(&wish(8 * 60 * 60 * 1000)), None);
        assert_eq!(retries.next(&wish(u64::MAX)), None);
    }

    #[test]
    fn what_is_left_of_a_wait_is_never_negative_nor_longer_than_all_of_them() {
        let left = |due_at| Retries { due_at, ..Retries::default() }.left(1_000);
        assert_eq!(left(None), None);
        assert_eq!(left(Some(6_500)), Some(Duration::from_millis(5_500)));
        for gone in [1_000, 0, i64::MIN] {
            assert_eq!(left(Some(gone)), Some(Duration::ZERO));
        }
        assert_eq!(left(Some(i64::MAX)), Some(LIMIT));
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        for class in [FailureClass::Network, FailureClass::Timeout] {
            assert!(Retries::default().next(&failure(class, None)).is_some());
        }
        for class in [
            FailureClass::Authentication,
            FailureClass::Quota,
            FailureClass::ContextLength,
            FailureClass::InvalidRequest,
            FailureClass::Protocol,
            FailureClass::UnknownModel,
        ] {
            assert!(Retries::default().next(&failure(class, None)).is_none());
        }
        assert!(Retries::default().next(&Failure::new("internal", "a fault")).is_none());
    }
}
