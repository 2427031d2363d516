//! [`Ledger`]: whether each plugin has heard every mark of every emitter, once and in order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::stage::{Echo, PLUGINS};

/// The number of those who say marks.
pub(super) const EMITTERS: usize = 8;

/// How long a mark may take to be heard.
const PATIENCE: Duration = Duration::from_secs(60);

/// The last mark that each plugin has heard of each emitter.
#[derive(Default)]
pub(super) struct Ledger {
    last: [[AtomicU64; EMITTERS]; PLUGINS.len()],
    flaw: Mutex<Option<String>>,
}

impl Ledger {
    pub(super) fn enter(&self, echo: &Echo) {
        let emitter = echo.mark.emitter as usize;
        let plugin = PLUGINS.iter().position(|id| echo.by == *id).expect("only these two say echoes");
        let before = self.last[plugin][emitter].swap(echo.mark.number, Ordering::AcqRel);
        if echo.mark.number != before + 1 {
            let flaw = format!(
                "`{}` heard mark {} of emitter {emitter} after mark {before}",
                echo.by, echo.mark.number
            );
            self.flaw.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(flaw);
        }
    }

    /// What was wrong first.
    pub(super) fn flaw(&self) -> Option<String> {
        self.flaw.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until both have heard mark `number` of an emitter.
    ///
    /// # Panics
    /// When that takes too long.
    pub(super) fn wait_for(&self, emitter: usize, number: u64) {
        let until = Instant::now() + PATIENCE;
        for (plugin, last) in PLUGINS.iter().zip(&self.last) {
            while last[emitter].load(Ordering::Acquire) < number {
                assert!(Instant::now() < until, "`{plugin}` never heard mark {number} of emitter {emitter}");
                std::thread::yield_now();
            }
        }
    }
}
