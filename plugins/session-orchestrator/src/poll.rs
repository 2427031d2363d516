//! Asking futures by hand, and letting others run in between.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// What a future says when it is asked once; it is not waited for.
pub(crate) async fn polled_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    let mut future = pin!(future);
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Lets others run on this thread: a model that always has more to say must not keep out who wants to stop it.
pub(crate) async fn breathe() {
    let mut breathed = false;
    poll_fn(|context| {
        if std::mem::replace(&mut breathed, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
