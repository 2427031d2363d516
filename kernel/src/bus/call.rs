//! Calling services.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::task::{AbiWaker, RawTask};
use transom_plugin_api::abi::{FAILED, PENDING, READY, Step, limit};
use transom_plugin_api::{CallContext, CallError, CallErrorKind};

use super::gate::{self, Again};
use super::{Vigil, cancel, cut_error, fail, written};
use crate::breadcrumb::{self, Inside};
use crate::bridge::place::Place;
use crate::seat::Seat;
use crate::table::{Contribution, Routes};
use crate::trace;

/// Calls the provider under `name`.
///
/// # Safety
/// As `HostTable::call`: `request` holds a value of the point's type and is taken over; the other places are free.
#[allow(clippy::too_many_arguments, reason = "the arguments of the host table's function, as they come")]
#[inline(always)]
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
    let own = breadcrumb::own();
    let Some(Inside { seen, level }) = own.enter(&seat.shared.table) else {
        // SAFETY: by this function's contract.
        return unsafe { too_deep(seat, point, request, failure) };
    };
    let Some(routes) = seen.points.get(point as usize) else {
        // SAFETY: a free place.
        return unsafe { nowhere(failure) };
    };
    let budget_ns = if budget_ns > 0 { budget_ns } else { routes.point.budget_ns };
    // Made where it is needed only, so that nothing of it is written at each call.
    let asked = || Asked { seat, point, name, budget_ns, routes };
    let route = if seat.is_closed() { None } else { routes.callable(name) };
    let Some(route) = route else {
        // SAFETY: by this function's contract.
        return unsafe { asked().not_callable(request, reply, failure, waker, pending) };
    };
    let mut context = CallContext::stamped(seat.id, budget_ns);
    trace::note_trace(&mut context);
    let mut error = MaybeUninit::uninit();
    let mut task = MaybeUninit::uninit();
    let timing = level.begins(routes.counter, &routes.point.times);
    own.runs(route.crumb);
    // SAFETY: the handler was attached to this point, so request and reply are of its types.
    let step = unsafe {
        (route.start)(route.state, request, &raw const context, reply, &raw mut error, waker, &raw mut task)
    };
    drop(timing);
    if step == READY {
        return READY;
    }
    level.runs_no_more();
    match step {
        // SAFETY: the step says what was written; the places are free.
        FAILED => unsafe { asked().failed(&error, failure) },
        // SAFETY: as above; the waker is valid for the call.
        PENDING => unsafe { asked().waits(&task, failure, waker, pending) },
        other => other,
    }
}

/// # Safety
/// A free place.
#[cold]
unsafe fn nowhere(failure: FailurePlace) -> Step {
    // SAFETY: by this function's contract.
    unsafe { fail(failure, CallError::failed("there is no such service")) }
}

/// # Safety
/// As [`call`].
#[cold]
pub(super) unsafe fn too_deep(seat: &Seat, point: u32, request: *mut (), failure: FailurePlace) -> Step {
    let table = seat.shared.table.load();
    // SAFETY: the request is ours to drop; the failure's place is free.
    unsafe {
        if let Some(routes) = table.points.get(point as usize) {
            drop_request(routes, request);
        }
        fail(failure, CallError::failed("calls are nested too deeply on this thread"))
    }
}

/// A call, for what does not happen at each.
struct Asked<'a> {
    seat: &'a Arc<Seat>,
    point: u32,
    name: &'a str,
    budget_ns: u64,
    routes: &'a Routes,
}

impl Asked<'_> {
    /// Refuses the call, or has it wait at a gate.
    ///
    /// # Safety
    /// As [`call`].
    #[cold]
    unsafe fn not_callable(
        &self,
        request: *mut (),
        reply: *mut (),
        failure: FailurePlace,
        waker: *const AbiWaker,
        pending: *mut MaybeUninit<RawTask>,
    ) -> Step {
        let Self { seat, point, name, routes, .. } = *self;
        let found = if seat.is_closed() { Err(seat.retired()) } else { provider(routes, name) };
        // SAFETY: by this function's contract; the request moves over, or is dropped.
        unsafe {
            match found {
                Ok(provider) => {
                    let held = HeldCall::of(seat, point, name, routes, request);
                    match (held, provider.gate()) {
                        (Some(held), Some(gate)) => {
                            let gate = (&*seat.shared, gate);
                            gate::wait(gate, self.budget(), held, reply, failure, waker, pending)
                        }
                        _ => fail(failure, no_provider(routes, name)),
                    }
                }
                Err(error) => {
                    drop_request(routes, request);
                    fail(failure, error)
                }
            }
        }
    }

    /// # Safety
    /// The provider has written the error, which is not used again; the failure's place is free.
    #[cold]
    unsafe fn failed(&self, error: &MaybeUninit<CallError>, failure: FailurePlace) -> Step {
        // SAFETY: by this function's contract.
        let error = unsafe { error.assume_init_read() };
        let error = match self.routes.provider(self.name) {
            Some(provider) => blamed(provider, &self.routes.point.name, error),
            None => error,
        };
        // SAFETY: by this function's contract.
        unsafe { fail(failure, error) }
    }

    /// # Safety
    /// The provider has written the task, which is not used again; the other places are free; the waker is valid for
    /// the call.
    #[inline(never)]
    unsafe fn waits(
        &self,
        task: &MaybeUninit<RawTask>,
        failure: FailurePlace,
        waker: *const AbiWaker,
        pending: *mut MaybeUninit<RawTask>,
    ) -> Step {
        // SAFETY: by this function's contract.
        let task = unsafe { task.assume_init_read() };
        let Some(provider) = self.routes.provider(self.name) else {
            // SAFETY: by this function's contract.
            return unsafe { fail(failure, no_provider(self.routes, self.name)) };
        };
        let mut waiting = Waiting {
            provider: Arc::clone(provider),
            task: Some(task),
            budget: self.budget(),
            vigil: Vigil::over(&provider.seat, self.budget()),
        };
        // SAFETY: the waker is valid for the call; the failure's place is free.
        let step = unsafe { waiting.watch(&*waker, failure) };
        if step == PENDING {
            let state = Box::into_raw(Box::new(waiting)).cast();
            // SAFETY: a free place.
            unsafe { (*pending).write(RawTask { state, poll: poll_call, drop: drop_call }) };
        }
        step
    }

    fn budget(&self) -> Option<Duration> {
        limit(self.budget_ns)
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
        let Some(level) = breadcrumb::resume(self.provider.crumb()) else {
            // SAFETY: a free place.
            return unsafe { fail(failure, CallError::failed("calls are nested too deeply on this thread")) };
        };
        // SAFETY: the places are free; the waker is valid; polls do not overlap.
        let step = unsafe { (task.poll)(task.state, reply, &raw mut error, waker) };
        drop(level);
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
