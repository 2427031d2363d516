//! [`Desk`]: where file work is done, so that a slow disk never holds up the tasks that wait for it.

use std::sync::Arc;

use tokio::sync::Semaphore;
use transom_plugin_api::{CallError, Host};

/// Answers whether the one who asked has gone away: then nothing needs to be finished.
pub(crate) type Gone<'a> = &'a dyn Fn() -> bool;

/// Threads that may block: the host's, or in tests others.
pub(crate) trait Threads: Clone + Send + Sync + 'static {
    /// Does `work` on one of them.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, CallError>> + Send;
}

impl Threads for Host {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CallError> {
        self.blocking(work).await
    }
}

/// A number of seats; each piece of work takes one, on a thread that may block, until it is done.
#[derive(Clone, Debug)]
pub(crate) struct Desk<T = Host> {
    threads: T,
    seats: Arc<Semaphore>,
}

impl<T: Threads> Desk<T> {
    pub(crate) fn with_seats(threads: T, seats: usize) -> Self {
        Self { threads, seats: Arc::new(Semaphore::new(seats)) }
    }

    /// Does `work` elsewhere and waits for it. When the wait is dropped, work that has begun runs on, but is told.
    pub(crate) async fn work<R: Send + 'static>(
        &self,
        work: impl FnOnce(Gone<'_>) -> R + Send + 'static,
    ) -> Result<R, CallError> {
        let seat = Arc::clone(&self.seats).acquire_owned().await.expect("nobody closes the seats");
        // Dropped with the wait.
        let asking = Arc::new(());
        let asked = Arc::downgrade(&asking);
        let job = move || {
            let done = work(&|| asked.strong_count() == 0);
            // Free before the answer is out: who waits for it may ask again at once.
            drop(seat);
            done
        };
        let done = self.threads.run(job).await;
        drop(asking);
        done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::task::{Context, Waker};
    use std::thread;

    use tokio::sync::oneshot;
    use transom_plugin_api::CallErrorKind;

    use super::*;

    /// A thread for each piece of work.
    #[derive(Clone)]
    struct OwnThreads;

    impl Threads for OwnThreads {
        async fn run<T: Send + 'static>(
            &self,
            work: impl FnOnce() -> T + Send + 'static,
        ) -> Result<T, CallError> {
            let (answer, answered) = oneshot::channel();
            thread::spawn(move || drop(answer.send(work())));
            answered.await.map_err(|_| CallError::new(CallErrorKind::Panicked, "it panicked"))
        }
    }

    fn desk(seats: usize) -> Desk<OwnThreads> {
        Desk::with_seats(OwnThreads, seats)
    }

    fn wait<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    fn begin<F: Future>(future: F) -> std::pin::Pin<Box<F>> {
        let mut future = Box::pin(future);
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        future
    }

    #[test]
    fn work_that_panics_is_an_error_and_frees_its_seat() {
        let desk = desk(1);
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
            desk(1).work(work).await
        });
        drop(waiting);
        go.send(()).expect("the work waits");
        assert_eq!(told.recv(), Ok(true));
    }

    #[test]
    fn a_desk_with_one_seat_does_one_thing_at_a_time() {
        let (go, gate) = mpsc::channel::<()>();
        let desk = desk(1);
        let first = begin(desk.work(move |_| gate.recv().expect("the gate opens")));
        let second = begin(desk.work(|_| ()));
        assert_eq!(desk.seats.available_permits(), 0);
        go.send(()).expect("the work waits");
        assert_eq!(wait(async { (first.await, second.await) }), (Ok(()), Ok(())));
    }
}
