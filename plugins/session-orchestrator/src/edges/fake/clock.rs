//! Time in a test: it passes where somebody lets it.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::turn::keep::EACH;

/// The clock of a test. A sleep makes it jump to its end at once, unless time stands still; only what is to be kept every
/// now and then waits for others to let time pass.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    now_ms: AtomicI64,
    still: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
    pub(crate) slept: Mutex<Vec<Duration>>,
}

impl Clock {
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
        self.wake();
    }

    /// From now on time passes only where somebody lets it.
    pub(crate) fn stand_still(&self) {
        self.still.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        let end = self.now_ms() + i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2);
        if duration != EACH {
            self.slept.lock().unwrap_or_else(PoisonError::into_inner).push(duration);
            if !self.still.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
                self.now_ms.fetch_max(end, Ordering::SeqCst);
                self.wake();
            }
        }
        self.until(end).await;
    }

    /// Waits for others to let time pass.
    pub(crate) async fn wait(&self, duration: Duration) {
        self.until(self.now_ms() + i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)).await;
    }

    async fn until(&self, end: i64) {
        poll_fn(|context| {
            if self.now_ms() >= end {
                return Poll::Ready(());
            }
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn wake(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }
}
