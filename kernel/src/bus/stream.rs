//! Opening streams.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::task::Poll;

use transom_plugin_api::CallError;
use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::task::{AbiWaker, RawStream};
use transom_plugin_api::abi::{FAILED, PENDING, READY, Step};

use super::call::{blamed, drop_request, provider, too_deep};
use super::gate::{self, OpenAgain};
use super::{Vigil, cut_error, fail, written};
use crate::breadcrumb::{self, Inside};
use crate::bridge::place::Place;
use crate::seat::Seat;
use crate::table::{Contribution, Point};
use crate::trace;

/// Opens a stream of the provider under `name`.
///
/// # Safety
/// As `HostTable::open`: `request` holds a value of the point's type and is taken over; the other places are free.
pub(crate) unsafe fn open(
    seat: &Arc<Seat>,
    point: u32,
    name: &str,
    request: *mut (),
    opened: *mut MaybeUninit<RawStream>,
    failure: FailurePlace,
) -> Step {
    let own = breadcrumb::own();
    let Some(Inside { seen, level }) = own.enter(&seat.shared.table) else {
        // SAFETY: by this function's contract.
        return unsafe { too_deep(seat, point, request, failure) };
    };
    let Some(routes) = seen.points.get(point as usize) else {
        // SAFETY: a free place.
        return unsafe { fail(failure, CallError::failed("there is no such service")) };
    };
    let found = if seat.is_closed() { Err(seat.retired()) } else { provider(routes, name) };
    if let Ok(provider) = &found
        && let Some(gate) = provider.gate()
        && let Some(types) = routes.point.types.get()
    {
        // SAFETY: by this function's contract; the request moves over.
        let request = unsafe { Place::taken(types.input, request) };
        let held = HeldOpening { seat: Arc::clone(seat), point, name: name.into(), request };
        let stream = gate::wait_stream((&seat.shared, gate), routes.point.deadline(), held);
        // SAFETY: a free place.
        unsafe { (*opened).write(stream) };
        return READY;
    }
    let found = found.and_then(|provider| {
        let handler = provider.stream().ok_or_else(|| CallError::failed("this service does not stream"))?;
        Ok((provider, handler))
    });
    let (provider, handler) = match found {
        Ok(found) => found,
        // SAFETY: the request is ours to drop; the failure's place is free.
        Err(error) => unsafe {
            drop_request(routes, request);
            return fail(failure, error);
        },
    };
    let context = trace::stamped(seat.id, 0);
    let mut error = MaybeUninit::uninit();
    let mut inner = MaybeUninit::uninit();
    let timing = level.begins(routes.counter, &routes.point.times);
    own.runs(provider.crumb());
    // SAFETY: the handler was attached to this point, so the request is of its type.
    let step =
        unsafe { (handler.open)(handler.state, request, &raw const context, &raw mut inner, &raw mut error) };
    drop(timing);
    level.runs_no_more();
    if step != READY {
        // SAFETY: the step says that the failure was written; the place is free.
        return unsafe { fail(failure, blamed(provider, &routes.point.name, written(error))) };
    }
    let state = Open {
        // SAFETY: the step says that a stream was written.
        stream: Some(unsafe { inner.assume_init() }),
        provider: Arc::clone(provider),
        point: Arc::clone(&routes.point),
        crumb: provider.crumb(),
        vigil: Vigil::over(&provider.seat, None),
    };
    let state = Box::into_raw(Box::new(state)).cast();
    // SAFETY: a free place.
    unsafe { (*opened).write(RawStream { state, poll_next, drop: drop_open }) };
    READY
}

/// A stream that waits until its provider has been handed over.
struct HeldOpening {
    seat: Arc<Seat>,
    point: u32,
    name: Box<str>,
    request: Place,
}

impl OpenAgain for HeldOpening {
    unsafe fn open(self, opened: *mut MaybeUninit<RawStream>, failure: FailurePlace) -> Step {
        let Self { seat, point, name, mut request } = self;
        request.empty();
        // SAFETY: the request is there, and moves over; the places are free.
        unsafe { open(&seat, point, &name, request.address(), opened, failure) }
    }
}

/// A stream under way: the provider's, and what the kernel keeps beside it.
struct Open {
    stream: Option<RawStream>,
    provider: Arc<Contribution>,
    point: Arc<Point>,
    crumb: u64,
    vigil: Vigil,
}

unsafe extern "C" fn poll_next(
    state: *mut (),
    item: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
) -> Step {
    // SAFETY: made by `open`; polls do not overlap; the waker is valid for the call.
    let (open, waker) = unsafe { (&mut *state.cast::<Open>(), &*waker) };
    let Some(stream) = &open.stream else { return transom_plugin_api::abi::ENDED };
    let own = breadcrumb::own();
    let Some(level) = own.descend() else {
        // SAFETY: a free place.
        return unsafe { fail(failure, CallError::failed("calls are nested too deeply on this thread")) };
    };
    let timing = level.begins(open.point.counter, &open.point.times);
    own.runs(open.crumb);
    // SAFETY: the places are free; the waker is valid; polls do not overlap.
    let step = unsafe { (stream.poll_next)(stream.state, item, failure, waker) };
    drop(timing);
    drop(level);
    if step == READY {
        return READY;
    }
    // SAFETY: the step is the provider's, and says whether the failure was written.
    unsafe { no_item(open, step, failure, waker) }
}

/// What follows when the provider gave no item: its failure, the end, or a look at whether it may still go on.
///
/// # Safety
/// `step` is the provider's answer, with `failure` as the place for a failure.
#[inline(never)]
unsafe fn no_item(open: &mut Open, step: Step, failure: FailurePlace, waker: &AbiWaker) -> Step {
    match step {
        PENDING => match open.vigil.poll(waker) {
            Poll::Pending => PENDING,
            Poll::Ready(cut) => {
                let error = cut_error(cut, &open.provider.seat, None);
                end(open);
                // SAFETY: a free place.
                unsafe { fail(failure, error) }
            }
        },
        FAILED => {
            // SAFETY: the step says that the failure was written; read, its place is free again.
            let error = blamed(&open.provider, &open.point.name, unsafe { (*failure).assume_init_read() });
            end(open);
            // SAFETY: a free place.
            unsafe { fail(failure, error) }
        }
        ended => {
            end(open);
            ended
        }
    }
}

fn end(open: &mut Open) {
    if let Some(stream) = open.stream.take() {
        swallow_panic(|| drop(stream));
    }
}

unsafe extern "C" fn drop_open(state: *mut ()) {
    // SAFETY: made by `open`, dropped once.
    let mut open = unsafe { Box::from_raw(state.cast::<Open>()) };
    end(&mut open);
}
