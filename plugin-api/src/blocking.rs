//! What lies between a future and the work that it waits for on another thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::abi::guard::guarded_anywhere;
use crate::{CallError, CallErrorKind};

enum Stage<F, R> {
    Waiting(F, Option<Waker>),
    Running(Option<Waker>),
    Over(Result<R, CallError>),
    /// The outcome was taken, or nobody will.
    Gone,
}

type Shared<F, R> = Arc<Mutex<Stage<F, R>>>;

fn lock<F, R>(stage: &Shared<F, R>) -> MutexGuard<'_, Stage<F, R>> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Work that is to be done. Dropped undone, it says so.
pub(crate) struct Job<F, R>(Shared<F, R>);

/// Waits for it. Dropped before the work has begun, it takes the work along.
pub(crate) struct Outcome<F, R>(Shared<F, R>);

impl<F: FnOnce() -> R, R> Job<F, R> {
    pub(crate) fn of(work: F) -> (Self, Outcome<F, R>) {
        let shared = Arc::new(Mutex::new(Stage::Waiting(work, None)));
        (Self(Arc::clone(&shared)), Outcome(shared))
    }

    /// Does the work, at the first poll.
    pub(crate) async fn run(self) {
        if let Some(work) = self.begin() {
            let outcome = guarded_anywhere(work);
            self.end(outcome);
        }
    }

    fn begin(&self) -> Option<F> {
        let mut stage = lock(&self.0);
        let Stage::Waiting(_, waker) = &mut *stage else { return None };
        let waker = waker.take();
        match std::mem::replace(&mut *stage, Stage::Running(waker)) {
            Stage::Waiting(work, _) => Some(work),
            _ => None,
        }
    }
}

impl<F, R> Job<F, R> {
    fn end(&self, outcome: Result<R, CallError>) {
        let before = {
            let mut stage = lock(&self.0);
            if matches!(*stage, Stage::Over(_) | Stage::Gone) {
                return;
            }
            std::mem::replace(&mut *stage, Stage::Over(outcome))
        };
        // What the work holds is dropped here, and nobody is woken under the lock.
        if let Stage::Waiting(_, Some(waker)) | Stage::Running(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<F, R> Drop for Job<F, R> {
    fn drop(&mut self) {
        let message = "the plugin was stopped before the work could begin";
        self.end(Err(CallError::new(CallErrorKind::Retired, message)));
    }
}

impl<F, R> Future for Outcome<F, R> {
    type Output = Result<R, CallError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = lock(&self.0);
        match &mut *stage {
            Stage::Waiting(_, waker) | Stage::Running(waker) => {
                match waker {
                    Some(known) => known.clone_from(context.waker()),
                    None => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
            Stage::Over(_) => match std::mem::replace(&mut *stage, Stage::Gone) {
                Stage::Over(outcome) => Poll::Ready(outcome),
                _ => Poll::Pending,
            },
            Stage::Gone => Poll::Pending,
        }
    }
}

impl<F, R> Drop for Outcome<F, R> {
    fn drop(&mut self) {
        let undone = {
            let mut stage = lock(&self.0);
            let is_begun = matches!(*stage, Stage::Running(_));
            if is_begun { None } else { Some(std::mem::replace(&mut *stage, Stage::Gone)) }
        };
        drop(undone);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn work_that_waits_for_a_thread_goes_with_whoever_waits_for_it() {
        let held = Arc::new(());
        let holds = Arc::clone(&held);
        let (job, mut outcome) = Job::of(move || drop(holds));
        assert_eq!(poll(&mut outcome), Poll::Pending);
        drop(outcome);
        assert_eq!(Arc::strong_count(&held), 1, "the work is gone");
        assert_eq!(poll(job.run()), Poll::Ready(()));
    }

    #[test]
    fn a_job_that_is_dropped_undone_says_so() {
        let held = Arc::new(());
        let holds = Arc::clone(&held);
        let (job, outcome) = Job::of(move || drop(holds));
        drop(job);
        assert_eq!(Arc::strong_count(&held), 1, "the work is gone");
        let Poll::Ready(Err(error)) = poll(outcome) else { panic!("it ends") };
        assert_eq!(error.kind, CallErrorKind::Retired);
    }

    #[test]
    fn what_was_done_waits_for_whoever_asked() {
        let (job, outcome) = Job::of(|| 7);
        assert_eq!(poll(job.run()), Poll::Ready(()));
        assert_eq!(poll(outcome), Poll::Ready(Ok(7)));
    }
}
