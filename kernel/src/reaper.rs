//! The thread on which retired tables and handlers are dropped.
//!
//! Dropping a handler runs its plugin's code. On this thread it delays nobody and holds no lock.

use std::any::Any;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::oneshot;
use transom_plugin_api::abi::guard::swallow_panic;

use crate::snapshot::Retired;

/// How long the reaper waits before it looks again whether a retired value is still read.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

#[derive(Clone)]
pub(crate) struct Reaper(Sender<Work>);

enum Work {
    Drop(Box<dyn Any + Send>),
    Retire(Retired),
}

impl Reaper {
    /// Starts the thread. It ends when the last clone of this handle is gone.
    pub(crate) fn start() -> Self {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new().name("transom-reaper".to_owned());
        // Without threads, what is retired stays: it is leaked, not used after its end.
        let _ = thread.spawn(move || reap(&receiver));
        Self(sender)
    }

    /// Drops `gone` soon.
    pub(crate) fn take(&self, gone: impl Any + Send) {
        if let Err(unsent) = self.0.send(Work::Drop(Box::new(gone))) {
            swallow_panic(|| drop(unsent));
        }
    }

    /// Drops `gone`, and waits until it is.
    pub(crate) async fn dropped(&self, gone: impl Any + Send) {
        self.take(gone);
        let (asked, answered) = oneshot::channel::<()>();
        // It works in the order in which it is asked.
        self.take(asked);
        let _ = answered.await;
    }

    /// Drops a retired value once nobody reads it.
    pub(crate) fn retire(&self, retired: Retired) {
        // Unsent it is leaked, which is the safe side.
        let _ = self.0.send(Work::Retire(retired));
    }
}

fn reap(work: &Receiver<Work>) {
    let mut retired: Vec<Retired> = Vec::new();
    loop {
        let next = if retired.is_empty() {
            work.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            work.recv_timeout(LOOK_AGAIN)
        };
        match next {
            Ok(Work::Drop(gone)) => swallow_panic(|| drop(gone)),
            Ok(Work::Retire(value)) => retired.push(value),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if retired.is_empty() => return,
            // The handles are gone; only readers can still hold something up.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(LOOK_AGAIN),
        }
        for value in retired.extract_if(.., |value| !value.is_read()) {
            // SAFETY: it was just found not to be read.
            swallow_panic(|| unsafe { value.drop_value() });
        }
    }
}
