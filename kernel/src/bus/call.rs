//! Calling services.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::task::{AbiWaker, RawTask};
use transom_plugin_api::abi::{FAILED, PENDING, Step};
use transom_plugin_api::{CallError, CallErrorKind};

use super::gate::{self, Again};
use super::{Vigil, cancel, cut_error, fail, written};
use crate::breadcrumb::Dispatch;
use crate::bridge::place::Place;
use crate::seat::Seat;
use crate::table::{Contribution, Routes};
use crate::trace;

/// Calls the provider under `name`.
///
/// # Safety
/// As `HostTable::call`: `request` holds a value of the point's type and is taken over; the other places are free.
#[allow(clippy::too_many_arguments, reason = "the arguments of the host table's function, as they come")]
pub(crate) unsafe fn call(
    seat: &Arc<Seat>,
    point: u32,
    name: &str,
    budget_ns: u64,
    request: *mut (),
    reply: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    let table = seat.shared.table.load();
    let Some(routes) = table.points.get(point as usize) else {
        // SAFETY: a free place.
        return unsafe { fail(failure, CallError::failed("there is no such service")) };
    };
    let found = if seat.is_closed() { Err(seat.retired()) } else { provider(routes, name) };
    let budget_ns = if budget_ns > 0 { budget_ns } else { routes.point.budget_ns };
    let (provider, handler) = match found.map(|provider| (provider, provider.asynchronous())) {
        Ok((provider, Some(handler))) => (provider, handler),
        // SAFETY: by this function's contract.
        Ok((provider, None)) => unsafe {
            let held = HeldCall::of(seat, point, name, routes, request);
            let limit = (budget_ns > 0).then(|| Duration::from_nanos(budget_ns));
            return match (held, provider.gate()) {
                (Some(held), Some(gate)) => {
                    gate::wait((&seat.shared, gate), limit, held, reply, failure, waker, pending)
                }
                _ => fail(failure, no_provider(routes, name)),
            };
        },
        // SAFETY: the request is ours to drop; the failure's place is free.
        Err(error) => unsafe {
            drop_request(routes, request);
            return fail(failure, error);
        },
    };
    let budget_ns = if budget_ns > 0 { budget_ns } else { routes.point.budget_ns };
    let context = trace::stamped(seat.id, budget_ns);
    let Some(dispatch) = Dispatch::begin(routes.point.counter, &routes.point.times) else {
        // SAFETY: as above.
        unsafe {
            drop_request(routes, request);
            return fail(failure, CallError::failed("calls are nested too deeply on this thread"));
        }
    };
    dispatch.runs(provider.seat.number, point);
    let mut error = MaybeUninit::uninit();
    let mut task = MaybeUninit::uninit();
    // SAFETY: the handler was attached to this point, so request and reply are of its types.
    let step = unsafe {
        (handler.start)(
            handler.state,
            request,
            &raw const context,
            reply,
            &raw mut error,
            waker,
            &raw mut task,
        )
    };
    drop(dispatch);
    match step {
        // SAFETY: the step says that the failure was written; the place is free.
        FAILED => unsafe { fail(failure, blamed(provider, &routes.point.name, written(error))) },
        PENDING => {
            let budget = (budget_ns > 0).then(|| Duration::from_nanos(budget_ns));
            let mut waiting = Waiting {
                provider: Arc::clone(provider),
                // SAFETY: the step says that a task was written.
                task: Some(unsafe { task.assume_init() }),
                budget,
                vigil: Vigil::over(&provider.seat, budget),
            };
            drop(table);
            // SAFETY: the waker is valid for the call; the failure's place is free.
            let step = unsafe { waiting.watch(&*waker, failure) };
            if step == PENDING {
                let state = Box::into_raw(Box::new(waiting)).cast();
                // SAFETY: a free place.
                unsafe { (*pending).write(RawTask { state, poll: poll_call, drop: drop_call }) };
            }
            step
        }
        ready => ready,
    }
}

/// A call that waits until its provider has been handed over.
struct HeldCall {
    seat: Arc<Seat>,
    point: u32,
    name: Box<str>,
    request: Place,
}

impl HeldCall {
    /// Takes the request over. `None`, and the request dropped, where nobody knows its type.
    ///
    /// # Safety
    /// `request` holds a value of the point's type, and is not used again.
    #[cold]
    unsafe fn of(
        seat: &Arc<Seat>,
        point: u32,
        name: &str,
        routes: &Routes,
        request: *mut (),
    ) -> Option<Self> {
        let types = routes.point.types.get()?;
        // SAFETY: by this function's contract.
        let request = unsafe { Place::taken(types.input, request) };
        Some(Self { seat: Arc::clone(seat), point, name: name.into(), request })
    }
}

impl Again for HeldCall {
    unsafe fn again(
        self,
        left: Option<Duration>,
        reply: *mut (),
        failure: FailurePlace,
        waker: *const AbiWaker,
        pending: *mut MaybeUninit<RawTask>,
    ) -> Step {
        let Self { seat, point, name, mut request } = self;
        let budget_ns = left.map_or(0, |left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
        request.empty();
        // SAFETY: the request is there, and moves into the call; the rest is passed on as it came.
        unsafe { call(&seat, point, &name, budget_ns, request.address(), reply, failure, waker, pending) }
    }
}

/// The provider under `name`, or an error that says what to do.
pub(crate) fn provider<'a>(routes: &'a Routes, name: &str) -> Result<&'a Arc<Contribution>, CallError> {
    routes.provider(name).ok_or_else(|| no_provider(routes, name))
}

#[cold]
fn no_provider(routes: &Routes, name: &str) -> CallError {
    let point = &routes.point.name;
    if routes.point.is_void {
        return CallError::denied(format!(
            "the plugin that calls `{point}` is not granted it: add it to its `points` in the manifest"
        ));
    }
    let message = if name.is_empty() {
        format!("no plugin provides the service `{point}`")
    } else {
        format!("no plugin provides `{name}` at `{point}`")
    };
    CallError::new(CallErrorKind::NoProvider, message)
}

/// # Safety
/// `request` holds a value of the point's input type, and is not used again.
pub(crate) unsafe fn drop_request(routes: &Routes, request: *mut ()) {
    if let Some(types) = routes.point.types.get() {
        // SAFETY: by this function's contract.
        swallow_panic(|| unsafe { (types.input.drop_in_place)(request) });
    }
}

/// Names the plugin at fault; a panic and a deadline count against it.
pub(crate) fn blamed(provider: &Contribution, point: &str, error: CallError) -> CallError {
    let error = error.at(provider.seat.id);
    if matches!(error.kind, CallErrorKind::Panicked | CallErrorKind::Deadline)
        && error.plugin == provider.seat.id
    {
        provider.seat.fault(point, &error);
    }
    error
}

/// A call whose provider waits.
struct Waiting {
    provider: Arc<Contribution>,
    task: Option<RawTask>,
    budget: Option<Duration>,
    vigil: Vigil,
}

impl Waiting {
    /// # Safety
    /// `reply` and `failure` are free places.
    unsafe fn poll(&mut self, reply: *mut (), failure: FailurePlace, waker: &AbiWaker) -> Step {
        let Some(task) = &self.task else {
            // SAFETY: a free place.
            return unsafe { fail(failure, CallError::failed("the call has ended")) };
        };
        let mut error = MaybeUninit::uninit();
        let Some(dispatch) = Dispatch::resume() else {
            // SAFETY: a free place.
            return unsafe { fail(failure, CallError::failed("calls are nested too deeply on this thread")) };
        };
        dispatch.runs(self.provider.seat.number, self.provider.point);
        // SAFETY: the places are free; the waker is valid; polls do not overlap.
        let step = unsafe { (task.poll)(task.state, reply, &raw mut error, waker) };
        drop(dispatch);
        match step {
            // SAFETY: a free place.
            PENDING => unsafe { self.watch(waker, failure) },
            FAILED => {
                self.end();
                // SAFETY: the step says that the failure was written; the place is free.
                unsafe { fail(failure, self.blamed(written(error))) }
            }
            ready => {
                self.end();
                ready
            }
        }
    }

    /// # Safety
    /// `failure` is a free place.
    unsafe fn watch(&mut self, waker: &AbiWaker, failure: FailurePlace) -> Step {
        match self.vigil.poll(waker) {
            Poll::Pending => PENDING,
            Poll::Ready(cut) => {
                self.end();
                let error = cut_error(cut, &self.provider.seat, self.budget);
                // SAFETY: by this function's contract.
                unsafe { fail(failure, self.blamed(error)) }
            }
        }
    }

    fn blamed(&self, error: CallError) -> CallError {
        blamed(&self.provider, &self.provider.info.name, error)
    }

    fn end(&mut self) {
        if let Some(task) = self.task.take() {
            cancel(task);
        }
    }
}

unsafe extern "C" fn poll_call(
    state: *mut (),
    reply: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
) -> Step {
    // SAFETY: made by `call`; polls do not overlap; the waker is valid for the call.
    unsafe { (*state.cast::<Waiting>()).poll(reply, failure, &*waker) }
}

unsafe extern "C" fn drop_call(state: *mut ()) {
    // SAFETY: made by `call`, dropped once.
    let mut waiting = unsafe { Box::from_raw(state.cast::<Waiting>()) };
    waiting.end();
}
