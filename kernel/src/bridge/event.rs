//! Events over a lane.

use std::mem::MaybeUninit;

use transom_plugin_api::abi::Step;
use transom_plugin_api::abi::host_table::{FailurePlace, Handler};
use transom_plugin_api::abi::task::{AbiWaker, RawTask};
use transom_plugin_api::{CallContext, CallError};

use super::emission::current_as;
use super::lane::Lane;
use crate::bus::fail;

/// Calls an inline listener with the event as its plugin knows it.
///
/// # Safety
/// As `InlineHandler::call`, within [`during`](super::emission::during).
pub(super) unsafe extern "C" fn hear(
    state: *const (),
    _: *const (),
    context: *const CallContext,
    failure: FailurePlace,
) -> Step {
    // SAFETY: the state is a lane's.
    let lane = unsafe { &*state.cast::<Lane>() };
    let Handler::Inline(handler) = &lane.inner.handler else {
        // SAFETY: a free place.
        return unsafe { fail(failure, CallError::failed("the lane leads to no inline listener")) };
    };
    let began = lane.traffic.begin();
    let event = current_as(&lane.own.input);
    lane.traffic.end(began, event.as_ref().map_or(0, |read| read.bytes));
    match event {
        // SAFETY: the value is of the handler's type, and lives for the call, which the emission outlasts.
        Ok(read) => unsafe { (handler.call)(handler.state, read.event, context, failure) },
        // SAFETY: a free place.
        Err(error) => unsafe { fail(failure, lane.blame(error)) },
    }
}

/// Stands where a queued listener's handler would be: its own task calls it, never a lane.
pub(super) unsafe extern "C" fn never_called(
    _: *const (),
    _: *mut (),
    _: *const CallContext,
    _: *mut (),
    failure: FailurePlace,
    _: *const AbiWaker,
    _: *mut MaybeUninit<RawTask>,
) -> Step {
    // SAFETY: a free place.
    unsafe { fail(failure, CallError::failed("a queued listener is called by its own task only")) }
}
