//! [`Untaken`]: streams whose clients take nothing are left, so that no plugin behind them is held up.
//!
//! A stream is polled in the task of its connection, and only when there is room for what it gives. One that nobody polls
//! neither ends nor goes on, and whoever is to be replaced waits for it in vain. So a stream that says how it goes on is
//! dropped when nothing was taken for a while, and asked for again when its client reads on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::Duration;

use transom_plugin_api::sabotage::sabotaged;

/// How often is looked; a stream is left that was not polled between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A stream that can be left.
pub(crate) trait Leave: Send + 'static {
    /// How often something was taken from it; `None` while it waits for something to give, or was left.
    fn taken(&self) -> Option<u64>;

    /// Drops what is behind it.
    fn leave(&mut self);
}

/// All streams that can be left, looked after while there are any.
pub(crate) struct Untaken<S> {
    watched: Arc<Mutex<Watched<S>>>,
}

struct Watched<S> {
    streams: Vec<(Weak<Mutex<S>>, Option<u64>)>,
    /// Whether somebody looks.
    looking: bool,
}

impl<S> Default for Untaken<S> {
    fn default() -> Self {
        Self { watched: Arc::new(Mutex::new(Watched { streams: Vec::new(), looking: false })) }
    }
}

impl<S: Leave> Untaken<S> {
    /// Looks after one more, as long as it is there. Needs a runtime around it.
    pub(crate) fn watch(&self, stream: &Arc<Mutex<S>>) {
        let mut watched = lock(&self.watched);
        watched.streams.push((Arc::downgrade(stream), None));
        if !watched.looking && !sabotaged("hold-what-nobody-takes") {
            let all = Arc::downgrade(&self.watched);
            watched.looking = true;
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(LOOK_EVERY).await;
                    let Some(all) = all.upgrade() else { return };
                    if !look(&all) {
                        return;
                    }
                }
            });
        }
    }
}

/// Leaves what was not taken since the last look; whether there is anything to look at.
fn look<S: Leave>(all: &Mutex<Watched<S>>) -> bool {
    // Dropped behind the lock: with its last holder a stream drops what it goes on with, and that may be who watches it.
    let mut held = Vec::new();
    let mut watched = lock(all);
    watched.streams.retain_mut(|(stream, seen)| {
        let Some(stream) = stream.upgrade() else { return false };
        *seen = looked_at(&stream, *seen);
        held.push(stream);
        true
    });
    watched.looking = !watched.streams.is_empty();
    watched.looking
}

/// Leaves it if as much was taken as was `seen`; how much that is now.
fn looked_at<S: Leave>(stream: &Mutex<S>, seen: Option<u64>) -> Option<u64> {
    let mut stream = match stream.try_lock() {
        Ok(stream) => stream,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // It is polled now.
        Err(TryLockError::WouldBlock) => return None,
    };
    let taken = stream.taken();
    if taken.is_some() && taken == seen {
        stream.leave();
    }
    taken
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[derive(Default)]
    struct Played {
        taken: Option<u64>,
        is_left: bool,
    }

    impl Leave for Played {
        fn taken(&self) -> Option<u64> {
            self.taken.filter(|_| !self.is_left)
        }

        fn leave(&mut self) {
            self.is_left = true;
        }
    }

    async fn looked_twice() {
        tokio::time::sleep(LOOK_EVERY * 5 / 2).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_left_and_what_waits_is_not() {
        let untaken = Untaken::default();
        let [stuck, waits, lively] =
            [Some(3), None, Some(3)].map(|taken| Arc::new(Mutex::new(Played { taken, is_left: false })));
        [&stuck, &waits, &lively].into_iter().for_each(|stream| untaken.watch(stream));
        for taken in 4..10 {
            tokio::time::sleep(LOOK_EVERY / 2).await;
            lock(&lively).taken = Some(taken);
        }
        let left = [&stuck, &waits, &lively].map(|stream| lock(stream).is_left);
        assert_eq!(left, [true, false, false]);
        lock(&waits).taken = Some(1);
        looked_twice().await;
        assert!(lock(&waits).is_left);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_looks_when_there_is_nothing_to_look_at() {
        let untaken = Untaken::<Played>::default();
        let stream = Arc::new(Mutex::new(Played::default()));
        untaken.watch(&stream);
        drop(stream);
        looked_twice().await;
        assert!(!lock(&untaken.watched).looking);
        let later = Arc::new(Mutex::new(Played { taken: Some(1), is_left: false }));
        untaken.watch(&later);
        looked_twice().await;
        assert!(lock(&later).is_left, "and somebody looks again");
    }

    /// A stream that holds who watches it.
    struct Owner {
        own: Arc<Untaken<Owner>>,
        /// Itself, until it is left.
        holder: Option<Arc<Mutex<Owner>>>,
        was_free: Arc<AtomicBool>,
    }

    impl Leave for Owner {
        fn taken(&self) -> Option<u64> {
            Some(1)
        }

        fn leave(&mut self) {
            self.holder = None;
        }
    }

    impl Drop for Owner {
        fn drop(&mut self) {
            self.was_free.store(self.own.watched.try_lock().is_ok(), Ordering::SeqCst);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_ends_with_a_look_ends_where_nothing_is_locked() {
        let (untaken, was_free) = (Arc::new(Untaken::default()), Arc::default());
        let owner = Owner { own: Arc::clone(&untaken), holder: None, was_free: Arc::clone(&was_free) };
        let stream = Arc::new(Mutex::new(owner));
        untaken.watch(&stream);
        lock(&stream).holder = Some(Arc::clone(&stream));
        drop(stream);
        looked_twice().await;
        assert!(was_free.load(Ordering::SeqCst));
    }
}
