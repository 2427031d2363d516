//! Waiting for the end of start-up: until then a client is to find the port closed instead of half of what is served.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use transom_plugin_api::hosting::Ready;
use transom_plugin_api::{CallErrorKind, Caller, StartError};

/// Whether start-up is over by now, as [`STARTED_UP`](transom_plugin_api::hosting::STARTED_UP) says; does not wait for it.
pub async fn is_over(started_up: &Caller<(), Ready>) -> bool {
    let mut asked = pin!(started_up.call(()));
    poll_fn(|context| Poll::Ready(matches!(asked.as_mut().poll(context), Poll::Ready(Ok(_))))).await
}

/// Opens when start-up is over. That it could not be opened is logged, since nobody waits for that any more.
pub async fn open_after(started_up: Caller<(), Ready>, open: impl FnOnce() -> Result<(), StartError>) {
    match started_up.call(()).await {
        Ok(_) => {
            if let Err(error) = open() {
                tracing::error!("the port stays closed: {error}");
            }
        }
        // It ends before it was up, and whoever ended it says why.
        Err(error) if error.kind == CallErrorKind::Unavailable => {
            tracing::debug!("the port stays closed: {error}");
        }
        Err(error) => tracing::error!("the port stays closed: {error}"),
    }
}
