//! Work of a plugin that blocks, on threads where that holds up nobody.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use transom_plugin_api::abi::task::{RawTask, resumed};
use transom_plugin_api::sabotage::sabotaged;

use super::Seat;

impl Seat {
    /// Polls `task` once, on a thread of the runtime's that may block. The plugin is not quiet before that is over.
    pub(crate) fn run_blocking(self: &Arc<Self>, task: RawTask) {
        if self.is_closed() {
            return;
        }
        let (seat, mut running) = (Arc::clone(self), self.running());
        if sabotaged("forget-blocking-work") {
            running = None;
        }
        self.shared.runtime.spawn_blocking(move || {
            poll_once(&seat, task);
            // Only now, since dropping the task is a part of its work.
            drop(running);
        });
    }
}

fn poll_once(seat: &Seat, task: RawTask) {
    if seat.is_closed() {
        return;
    }
    // SAFETY: the SDK makes tasks without a value.
    let mut task = pin!(unsafe { resumed::<()>(task) });
    // Whoever waits for the work is told by the task itself.
    let _ = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}
