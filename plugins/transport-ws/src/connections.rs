//! [`Connections`]: how many there may be, and how they end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// What connections are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leave {
    /// To stay.
    No,
    /// To finish what they were asked, because another generation serves from now on.
    Replaced,
    /// To finish what they were asked, because nobody will serve.
    Stopping,
    /// To end at once.
    Now,
}

/// All connections of this generation.
pub(crate) struct Connections {
    most: u32,
    free: Arc<Semaphore>,
    leave: watch::Sender<Leave>,
}

/// The place of one connection, held as long as it lasts.
pub(crate) struct Place {
    _held: OwnedSemaphorePermit,
    /// What it is told. Those who are waited for are those who hold one of these.
    pub(crate) leave: watch::Receiver<Leave>,
}

impl Connections {
    /// At most so many.
    pub(crate) fn new(most: u32) -> Self {
        let free = Arc::new(Semaphore::new(most as usize));
        Self { most, free, leave: watch::Sender::new(Leave::No) }
    }

    /// A place for one more; `None` when there is none left.
    pub(crate) fn place(&self) -> Option<Place> {
        let held = self.free.clone().try_acquire_owned().ok()?;
        Some(Place { _held: held, leave: self.leave.subscribe() })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.most as u64 - self.free.available_permits() as u64
    }

    /// Tells all of them to leave, and waits until they have; after `patience` they are cut off.
    pub(crate) async fn dismiss(&self, why: Leave, patience: Duration) {
        self.tell(why);
        if timeout(patience, self.leave.closed()).await.is_err() {
            let left = self.count();
            tracing::warn!(
                "{left} connections were cut off, {} s after they were told to leave",
                patience.as_secs()
            );
            self.tell(Leave::Now);
            self.leave.closed().await;
        }
    }

    /// Never takes back what was said.
    fn tell(&self, why: Leave) {
        self.leave.send_if_modified(|said| {
            let later = *said < why;
            *said = why.max(*said);
            later
        });
    }
}
