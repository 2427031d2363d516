//! The thread on which retired tables and handlers are dropped.
//!
//! Dropping a handler runs its plugin's code. On this thread it delays nobody and holds no lock.

use std::any::Any;
use std::sync::mpsc::{Sender, channel};

use transom_plugin_api::abi::guard::swallow_panic;

#[derive(Clone)]
pub(crate) struct Reaper(Sender<Box<dyn Any + Send>>);

impl Reaper {
    /// Starts the thread. It ends when the last clone of this handle is gone.
    pub(crate) fn start() -> Self {
        let (sender, receiver) = channel::<Box<dyn Any + Send>>();
        let thread = std::thread::Builder::new().name("transom-reaper".to_owned());
        let started = thread.spawn(move || {
            for retired in receiver {
                swallow_panic(|| drop(retired));
            }
        });
        // Without threads the retired parts are dropped where they are handed over.
        drop(started);
        Self(sender)
    }

    /// Drops `retired` soon.
    pub(crate) fn take(&self, retired: impl Any + Send) {
        if let Err(unsent) = self.0.send(Box::new(retired)) {
            swallow_panic(|| drop(unsent));
        }
    }
}
