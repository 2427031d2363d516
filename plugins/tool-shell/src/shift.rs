//! [`Shift`]: how many commands run at the same time, and the end of all of them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Commands that run at the same time; further ones wait.
const SEATS: u32 = 64;

/// From the start of the plugin to its end. Its clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Shift {
    seats: Arc<Semaphore>,
    is_over: watch::Sender<bool>,
}

impl Shift {
    pub(crate) fn begin() -> Self {
        Self { seats: Arc::new(Semaphore::new(SEATS as usize)), is_over: watch::Sender::new(false) }
    }

    /// A seat for a command, which has it until it is dropped.
    pub(crate) async fn seat(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.seats).acquire_owned().await.expect("nobody closes the seats")
    }

    /// Tells every command that it is to end.
    pub(crate) fn end(&self) {
        self.is_over.send_replace(true);
    }

    /// Waits until every command is to end.
    pub(crate) async fn until_over(&self) {
        // It does not fail while this sender is here.
        let _ = self.is_over.subscribe().wait_for(|is_over| *is_over).await;
    }

    /// Waits until no command runs, and nobody waits to run one.
    pub(crate) async fn until_idle(&self) {
        let all = self.seats.acquire_many(SEATS).await;
        drop(all);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_done(future: impl Future) -> bool {
        pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn wait<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    #[test]
    fn it_is_idle_when_the_last_seat_is_free() {
        let shift = Shift::begin();
        let seats: Vec<_> = (0..SEATS).map(|_| wait(shift.seat())).collect();
        assert!(!is_done(shift.seat()), "there are no more");
        for seat in seats {
            assert!(!is_done(shift.until_idle()));
            drop(seat);
        }
        assert!(is_done(shift.until_idle()));
    }

    #[test]
    fn its_end_is_told_to_who_listens_before_and_after() {
        let shift = Shift::begin();
        let told = shift.clone();
        assert!(!is_done(told.until_over()));
        shift.end();
        assert!(is_done(told.until_over()) && is_done(shift.until_over()));
    }
}
