//! Times for people: how long ago something was, and how long it took.

use std::time::{SystemTime, UNIX_EPOCH};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Milliseconds since the epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// How long before `now` a moment was, such as `3 min ago`; both in milliseconds since the epoch.
pub(crate) fn ago(now: i64, then: i64) -> String {
    match now.saturating_sub(then) {
        ..MINUTE => "just now".to_owned(),
        past @ MINUTE..HOUR => format!("{} min ago", past / MINUTE),
        past @ HOUR..DAY => format!("{} h ago", past / HOUR),
        past => match past / DAY {
            1 => "1 day ago".to_owned(),
            days => format!("{days} days ago"),
        },
    }
}

/// A number of milliseconds, in the unit in which it is short.
pub(crate) fn lasting(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", milliseconds / 60_000, milliseconds / 1_000 % 60),
        _ => format!("{} h {} min", milliseconds / 3_600_000, milliseconds / 60_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_its_largest_unit() {
        let told = |past| ago(10 * DAY, 10 * DAY - past);
        let expected = [
            (-5, "just now"),
            (MINUTE - 1, "just now"),
            (MINUTE, "1 min ago"),
            (HOUR - 1, "59 min ago"),
            (HOUR, "1 h ago"),
            (DAY - 1, "23 h ago"),
            (DAY, "1 day ago"),
            (9 * DAY, "9 days ago"),
        ];
        for (past, words) in expected {
            assert_eq!(told(past), words);
        }
        assert_eq!(ago(i64::MAX, i64::MIN), format!("{} days ago", i64::MAX / DAY));
    }

    #[test]
    fn a_duration_is_short() {
        let told = [7, 1_250, 61_000, 3_661_000].map(lasting);
        assert_eq!(told, ["7 ms", "1.2 s", "1 min 1 s", "1 h 1 min"]);
    }
}
