//! Streams over a lane: the request is carried to the provider, and each item back.

use std::mem::MaybeUninit;
use std::sync::Arc;

use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::abi::task::{AbiWaker, RawStream};
use transom_plugin_api::abi::{READY, Step};
use transom_plugin_api::{CallContext, CallError};

use super::call::carried_request;
use super::lane::{Lane, Traffic, blame};
use super::place::{Place, decode};
use crate::bus::fail;
use crate::table::Contribution;

/// Opens a stream of the provider.
///
/// # Safety
/// As `StreamHandler::open`, with the types of the lane's outer side.
pub(super) unsafe extern "C" fn open(
    state: *const (),
    request: *mut (),
    context: *const CallContext,
    out: *mut MaybeUninit<RawStream>,
    failure: FailurePlace,
) -> Step {
    // SAFETY: the state is a lane's; the request is of its outer type and moves over.
    let (lane, request) = unsafe {
        let lane = &*state.cast::<Lane>();
        (lane, carried_request(lane, request))
    };
    let handler = lane.inner.stream().ok_or_else(|| CallError::failed("the lane leads to no stream"));
    let (mut request, handler) = match request.and_then(|request| Ok((request, handler?))) {
        Ok(ready) => ready,
        // SAFETY: a free place.
        Err(error) => return unsafe { fail(failure, lane.blame(error)) },
    };
    let mut opened = MaybeUninit::uninit();
    request.empty();
    // SAFETY: the request is of the provider's type; it takes it over, whatever it answers.
    let step = unsafe { (handler.open)(handler.state, request.address(), context, &raw mut opened, failure) };
    if step == READY {
        let state = Opened {
            // SAFETY: the step says that a stream was written.
            stream: unsafe { opened.assume_init() },
            provider: Arc::clone(&lane.inner),
            item: lane.own.output,
            wanted: lane.outer.output,
            traffic: Arc::clone(&lane.traffic),
        };
        let state = Box::into_raw(Box::new(state)).cast();
        // SAFETY: a free place.
        unsafe { (*out).write(RawStream { state, poll_next, drop: drop_opened }) };
    }
    step
}

/// A stream whose items are carried back.
struct Opened {
    stream: RawStream,
    provider: Arc<Contribution>,
    item: PayloadType,
    wanted: PayloadType,
    traffic: Arc<Traffic>,
}

unsafe extern "C" fn poll_next(
    state: *mut (),
    out: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
) -> Step {
    // SAFETY: made by `open`; polls do not overlap.
    let opened = unsafe { &mut *state.cast::<Opened>() };
    let mut item = Place::free(opened.item);
    // SAFETY: the places are free; the waker is valid for the call.
    let step = unsafe { (opened.stream.poll_next)(opened.stream.state, item.address(), failure, waker) };
    if step != READY {
        return step;
    }
    let began = opened.traffic.begin();
    // SAFETY: the step says that an item was written; `out` is a free place for what is wanted.
    let (bytes, carried) = unsafe {
        item.fill();
        let document = item.encoded();
        let bytes = document.as_ref().map_or(0, |document| document.len());
        (bytes, document.and_then(|document| decode(&opened.wanted, &document, out)))
    };
    opened.traffic.end(began, bytes);
    match carried {
        Ok(()) => READY,
        // SAFETY: a free place.
        Err(error) => unsafe { fail(failure, blame(&opened.provider, error)) },
    }
}

unsafe extern "C" fn drop_opened(state: *mut ()) {
    // SAFETY: made by `open`, dropped once.
    let opened = unsafe { Box::from_raw(state.cast::<Opened>()) };
    swallow_panic(|| drop(opened));
}
