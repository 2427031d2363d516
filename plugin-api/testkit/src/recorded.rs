//! [`Recorded`]: what was heard at an event, in order.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use transom_plugin_api::Contract;

use crate::patience::{PATIENCE, within};

/// Every event at one point since [`Stand::record`](crate::Stand::record), in the order in which they were said.
pub struct Recorded<T> {
    point: &'static str,
    heard: Arc<Heard<T>>,
}

pub(crate) struct Heard<T> {
    inner: Mutex<Inner<T>>,
    came: Notify,
}

struct Inner<T> {
    events: Vec<T>,
    /// How many of them [`Recorded::next`] has given.
    given: usize,
}

impl<T> Heard<T> {
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keep(&self, event: T) {
        self.lock().events.push(event);
        self.came.notify_waiters();
    }
}

impl<T: Contract + Debug> Recorded<T> {
    pub(crate) fn new(point: &'static str) -> Self {
        let inner = Mutex::new(Inner { events: Vec::new(), given: 0 });
        Self { point, heard: Arc::new(Heard { inner, came: Notify::new() }) }
    }

    pub(crate) fn heard(&self) -> Arc<Heard<T>> {
        Arc::clone(&self.heard)
    }

    /// The next event, each one once; waits for it.
    ///
    /// # Panics
    /// When none comes within 10 s; tells those that came before.
    pub async fn next(&self) -> T {
        match within(PATIENCE, self.wait()).await {
            Some(event) => event,
            None => self.in_vain(),
        }
    }

    async fn wait(&self) -> T {
        loop {
            let came = self.heard.came.notified();
            {
                let mut inner = self.heard.lock();
                let given = inner.given;
                if let Some(event) = inner.events.get(given).cloned() {
                    inner.given += 1;
                    return event;
                }
            }
            came.await;
        }
    }

    fn in_vain(&self) -> ! {
        let events = self.all();
        let limit = PATIENCE.as_secs();
        panic!("nothing more was said at `{}` within {limit} s; so far: {events:#?}", self.point)
    }

    pub(crate) const fn point(&self) -> &'static str {
        self.point
    }

    /// All events so far, those that [`next`](Self::next) gave included. What is said inline by a call that has returned
    /// is among them.
    #[must_use]
    pub fn all(&self) -> Vec<T> {
        self.heard.lock().events.clone()
    }
}

impl<T: Debug> Debug for Recorded<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded")
            .field("point", &self.point)
            .field("events", &self.heard.lock().events)
            .finish()
    }
}
