//! The rule: when a conversation is compacted by itself.

use transom_agent::turn::{EndReason, TurnRecord};

/// How often a failed compaction is passed over before it is tried again: twice as often each time, up to the last.
const MOST_PASSED_OVER: u32 = 32;

/// Whether so many tokens fill the share of the window at which a conversation is compacted.
pub(crate) fn is_due(context_size: u64, window: u64, percent: u8) -> bool {
    // Rounded down, in a size that no window can exceed.
    let bound = u128::from(window) * u128::from(percent) / 100;
    percent > 0 && window > 0 && u128::from(context_size) >= bound
}

/// Whether a turn has failed since the conversation did not fit into the model's window any more.
pub(crate) fn has_overflowed(record: &TurnRecord) -> bool {
    record.reason == EndReason::Error && record.error_class.as_deref() == Some("context-length")
}

/// Compactions of one conversation that failed, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    failed: u32,
    to_pass_over: u32,
}

impl Failures {
    /// One has failed.
    pub(crate) fn fail(&mut self) {
        self.failed += 1;
        self.to_pass_over =
            1_u32.checked_shl(self.failed - 1).unwrap_or(MOST_PASSED_OVER).min(MOST_PASSED_OVER);
    }

    /// Whether it may be tried now: a conversation that cannot be summed up must not cost a request for each of its steps.
    pub(crate) fn may_try(&mut self) -> bool {
        let waits = self.to_pass_over > 0;
        self.to_pass_over = self.to_pass_over.saturating_sub(1);
        !waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_when_the_share_of_the_window_is_full() {
        for (size, window, percent, due) in [
            (849, 1000, 85, false),
            (850, 1000, 85, true),
            (1, 1, 100, true),
            (0, 1, 100, false),
            (9, 10, 0, false),
            (u64::MAX, u64::MAX, 100, true),
            (5, 0, 85, false),
        ] {
            assert_eq!(is_due(size, window, percent), due, "{size} of {window} at {percent}");
        }
    }

    #[test]
    fn what_fails_is_tried_less_and_less_often() {
        let mut failures = Failures::default();
        let mut tried = Vec::new();
        for number in 0..100 {
            if failures.may_try() {
                tried.push(number);
                failures.fail();
            }
        }
        assert_eq!(tried, [0, 2, 5, 10, 19, 36, 69]);
        (0..200).for_each(|_| failures.fail());
        assert_eq!(failures.to_pass_over, MOST_PASSED_OVER);
    }
}
