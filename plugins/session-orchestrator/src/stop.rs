//! The signal that interrupts a turn.

use std::future::{Future, pending};

use tokio::sync::watch;

/// How much a turn is to give up. A signal only grows, unless a suspension is taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    #[default]
    Go,
    /// Another generation goes on with it.
    Suspend,
    /// It ends.
    Stop,
    /// It ends, and the host with it: nothing is waited for any more.
    Close,
}

/// The end that interrupts.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<Level>);

/// The end that is interrupted. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<Level>);

/// Both ends.
pub(crate) fn signal() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(Level::Go);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Stops; whether it was the first to do so.
    pub(crate) fn stop(&self) -> bool {
        self.raise(Level::Stop)
    }

    /// Has the turn leave itself to another generation.
    pub(crate) fn suspend(&self) {
        self.raise(Level::Suspend);
    }

    /// Takes a suspension back.
    pub(crate) fn resume(&self) {
        self.0.send_if_modified(|level| {
            let suspended = *level == Level::Suspend;
            if suspended {
                *level = Level::Go;
            }
            suspended
        });
    }

    /// Stops, and has nothing be waited for.
    pub(crate) fn close(&self) {
        self.raise(Level::Close);
    }

    fn raise(&self, to: Level) -> bool {
        self.0.send_if_modified(|level| {
            let grows = *level < to;
            *level = (*level).max(to);
            grows
        })
    }
}

impl Stop {
    /// Whether the turn is to end.
    #[cfg(test)]
    pub(crate) fn is_given(&self) -> bool {
        *self.0.borrow() >= Level::Stop
    }

    /// Whether the turn is to leave itself to another generation, or to end.
    pub(crate) fn is_suspended(&self) -> bool {
        *self.0.borrow() >= Level::Suspend
    }

    /// Waits until the turn is to end.
    pub(crate) async fn given(&self) {
        self.reached(Level::Stop).await;
    }

    /// Waits until the turn is to leave itself to another generation, or to end.
    pub(crate) async fn suspended(&self) {
        self.reached(Level::Suspend).await;
    }

    /// Waits until nothing is to be waited for.
    pub(crate) async fn closed(&self) {
        self.reached(Level::Close).await;
    }

    async fn reached(&self, level: Level) {
        // Without its other end the signal can no longer be given.
        if self.0.clone().wait_for(|given| *given >= level).await.is_err() {
            pending::<()>().await;
        }
    }

    /// What `future` gives; `None`, and the future dropped at once, when the turn is suspended or ends before that.
    pub(crate) async fn unless_suspended<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.suspended() => None,
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
        assert_eq!(stop.unless_suspended(async { 1 }).await, Some(1));
        stopper.suspend();
        assert!(stop.is_suspended() && !stop.is_given());
        assert_eq!(stop.unless_suspended(async { 1 }).await, None);
        assert_eq!(stop.unless_suspended(pending::<i32>()).await, None);
    }

    #[tokio::test]
    async fn a_waiting_race_is_woken_by_the_signal() {
        let (stopper, stop) = signal();
        let raced = tokio::spawn(async move { stop.given().await });
        tokio::task::yield_now().await;
        stopper.stop();
        raced.await.unwrap();
    }

    #[test]
    fn a_signal_only_grows_and_the_first_stop_counts() {
        let (stopper, stop) = signal();
        stopper.suspend();
        stopper.resume();
        assert!(!stop.is_suspended());
        assert!(stopper.stop() && !stopper.stop());
        stopper.suspend();
        stopper.resume();
        assert!(stop.is_given());
        stopper.close();
        assert!(!stopper.stop());
    }
}
