//! What a handler at the end of a lane answers, carried back: at once, or when it is ready.

use std::mem::MaybeUninit;

use transom_plugin_api::CallError;
use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::task::{AbiWaker, RawTask};
use transom_plugin_api::abi::{PENDING, READY, Step};

use crate::bus::fail;

/// The way back of one value.
pub(super) trait Delivery: Send {
    /// Where the handler writes it.
    fn place(&self) -> *mut ();

    /// Carries it over.
    ///
    /// # Safety
    /// The handler has written it; `out` is a free place for a value of the lane's outer type.
    unsafe fn deliver(&mut self, out: *mut (), failure: FailurePlace) -> Step;
}

/// Goes on after the handler's first poll: delivers, leaves a task that will, or passes the failure on.
///
/// # Safety
/// `step` is what the handler answered, so it has written its value, `task` or the failure; the other places are free.
pub(super) unsafe fn after<D: Delivery>(
    mut delivery: D,
    step: Step,
    task: MaybeUninit<RawTask>,
    out: *mut (),
    failure: FailurePlace,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    match step {
        // SAFETY: by this function's contract.
        READY => unsafe { delivery.deliver(out, failure) },
        PENDING => {
            // SAFETY: the step says that a task was written.
            let task = Some(unsafe { task.assume_init() });
            let state = Box::into_raw(Box::new(Waiting { task, delivery })).cast();
            // SAFETY: a free place.
            unsafe { (*pending).write(RawTask { state, poll: poll::<D>, drop: drop_waiting::<D> }) };
            PENDING
        }
        failed => failed,
    }
}

/// A handler that is not ready yet.
struct Waiting<D> {
    task: Option<RawTask>,
    delivery: D,
}

unsafe extern "C" fn poll<D: Delivery>(
    state: *mut (),
    out: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
) -> Step {
    // SAFETY: made by `after`; polls do not overlap.
    let Waiting { task, delivery } = unsafe { &mut *state.cast::<Waiting<D>>() };
    let Some(running) = &*task else {
        // SAFETY: a free place.
        return unsafe { fail(failure, CallError::failed("the handler has answered already")) };
    };
    // SAFETY: the places are free; the waker is valid for the call.
    let step = unsafe { (running.poll)(running.state, delivery.place(), failure, waker) };
    if step == PENDING {
        return PENDING;
    }
    *task = None;
    // SAFETY: the step says that a value was written.
    if step == READY { unsafe { delivery.deliver(out, failure) } } else { step }
}

unsafe extern "C" fn drop_waiting<D: Delivery>(state: *mut ()) {
    // SAFETY: made by `after`, dropped once.
    let waiting = unsafe { Box::from_raw(state.cast::<Waiting<D>>()) };
    swallow_panic(|| drop(waiting));
}
