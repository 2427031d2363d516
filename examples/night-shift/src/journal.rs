//! What happens, line by line on standard error, as in a ship's log: the time (UTC), then one sentence.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn note(sentence: &str) {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    eprintln!("{}  {sentence}", clock(seconds));
}

/// The time of day.
fn clock(seconds: u64) -> String {
    let of_day = seconds % 86_400;
    format!("{:02}:{:02}:{:02}", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_a_clock_shows_it() {
        assert_eq!(clock(86_400 * 3 + 22 * 3_600 + 4 * 60 + 13), "22:04:13");
    }
}
