//! [`Quiet`]: when the last that runs of an activation is gone.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Held by everything of an activation that runs or may run. When the last holder is gone the activation is quiet.
pub(crate) struct Running(Arc<State>);

/// Knows whether the activation is quiet.
#[derive(Clone)]
pub(crate) struct Quiet(Arc<State>);

#[derive(Default)]
struct State(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    is_quiet: bool,
    waiting: Vec<Waker>,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first holder of an activation, and who knows when the last is gone.
pub(crate) fn running() -> (Arc<Running>, Quiet) {
    let state = Arc::new(State::default());
    (Arc::new(Running(Arc::clone(&state))), Quiet(state))
}

impl Drop for Running {
    fn drop(&mut self) {
        let waiting = {
            let mut inner = self.0.lock();
            inner.is_quiet = true;
            std::mem::take(&mut inner.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Quiet {
    /// Whether it is quiet; else the waker will be woken when it is.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut inner = self.0.lock();
        if inner.is_quiet {
            return Poll::Ready(());
        }
        inner.waiting.push(context.waker().clone());
        Poll::Pending
    }

    /// Waits until it is quiet.
    pub(crate) async fn reached(&self) {
        poll_fn(|context| self.poll(context)).await;
    }
}
