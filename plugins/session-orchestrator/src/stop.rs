//! The signal that stops a turn.

use std::future::{Future, pending};

use tokio::sync::watch;

/// The end that stops. It stays set once it was.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// The end that is stopped. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// Both ends.
pub(crate) fn signal() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Stops; whether it was the first to do so.
    pub(crate) fn stop(&self) -> bool {
        !self.0.send_replace(true)
    }
}

impl Stop {
    /// Whether the signal was given.
    pub(crate) fn is_given(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for the signal.
    async fn given(&self) {
        // Without its other end the signal can no longer be given.
        if self.0.clone().wait_for(|given| *given).await.is_err() {
            pending::<()>().await;
        }
    }

    /// What `future` gives; `None`, and the future dropped at once, when the signal is given before that.
    pub(crate) async fn race<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.given() => None,
            output = future => Some(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_given_signal_wins_over_a_ready_future_and_over_a_pending_one() {
        let (stopper, stop) = signal();
        assert_eq!(stop.race(async { 1 }).await, Some(1));
        assert!(stopper.stop());
        assert!(!stopper.stop());
        assert!(stop.is_given());
        assert_eq!(stop.race(async { 1 }).await, None);
        assert_eq!(stop.race(pending::<i32>()).await, None);
    }

    #[tokio::test]
    async fn a_waiting_race_is_woken_by_the_signal() {
        let (stopper, stop) = signal();
        let raced = tokio::spawn(async move { stop.race(pending::<()>()).await });
        tokio::task::yield_now().await;
        stopper.stop();
        assert_eq!(raced.await.unwrap(), None);
    }
}
