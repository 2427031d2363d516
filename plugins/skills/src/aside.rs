//! Reads files where a slow disk never holds up the tasks that wait for it.

use std::sync::Arc;

use tokio::sync::Semaphore;
use transom_plugin_api::{CallError, Host};

/// The host's threads that may block, and how many of them may be used at a time; further work waits.
#[derive(Clone, Debug)]
pub(crate) struct Aside {
    host: Host,
    seats: Arc<Semaphore>,
}

impl Aside {
    pub(crate) fn with_threads(host: Host, threads: usize) -> Self {
        Self { host, seats: Arc::new(Semaphore::new(threads)) }
    }

    /// Does `work` elsewhere and waits for it. When the wait is dropped, work that has begun runs to its end.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CallError> {
        let seat = Arc::clone(&self.seats).acquire_owned().await.expect("nobody closes the seats");
        let job = move || {
            let done = work();
            // Free before the answer is out: who waits for it may ask again at once.
            drop(seat);
            done
        };
        self.host.blocking(job).await
    }
}
