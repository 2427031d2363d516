//! [`Background`], a hold on what runs in the background of a plugin.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// What [`Host::spawn`](crate::Host::spawn) began. Dropping it lets the future run on.
#[derive(Clone)]
pub struct Background(Arc<End>);

#[derive(Default)]
struct End {
    is_asked_for: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Background {
    /// The future, until it is cancelled, and what cancels it.
    pub(crate) fn over(future: impl Future<Output = ()> + Send) -> (Self, impl Future<Output = ()> + Send) {
        let end = Arc::<End>::default();
        let watched = Arc::clone(&end);
        let run = async move {
            let mut future = pin!(future);
            poll_fn(|context| match watched.poll(context) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => future.as_mut().poll(context),
            })
            .await;
            watched.replace(None);
        };
        (Self(end), run)
    }

    /// Drops the future where it waits, soon, on one of the host's threads; does not wait for that. A future that has
    /// ended stays ended.
    pub fn cancel(&self) {
        self.0.is_asked_for.store(true, Ordering::Release);
        if let Some(waker) = self.0.replace(None) {
            waker.wake();
        }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}

impl End {
    fn replace(&self, waker: Option<Waker>) -> Option<Waker> {
        std::mem::replace(&mut *self.waker.lock().unwrap_or_else(PoisonError::into_inner), waker)
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        {
            let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *waker {
                Some(known) => known.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
        }
        // Looked at after the waker is there: who cancels in between wakes it.
        if self.is_asked_for.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}
