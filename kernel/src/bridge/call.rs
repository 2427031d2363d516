//! Calls over a lane: the request is carried to the provider, and its reply back.

use std::mem::MaybeUninit;
use std::sync::Arc;

use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::abi::task::{AbiWaker, RawTask};
use transom_plugin_api::abi::{PENDING, READY, Step};
use transom_plugin_api::{CallContext, CallError};

use super::lane::{Lane, Traffic, blame};
use super::place::{Place, decode};
use crate::bus::fail;
use crate::table::Contribution;

/// Starts a call of the provider.
///
/// # Safety
/// As `AsyncHandler::start`, with the types of the lane's outer side.
pub(super) unsafe extern "C" fn start(
    state: *const (),
    request: *mut (),
    context: *const CallContext,
    out: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    // SAFETY: the state is a lane's; the request is of its outer type and moves over.
    let (lane, request) = unsafe {
        let lane = &*state.cast::<Lane>();
        (lane, carried_request(lane, request))
    };
    let (mut request, handler) = match request.and_then(|request| Ok((request, provider(lane)?))) {
        Ok(ready) => ready,
        // SAFETY: a free place.
        Err(error) => return unsafe { fail(failure, lane.blame(error)) },
    };
    let mut called = Called {
        provider: Arc::clone(&lane.inner),
        reply: Place::free(lane.own.output),
        wanted: lane.outer.output,
        traffic: Arc::clone(&lane.traffic),
        task: None,
    };
    let mut task = MaybeUninit::uninit();
    request.empty();
    // SAFETY: request and reply are of the provider's types; it takes the request over, whatever it answers.
    let step = unsafe {
        (handler.start)(
            handler.state,
            request.address(),
            context,
            called.reply.address(),
            failure,
            waker,
            &raw mut task,
        )
    };
    match step {
        // SAFETY: the step says that a reply was written; `out` is a free place.
        READY => unsafe { called.deliver(out, failure) },
        PENDING => {
            // SAFETY: the step says that a task was written.
            called.task = Some(unsafe { task.assume_init() });
            let state = Box::into_raw(Box::new(called)).cast();
            // SAFETY: a free place.
            unsafe { (*pending).write(RawTask { state, poll, drop: drop_called }) };
            PENDING
        }
        failed => failed,
    }
}

fn provider(lane: &Lane) -> Result<&transom_plugin_api::abi::host_table::AsyncHandler, CallError> {
    lane.inner.asynchronous().ok_or_else(|| CallError::failed("the lane leads to no provider"))
}

/// The request as the provider knows it.
///
/// # Safety
/// `request` holds a value of the lane's outer type, which moves over.
pub(super) unsafe fn carried_request(lane: &Lane, request: *mut ()) -> Result<Place, CallError> {
    let began = lane.traffic.begin();
    // SAFETY: by this function's contract.
    let request = unsafe { Place::taken(lane.outer.input, request) };
    let carried = Place::decoded(lane.own.input, &request.encoded()?);
    lane.traffic.end(began);
    carried
}

/// A call whose reply is yet to be carried back.
struct Called {
    provider: Arc<Contribution>,
    reply: Place,
    wanted: PayloadType,
    traffic: Arc<Traffic>,
    task: Option<RawTask>,
}

impl Called {
    /// Carries the reply back.
    ///
    /// # Safety
    /// The provider has written its reply; `out` is a free place for what is wanted.
    unsafe fn deliver(&mut self, out: *mut (), failure: FailurePlace) -> Step {
        let began = self.traffic.begin();
        // SAFETY: by this function's contract.
        unsafe {
            self.reply.fill();
            let carried = self.reply.encoded().and_then(|document| decode(&self.wanted, &document, out));
            self.traffic.end(began);
            match carried {
                Ok(()) => READY,
                Err(error) => fail(failure, blame(&self.provider, error)),
            }
        }
    }
}

unsafe extern "C" fn poll(
    state: *mut (),
    out: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
) -> Step {
    // SAFETY: made by `start`; polls do not overlap.
    let called = unsafe { &mut *state.cast::<Called>() };
    let Some(task) = &called.task else {
        // SAFETY: a free place.
        return unsafe { fail(failure, CallError::failed("the call has ended")) };
    };
    // SAFETY: the places are free; the waker is valid for the call.
    let step = unsafe { (task.poll)(task.state, called.reply.address(), failure, waker) };
    if step == PENDING {
        return PENDING;
    }
    called.task = None;
    // SAFETY: the step says that a reply was written.
    if step == READY { unsafe { called.deliver(out, failure) } } else { step }
}

unsafe extern "C" fn drop_called(state: *mut ()) {
    // SAFETY: made by `start`, dropped once.
    let called = unsafe { Box::from_raw(state.cast::<Called>()) };
    swallow_panic(|| drop(called));
}
