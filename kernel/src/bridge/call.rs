//! Calls over a lane: the request is carried to the provider, and its reply back.

use std::mem::MaybeUninit;
use std::sync::Arc;

use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::abi::task::{AbiWaker, RawTask};
use transom_plugin_api::abi::{READY, Step};
use transom_plugin_api::{CallContext, CallError};

use super::delivery::{Delivery, after};
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
    let called = Called {
        provider: Arc::clone(&lane.inner),
        reply: Place::free(lane.own.output),
        wanted: lane.outer.output,
        traffic: Arc::clone(&lane.traffic),
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
    // SAFETY: the step is the handler's; the places are the caller's.
    unsafe { after(called, step, task, out, failure, pending) }
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
    let document = request.encoded()?;
    let carried = Place::decoded(lane.own.input, &document);
    lane.traffic.end(began, document.len());
    carried
}

/// A call whose reply is yet to be carried back.
struct Called {
    provider: Arc<Contribution>,
    reply: Place,
    wanted: PayloadType,
    traffic: Arc<Traffic>,
}

impl Delivery for Called {
    fn place(&self) -> *mut () {
        self.reply.address()
    }

    unsafe fn deliver(&mut self, out: *mut (), failure: FailurePlace) -> Step {
        let began = self.traffic.begin();
        // SAFETY: by this function's contract.
        unsafe {
            self.reply.fill();
            let document = self.reply.encoded();
            let bytes = document.as_ref().map_or(0, |document| document.len());
            let carried = document.and_then(|document| decode(&self.wanted, &document, out));
            self.traffic.end(began, bytes);
            match carried {
                Ok(()) => READY,
                Err(error) => fail(failure, blame(&self.provider, error)),
            }
        }
    }
}
