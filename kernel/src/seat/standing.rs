//! [`Standing`]: how far an activation has come, for those who must not hold its seat.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Shared by a seat and whoever asks; a seat itself may hold what must not be dropped just anywhere.
#[derive(Clone, Debug)]
pub(crate) struct Standing(Arc<AtomicU8>);

/// It has not been committed yet.
const STARTING: u8 = 0;
/// It is there to stay.
const SETTLED: u8 = 1;
/// Another generation has its places.
const LEAVING: u8 = 2;
/// Whatever comes through its seat is refused.
const CLOSED: u8 = 3;

impl Standing {
    pub(super) fn new(is_settled: bool) -> Self {
        Self(Arc::new(AtomicU8::new(if is_settled { SETTLED } else { STARTING })))
    }

    pub(super) fn start(&self) {
        self.become_one(STARTING);
    }

    pub(super) fn settle(&self) {
        self.become_one(SETTLED);
    }

    pub(super) fn leave(&self) {
        self.become_one(LEAVING);
    }

    pub(super) fn close(&self) {
        self.0.store(CLOSED, Ordering::Relaxed);
    }

    /// What is closed stays so.
    fn become_one(&self, next: u8) {
        let _ =
            self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now != CLOSED).then_some(next));
    }

    /// Whether it has started, and nothing has its places.
    pub(crate) fn is_settled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == SETTLED
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Relaxed) == CLOSED
    }
}
