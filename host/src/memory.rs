//! [`MemoryLog`]: what the process holds, told in the log every now and then, with what has changed since.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval};
use transom_agent::turn::TURNS_ENDED;
use transom_kernel::Kernel;
use transom_plugin_api::sabotage::sabotaged;

use crate::figures::{Asked, Figures};
use crate::footprint::Footprint;

/// What there is at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    resident_bytes: u64,
    waiting_events: usize,
    figures: Figures,
}

/// What has changed between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Difference {
    /// Bytes that are resident more than before; negative when they are less.
    grown_bytes: i64,
    /// Turns that have ended in between; `None` where one of the two samples does not tell them.
    turns: Option<u64>,
}

impl Sample {
    /// Takes it now. Where the system does not tell the process's memory, that is 0.
    async fn take(kernel: &Kernel, asked: &Asked, runtime: &Handle) -> Self {
        let figures = Figures::ask(asked, runtime).await;
        let footprint = Footprint::of_this_process();
        let resident_bytes = footprint.map_or(0, |footprint| footprint.resident_bytes);
        Self { resident_bytes, waiting_events: kernel.waiting_events(), figures }
    }

    fn since(&self, before: &Self) -> Difference {
        let before = if sabotaged("compare-with-nothing") { &Self::default() } else { before };
        let unknown = sabotaged("count-silence-as-nothing").then_some(0);
        let ended = |sample: &Self| sample.figures.sums().get(TURNS_ENDED).copied().or(unknown);
        // A plugin that was replaced counts from the beginning.
        let between = |(now, then): (u64, u64)| now.checked_sub(then).unwrap_or(now);
        Difference {
            grown_bytes: self.resident_bytes.cast_signed().wrapping_sub(before.resident_bytes.cast_signed()),
            turns: ended(self).zip(ended(before)).map(between),
        }
    }

    fn line(&self, difference: Option<Difference>) -> String {
        let mut line = format!("memory: {} MiB resident", self.resident_bytes >> 20);
        if let Some(difference) = difference {
            line += &format!(", {:+} KiB since the last line", difference.grown_bytes / 1024);
            if let Some((each, turns)) = difference.per_turn().zip(difference.turns) {
                line += &format!(", {:+} KiB for each of {turns} turns that ended", each / 1024);
            }
        }
        line += &format!("; {} events in mailboxes", self.waiting_events);
        self.figures.sums().into_iter().fold(line, |line, (name, value)| format!("{line}, {name} {value}"))
    }
}

impl Difference {
    fn per_turn(self) -> Option<i64> {
        let turns = self.turns.and_then(|turns| i64::try_from(turns).ok()).filter(|turns| *turns > 0)?;
        Some(self.grown_bytes / turns)
    }

    fn document(self) -> Value {
        json!({ "grownBytes": self.grown_bytes, "turnsEnded": self.turns, "bytesPerTurn": self.per_turn() })
    }
}

/// Tells samples in the log. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryLog {
    last: Arc<Mutex<Option<Told>>>,
}

/// The last sample, and what had changed by then.
#[derive(Debug)]
struct Told {
    sample: Sample,
    difference: Option<Difference>,
}

impl MemoryLog {
    /// Takes a sample each `period` and tells it, without end. What is told may have to wait for whoever reads the log, so this
    /// runs where plugins do.
    pub(crate) async fn keep(self, period: Duration, kernel: Kernel, asked: Asked, runtime: Handle) {
        let (kernel, asked, runtime) = (&kernel, &asked, &runtime);
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first is at once, and only there for the next one to be compared with.
        ticks.tick().await;
        self.remember(Sample::take(kernel, asked, runtime).await);
        loop {
            ticks.tick().await;
            self.tell(Sample::take(kernel, asked, runtime).await);
        }
    }

    fn tell(&self, sample: Sample) {
        let difference = self.lock().as_ref().map(|before| sample.since(&before.sample));
        tracing::info!(
            resident_bytes = sample.resident_bytes,
            grown_bytes = difference.map(|difference| difference.grown_bytes),
            bytes_per_turn = difference.and_then(Difference::per_turn),
            mailboxes = sample.waiting_events,
            "{}",
            sample.line(difference)
        );
        *self.lock() = Some(Told { sample, difference });
    }

    fn remember(&self, sample: Sample) {
        *self.lock() = Some(Told { sample, difference: None });
    }

    /// What has changed between the last two lines; `null` before there were two.
    pub(crate) fn last_difference(&self) -> Value {
        let difference = self.lock().as_ref().and_then(|told| told.difference);
        difference.map_or(Value::Null, Difference::document)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Told>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(resident_mib: u64, figures: Value) -> Sample {
        let figures = serde_json::from_value(figures).expect("figures by plugin");
        Sample { resident_bytes: resident_mib << 20, waiting_events: 3, figures }
    }

    #[test]
    fn the_first_line_has_nothing_to_compare_with() {
        let first = sample(40, json!({ "b": { "viewers": 2 }, "a": { "turns": 1, "viewers": 3 } }));
        assert_eq!(first.line(None), "memory: 40 MiB resident; 3 events in mailboxes, turns 1, viewers 5");
    }

    #[test]
    fn what_has_grown_is_told_for_each_turn_that_has_ended() {
        let ended = |mib, count: u64| sample(mib, json!({ "a": { "turns-ended": count } }));
        let difference = ended(50, 25).since(&ended(40, 5));
        assert_eq!(difference, Difference { grown_bytes: 10 << 20, turns: Some(20) });
        assert_eq!(
            ended(50, 25).line(Some(difference)),
            "memory: 50 MiB resident, +10240 KiB since the last line, +512 KiB for each of 20 turns that ended; \
             3 events in mailboxes, turns-ended 25"
        );
        assert_eq!(ended(39, 5).since(&ended(40, 5)).per_turn(), None);
        assert_eq!(
            ended(39, 2).since(&ended(40, 5)).turns,
            Some(2),
            "it counts from the beginning after a reload"
        );
        assert_eq!(ended(39, 7).since(&ended(40, 5)).per_turn(), Some(-(1 << 19)));
    }

    #[test]
    fn turns_are_compared_only_where_both_samples_tell_them() {
        let told = |count: u64| sample(40, json!({ "a": { "turns-ended": count } }));
        let silent = sample(50, json!({ "b": { "viewers": 2 } }));
        assert_eq!(told(25).since(&silent), Difference { grown_bytes: -10 << 20, turns: None });
        assert_eq!(silent.since(&told(25)), Difference { grown_bytes: 10 << 20, turns: None });
        assert_eq!(silent.since(&told(25)).document()["turnsEnded"], Value::Null);
    }

    #[test]
    fn a_status_tells_the_difference_of_the_last_two_lines() {
        let log = MemoryLog::default();
        assert_eq!(log.last_difference(), Value::Null);
        log.remember(sample(40, json!({ "a": { "turns-ended": 1 } })));
        assert_eq!(log.last_difference(), Value::Null);
        log.tell(sample(41, json!({ "a": { "turns-ended": 3 } })));
        let expected = json!({ "grownBytes": 1 << 20, "turnsEnded": 2, "bytesPerTurn": 1 << 19 });
        assert_eq!(log.last_difference(), expected);
    }
}
