//! How long a provider asks to wait before the next attempt.

use std::time::UNIX_EPOCH;

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Milliseconds from `now_ms` on, out of `retry-after-ms`, else `retry-after` in seconds or as a date.
pub(crate) fn retry_after_ms(headers: &HeaderMap, now_ms: i64) -> Option<u64> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let exact = text("retry-after-ms").and_then(|text| milliseconds(text, 1.0));
    exact.or_else(|| {
        let text = text(RETRY_AFTER.as_str())?;
        milliseconds(text, 1_000.0).or_else(|| until(text, now_ms))
    })
}

fn milliseconds(number: &str, unit_ms: f64) -> Option<u64> {
    let number: f64 = number.parse().ok()?;
    // The cast saturates.
    (number.is_finite() && number >= 0.0).then(|| (number * unit_ms).ceil() as u64)
}

fn until(date: &str, now_ms: i64) -> Option<u64> {
    let then = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let then_ms = i64::try_from(then.as_millis()).ok()?;
    Some(u64::try_from(then_ms.saturating_sub(now_ms)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thu, 01 Jan 2026 00:00:00 GMT.
    const NOW_MS: i64 = 1_767_225_600_000;

    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], expected: Option<u64>) {
        let headers = headers
            .iter()
            .map(|&(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        assert_eq!(retry_after_ms(&headers.collect(), NOW_MS), expected);
    }

    #[test]
    fn seconds_are_turned_into_milliseconds() {
        check(&[("retry-after", "3")], Some(3_000));
        check(&[("retry-after", " 0.25 ")], Some(250));
        check(&[("retry-after", "0")], Some(0));
    }

    #[test]
    fn milliseconds_are_preferred() {
        check(&[("retry-after", "3"), ("retry-after-ms", "1234.5")], Some(1_235));
        check(&[("retry-after", "3"), ("retry-after-ms", "soon")], Some(3_000));
    }

    #[test]
    fn a_date_counts_from_now() {
        check(&[("retry-after", "Thu, 01 Jan 2026 00:00:30 GMT")], Some(30_000));
        check(&[("retry-after", "Wed, 31 Dec 2025 23:00:00 GMT")], Some(0));
    }

    #[test]
    fn nonsense_is_no_time() {
        for value in ["", "soon", "-1", "NaN", "inf", "Thu, 99 Jan 2026 00:00:30 GMT"] {
            check(&[("retry-after", value)], None);
        }
        check(&[], None);
        check(&[("retry-after", "1e300")], Some(u64::MAX));
    }
}
