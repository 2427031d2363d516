//! Waiting for what is certain to come, under a bound of real time: also where the clock of a test stands still.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use tokio::sync::oneshot;

/// How long a test waits for a fact before it says that the fact did not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What `future` gives, or `None` when it took longer than `limit` of real time.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let (over, is_over) = oneshot::channel::<()>();
    let (done, is_done) = channel::<()>();
    // A timer of tokio's would stand still with the clock; this thread ends as soon as `done` is dropped.
    let watch = std::thread::Builder::new().name("testkit-patience".to_owned()).spawn(move || {
        if is_done.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            let _ = over.send(());
        }
    });
    watch.expect("a thread can be made");
    let outcome = tokio::select! {
        biased;
        output = future => Some(output),
        Ok(()) = is_over => None,
    };
    drop(done);
    outcome
}
