//! [`Desk`]: where file work is done, so that a slow disk never holds up the tasks that wait for it.

use std::sync::Arc;
use std::thread;

use tokio::sync::{Semaphore, oneshot};
use transom_plugin_api::{CallError, CallErrorKind};

/// Answers whether the one who asked has gone away: then nothing needs to be finished.
pub(crate) type Gone<'a> = &'a dyn Fn() -> bool;

/// A number of seats; each piece of work takes one, on a thread of its own, until it is done.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    seats: Arc<Semaphore>,
}

impl Desk {
    pub(crate) fn with_seats(seats: usize) -> Self {
        Self { seats: Arc::new(Semaphore::new(seats)) }
    }

    /// Does `work` elsewhere and waits for it. When the wait is dropped the work runs on, but is told.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(Gone<'_>) -> T + Send + 'static,
    ) -> Result<T, CallError> {
        let seat = Arc::clone(&self.seats).acquire_owned().await.expect("nobody closes the seats");
        let (answer, answered) = oneshot::channel();
        let job = move || {
            let done = work(&|| answer.is_closed());
            // Free before the answer is out: who waits for it may ask again at once.
            drop(seat);
            // Nobody may be waiting any more; then the answer is of no use.
            let _ = answer.send(done);
        };
        thread::Builder::new()
            .name("transom-files".to_owned())
            .spawn(job)
            .map_err(|error| CallError::unavailable(format!("no thread for file work: {error}")))?;
        answered.await.map_err(|_| CallError::new(CallErrorKind::Panicked, "the file work panicked"))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use super::*;

    fn wait<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    fn begin<F: Future>(future: F) -> std::pin::Pin<Box<F>> {
        let mut future = Box::pin(future);
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        future
    }

    #[test]
    fn work_is_done_on_another_thread() {
        let here = thread::current().id();
        let there = wait(Desk::with_seats(1).work(|_| thread::current().id())).expect("done");
        assert_ne!(here, there);
    }

    #[test]
    fn work_that_panics_is_an_error_and_frees_its_seat() {
        let desk = Desk::with_seats(1);
        let panicked: Result<(), _> = wait(desk.work(|_| panic!("on purpose")));
        assert_eq!(panicked.expect_err("it panicked").kind, CallErrorKind::Panicked);
        assert_eq!(wait(desk.work(|_| 7)), Ok(7));
    }

    #[test]
    fn work_whose_wait_was_dropped_is_told() {
        let (go, gate) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let waiting = begin(async move {
            let work = move |gone: Gone<'_>| {
                gate.recv().expect("the gate opens");
                tell.send(gone()).expect("the test listens");
            };
            Desk::with_seats(1).work(work).await
        });
        drop(waiting);
        go.send(()).expect("the work waits");
        assert_eq!(told.recv(), Ok(true));
    }

    #[test]
    fn a_desk_with_one_seat_does_one_thing_at_a_time() {
        let (go, gate) = mpsc::channel::<()>();
        let desk = Desk::with_seats(1);
        let first = begin(desk.work(move |_| gate.recv().expect("the gate opens")));
        let second = begin(desk.work(|_| ()));
        assert_eq!(desk.seats.available_permits(), 0);
        go.send(()).expect("the work waits");
        assert_eq!(wait(async { (first.await, second.await) }), (Ok(()), Ok(())));
    }
}
