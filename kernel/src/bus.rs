//! Emitting, filtering, calling and streaming on one snapshot of the routes.
//!
//! No lock is held while a plugin's code runs. A call that is ready at once leaves nothing behind; one that waits holds
//! the handler it called, and not the snapshot.

pub(crate) mod call;
pub(crate) mod emit;
pub(crate) mod filter;
pub(crate) mod gate;
pub(crate) mod mailbox;
pub(crate) mod queue;
pub(crate) mod shared;
pub(crate) mod stream;

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Sleep;
use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::task::{AbiWaker, RawTask, WakerCache};
use transom_plugin_api::abi::{FAILED, Step};
use transom_plugin_api::{CallError, CallErrorKind};

use crate::seat::Seat;

/// Takes the failure that a step says was written.
///
/// # Safety
/// The callee answered [`FAILED`].
unsafe fn written(failure: MaybeUninit<CallError>) -> CallError {
    // SAFETY: by this function's contract.
    unsafe { failure.assume_init() }
}

/// Writes `error` and answers [`FAILED`].
///
/// # Safety
/// `place` is a free place.
pub(crate) unsafe fn fail(place: FailurePlace, error: CallError) -> Step {
    // SAFETY: by this function's contract.
    unsafe { (*place).write(error) };
    FAILED
}

/// Drops a plugin's task; a panic in it goes nowhere.
fn cancel(task: RawTask) {
    swallow_panic(|| drop(task));
}

/// What a waiting call watches besides the callee: its deadline, and the stop of the plugin it called.
struct Vigil {
    sleep: Option<Pin<Box<Sleep>>>,
    closing: Pin<Box<dyn Future<Output = ()> + Send>>,
    waker: WakerCache,
}

/// Why a call must end now.
#[derive(Clone, Copy)]
enum Cut {
    Deadline,
    Retired,
}

impl Vigil {
    /// Begins to watch. Timers belong to the host's runtime, whoever polls.
    fn over(seat: &Arc<Seat>, budget: Option<Duration>) -> Self {
        let _entered = seat.shared.runtime.enter();
        let watched = Arc::clone(seat);
        Self {
            sleep: budget.map(|budget| Box::pin(tokio::time::sleep(budget))),
            closing: Box::pin(async move {
                let closing = watched.closing.notified();
                if !watched.is_closed() {
                    closing.await;
                }
            }),
            waker: WakerCache::default(),
        }
    }

    /// Whether it is time to end, else the waker will be woken when it is.
    fn poll(&mut self, waker: &AbiWaker) -> Poll<Cut> {
        let Self { sleep, closing, waker: cache } = self;
        cache.with(waker, |context| {
            if sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready()) {
                return Poll::Ready(Cut::Deadline);
            }
            closing.as_mut().poll(context).map(|()| Cut::Retired)
        })
    }
}

fn cut_error(cut: Cut, seat: &Seat, budget: Option<Duration>) -> CallError {
    match cut {
        Cut::Retired => seat.retired(),
        Cut::Deadline => {
            let limit = budget.unwrap_or_default().as_millis();
            CallError::new(CallErrorKind::Deadline, format!("did not finish within {limit} ms")).at(seat.id)
        }
    }
}
