//! Does file work on a thread of its own, so that a slow disk never holds up the task that waits for it.

use std::sync::Arc;
use std::thread;

use tokio::sync::{Semaphore, oneshot};
use transom_plugin_api::{CallError, CallErrorKind};

/// How many threads there may be at a time; further work waits for one to end.
#[derive(Clone, Debug)]
pub(crate) struct Aside {
    seats: Arc<Semaphore>,
}

impl Aside {
    pub(crate) fn with_threads(threads: usize) -> Self {
        Self { seats: Arc::new(Semaphore::new(threads)) }
    }

    /// Does `work` elsewhere and waits for it. When the wait is dropped the work runs to its end all the same.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CallError> {
        let seat = Arc::clone(&self.seats).acquire_owned().await.expect("nobody closes the seats");
        let (answer, answered) = oneshot::channel();
        let job = move || {
            let done = work();
            // Free before the answer is out: who waits for it may ask again at once.
            drop(seat);
            // Nobody may be waiting any more; then the answer is of no use.
            let _ = answer.send(done);
        };
        thread::Builder::new()
            .name("transom-skills".to_owned())
            .spawn(job)
            .map_err(|error| CallError::unavailable(format!("no thread to read skills: {error}")))?;
        answered.await.map_err(|_| CallError::new(CallErrorKind::Panicked, "reading skills panicked"))
    }
}
