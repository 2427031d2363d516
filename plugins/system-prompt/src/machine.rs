//! What the machine says of itself: its name, its kind, the day and the time.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The day at a time in milliseconds since the epoch.
pub(crate) fn date(now_ms: i64, zone: &TimeZone) -> String {
    told(now_ms, zone, "%Y-%m-%d")
}

/// The time of that day, with its distance from UTC.
pub(crate) fn time(now_ms: i64, zone: &TimeZone) -> String {
    told(now_ms, zone, "%H:%M %:z")
}

fn told(now_ms: i64, zone: &TimeZone, format: &str) -> String {
    match Timestamp::from_millisecond(now_ms) {
        Ok(now) => now.to_zoned(zone.clone()).strftime(format).to_string(),
        Err(_) => String::new(),
    }
}

/// The operating system and the machine's kind.
pub(crate) fn os() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// The machine's name.
pub(crate) fn hostname() -> String {
    one_line(&rustix::system::uname().nodename().to_string_lossy())
}

/// A value that is to stay within its line, whoever has named what it names.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;

    use super::*;

    #[test]
    fn day_and_time_are_those_of_the_zone() {
        let (utc, india) = (TimeZone::UTC, TimeZone::fixed(Offset::from_seconds(19_800).expect("an offset")));
        let new_year = 1_767_222_000_000;
        assert_eq!(
            (date(new_year, &utc), time(new_year, &utc)),
            ("2025-12-31".into(), "23:00 +00:00".into())
        );
        assert_eq!(
            (date(new_year, &india), time(new_year, &india)),
            ("2026-01-01".into(), "04:30 +05:30".into())
        );
        assert_eq!(date(i64::MAX, &utc), "");
    }

    #[test]
    fn a_name_stays_within_its_line() {
        assert_eq!(one_line("a\nb\u{1b}[2Jc é"), "a\u{fffd}b\u{fffd}[2Jc é");
        assert!(!hostname().is_empty() && os().contains(' '));
    }
}
