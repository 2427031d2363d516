//! What an activation leaves to the one that follows it.

use std::time::Duration;

use transom_plugin_api::abi::document::Encoded;
use transom_plugin_api::abi::host_table::TaskMaker;
use transom_plugin_api::abi::task::RawTask;

use super::{Seat, lock};

/// What an activation does when it is to be replaced.
#[derive(Default)]
pub(super) struct Parting {
    state: Option<TaskMaker>,
    work: Vec<TaskMaker>,
}

fn made(maker: &TaskMaker, limit: Duration) -> RawTask {
    let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    // SAFETY: the SDK's function, on the state that it was registered with. It only makes the task.
    unsafe { (maker.make)(maker.state, nanos) }
}

impl Seat {
    /// What the generation before handed over; empty when there is nothing.
    pub(crate) fn take_inheritance(&self) -> Encoded {
        lock(&self.inheritance).take().unwrap_or_default()
    }

    /// Registers what its successor is given; the last registered counts.
    pub(crate) fn on_hand_over(&self, maker: TaskMaker) {
        let mut parting = lock(&self.parting);
        // A `start` that outlives its activation must not leave behind what holds its seat.
        let gone = if self.is_closed() { Some(maker) } else { parting.state.replace(maker) };
        drop(parting);
        drop(gone);
    }

    /// Registers what it does before it is replaced.
    pub(crate) fn on_drain(&self, maker: TaskMaker) {
        let mut parting = lock(&self.parting);
        if !self.is_closed() {
            parting.work.push(maker);
        }
    }

    /// What its successor is to be given; `None` when it leaves nothing.
    pub(crate) fn legacy(&self, limit: Duration) -> Option<RawTask> {
        lock(&self.parting).state.as_ref().map(|maker| made(maker, limit))
    }

    /// What it does before it is replaced.
    pub(crate) fn last_work(&self, patience: Duration) -> Vec<RawTask> {
        lock(&self.parting).work.iter().map(|maker| made(maker, patience)).collect()
    }
}
