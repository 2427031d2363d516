//! Keeps a panic inside a turn from taking the turn's end with it.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Runs `future` to its end.
///
/// # Errors
/// The text of its panic; it is not polled again.
pub(super) async fn caught<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    poll_fn(|context| {
        // What the turn leaves half-done is its progress, which is made to be read at any point.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) => Poll::Ready(Err(panic_text(&*payload))),
        }
    })
    .await
}

fn panic_text(payload: &dyn Any) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_behind_an_await_becomes_its_text() {
        let broken = async {
            tokio::task::yield_now().await;
            panic!("number {}", 7)
        };
        assert_eq!(caught::<_>(broken).await, Err::<(), _>("number 7".to_owned()));
        assert_eq!(caught(async { 1 }).await, Ok(1));
    }
}
