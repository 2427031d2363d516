//! [`Shortage`]: what is told while no connection can be accepted, so that a system without descriptors fills no log.

use std::io;
use std::time::{Duration, Instant};

/// Between two lines about it.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// How long connections could not be accepted, and what was told of it.
#[derive(Debug, Default)]
pub(crate) struct Shortage {
    told: Option<Instant>,
    untold: u64,
}

impl Shortage {
    /// It failed once more: logs that, unless it was told lately.
    pub(crate) fn failed(&mut self, error: &io::Error) {
        if let Some(line) = self.line(error, Instant::now()) {
            tracing::error!("{line}");
        }
    }

    fn line(&mut self, error: &io::Error, now: Instant) -> Option<String> {
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < TOLD_EVERY) {
            self.untold += 1;
            return None;
        }
        self.told = Some(now);
        let before = match std::mem::take(&mut self.untold) {
            0 => String::new(),
            untold => format!(", {untold} times since this was told before"),
        };
        Some(format!("no connection can be accepted{before}: {}", reason(error)))
    }
}

/// The system's word for it, with what helps where that is known.
fn reason(error: &io::Error) -> String {
    /// `EMFILE` and `ENFILE`, the same numbers on Linux, macOS and the BSDs.
    const PROCESS: i32 = 24;
    const SYSTEM: i32 = 23;
    match error.raw_os_error() {
        Some(PROCESS) => {
            "the process has too many files and connections open; raise its limit (`ulimit -n`)".to_owned()
        }
        Some(SYSTEM) => "the system has too many files and connections open".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_once_a_minute_and_how_often_it_was_met() {
        let (mut shortage, start) = (Shortage::default(), Instant::now());
        let full = io::Error::from_raw_os_error(24);
        let lines: Vec<String> = (0..=120)
            .filter_map(|second| shortage.line(&full, start + Duration::from_secs(second)))
            .collect();
        let why = "the process has too many files and connections open; raise its limit (`ulimit -n`)";
        let again = format!("no connection can be accepted, 59 times since this was told before: {why}");
        assert_eq!(lines, [format!("no connection can be accepted: {why}"), again.clone(), again]);
    }
}
