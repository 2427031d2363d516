//! [`Floods`]: how many lines a plugin may log.
//!
//! So many a second, and five times as many at once after a quiet time. Errors have as much again for themselves, so that
//! no flood hides them. What is suppressed is counted, and told at least once a second.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::Level;
use transom_plugin_api::sabotage::sabotaged;

use super::Log;

/// A quiet plugin may log so many seconds' worth at once.
const BURST_S: f64 = 5.0;

pub(super) struct Floods {
    per_second: f64,
    plugins: Mutex<BTreeMap<&'static str, Lines>>,
    /// Wakes who tells; the receiver waits here until there is somebody.
    wake: SyncSender<()>,
    waiting: Mutex<Option<Receiver<()>>>,
}

struct Lines {
    errors: Bucket,
    others: Bucket,
    suppressed: u64,
}

/// How many lines are left, and when that was so.
#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, now: Instant, per_second: f64) -> bool {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = since.mul_add(per_second, self.left).min(per_second * BURST_S);
        self.at = now;
        let is_left = self.left >= 1.0;
        self.left -= if is_left { 1.0 } else { 0.0 };
        is_left
    }
}

impl Floods {
    pub(super) fn new(per_second: u32) -> Self {
        let (wake, waiting) = sync_channel(1);
        Self {
            per_second: f64::from(per_second),
            plugins: Mutex::default(),
            wake,
            waiting: Mutex::new(Some(waiting)),
        }
    }

    fn plugins(&self) -> MutexGuard<'_, BTreeMap<&'static str, Lines>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the plugin may log one more line of this level; counts it if not.
    pub(super) fn admit(&self, plugin: &'static str, level: Level) -> bool {
        self.admit_at(plugin, level, Instant::now())
    }

    fn admit_at(&self, plugin: &'static str, level: Level, now: Instant) -> bool {
        if sabotaged("log-without-limit") {
            return true;
        }
        let mut plugins = self.plugins();
        let full = Bucket { left: self.per_second * BURST_S, at: now };
        let lines = plugins.entry(plugin).or_insert(Lines { errors: full, others: full, suppressed: 0 });
        let bucket = if level == Level::ERROR { &mut lines.errors } else { &mut lines.others };
        if bucket.take(now, self.per_second) {
            return true;
        }
        lines.suppressed += 1;
        drop(plugins);
        // Full means that who tells is awake already.
        let _ = self.wake.try_send(());
        false
    }

    /// How many lines were suppressed since this was asked before, by plugin.
    pub(super) fn take_suppressed(&self) -> Vec<(&'static str, u64)> {
        let mut plugins = self.plugins();
        let taken =
            plugins.iter_mut().map(|(plugin, lines)| (*plugin, std::mem::take(&mut lines.suppressed)));
        taken.filter(|(_, suppressed)| *suppressed > 0).collect()
    }
}

/// Has a thread tell of suppressed lines, `after` the first of them.
pub(super) fn tell_of(log: Arc<Log>, after: Duration) {
    let waiting = log.floods.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(waiting) = waiting else { return };
    let thread = std::thread::Builder::new().name("transom-log".to_owned());
    // Without the thread the numbers are told when the host ends.
    let _ = thread.spawn(move || {
        while waiting.recv().is_ok() {
            std::thread::sleep(after);
            log.tell_suppressed();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(floods: &Floods, level: Level, now: Instant, lines: u32) -> usize {
        (0..lines).filter(|_| floods.admit_at("parrot", level, now)).count()
    }

    #[test]
    fn a_plugin_may_log_five_seconds_worth_at_once_and_then_so_much_a_second() {
        let (floods, start) = (Floods::new(200), Instant::now());
        assert_eq!(admitted(&floods, Level::INFO, start, 5000), 1000);
        assert_eq!(admitted(&floods, Level::INFO, start + Duration::from_secs(1), 5000), 200);
        assert_eq!(admitted(&floods, Level::INFO, start + Duration::from_secs(3600), 5000), 1000);
        assert_eq!(floods.take_suppressed(), [("parrot", 4000 + 4800 + 4000)]);
        assert_eq!(floods.take_suppressed(), []);
    }

    #[test]
    fn a_flood_leaves_room_for_errors_and_for_others() {
        let (floods, now) = (Floods::new(10), Instant::now());
        assert_eq!(admitted(&floods, Level::DEBUG, now, 60), 50);
        assert_eq!(admitted(&floods, Level::ERROR, now, 60), 50);
        assert!(floods.admit_at("skills", Level::DEBUG, now));
    }
}
