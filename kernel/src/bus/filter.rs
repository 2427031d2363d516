//! Running a value through the links of a filter.
//!
//! The value stays in the applier's place while links are ready at once. At a fail-open point a clone from before each
//! link is kept, and put back when the link fails. At a fail-closed point nothing is copied.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::FailurePlace;
#[cfg(doc)]
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::abi::task::{AbiWaker, RawTask};
use transom_plugin_api::abi::{PENDING, READY, Step};
use transom_plugin_api::point::PointKind;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallContext, CallError, CallErrorKind};

use super::gate::{self, Again};
use super::{Vigil, cancel, cut_error, fail, written};
use crate::breadcrumb::{self, Dispatch, Own};
use crate::bridge::lane::unreachable;
use crate::bridge::place::Place;
use crate::seat::Seat;
use crate::table::{Contribution, LinkRoute, Point, Routes};
use crate::trace;

/// The value from before a link, for a fail-open point.
struct Backup {
    value: *mut (),
    /// [`PayloadType::unbox`] and [`PayloadType::drop_boxed`] of it.
    unbox: unsafe extern "C" fn(*mut (), *mut ()),
    drop_boxed: unsafe extern "C" fn(*mut ()),
}

// SAFETY: the value is a `Contract`, so `Send`.
unsafe impl Send for Backup {}

impl Backup {
    /// # Safety
    /// `value` is a value of the point's type.
    unsafe fn of(point: &Point, value: *const ()) -> Option<Self> {
        let keeps = point.kind == PointKind::OpenFilter && !sabotaged("fail-open-without-backup");
        if !keeps {
            return None;
        }
        let of = &point.types.get()?.input;
        // SAFETY: by this function's contract.
        let value = unsafe { (of.clone_boxed)(value) };
        Some(Self { value, unbox: of.unbox, drop_boxed: of.drop_boxed })
    }

    /// Moves the value to `place`.
    ///
    /// # Safety
    /// `place` is a free place for a value of the point's type.
    unsafe fn restore(self, place: *mut ()) {
        let backup = std::mem::ManuallyDrop::new(self);
        // SAFETY: by this function's contract; the value is not used again.
        unsafe { (backup.unbox)(backup.value, place) }
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        // No guard: an `extern "C"` function does not unwind.
        // SAFETY: made by `clone_boxed` of the same type.
        unsafe { (self.drop_boxed)(self.value) };
    }
}

/// How far a chain came.
enum Progress {
    Done,
    Failed(CallError),
    Waiting { link: usize, task: RawTask, backup: Option<Backup> },
}

/// Runs the links from `first` on, while they are ready at once. On `Done` the value stands in `value`; otherwise the
/// place is free.
///
/// # Safety
/// `value` holds a value of the point's type; `waker` is valid for the call.
#[inline(always)]
unsafe fn run(
    own: Own,
    point: &Point,
    links: &[LinkRoute],
    first: usize,
    value: *mut (),
    context: &CallContext,
    waker: *const AbiWaker,
) -> Progress {
    let Some(_dispatch) = own.begin(point.counter, &point.times) else {
        // SAFETY: the value is nobody's any more.
        return unsafe { too_deep(point, value) };
    };
    for (link, LinkRoute { call, contribution }) in links.iter().enumerate().skip(first) {
        // SAFETY: by this function's contract, and because every link leaves a value in place or the loop.
        let backup = unsafe { Backup::of(point, value) };
        own.runs(call.crumb);
        let mut failure = MaybeUninit::uninit();
        let mut pending = MaybeUninit::uninit();
        // SAFETY: the handler was attached to this point, so the value is of its type; it moves in and out in place.
        let step = unsafe {
            (call.start)(
                call.state,
                value,
                std::ptr::from_ref(context),
                value,
                &raw mut failure,
                waker,
                &raw mut pending,
            )
        };
        match step {
            READY => {}
            PENDING => {
                // SAFETY: the step says that a task was written.
                return Progress::Waiting { link, task: unsafe { pending.assume_init() }, backup };
            }
            _ => {
                // SAFETY: the step says that the failure was written, and so the place is free.
                let outcome =
                    unsafe { failed(point, contribution, failure.assume_init_read(), backup, value) };
                if let Err(error) = outcome {
                    return Progress::Failed(error);
                }
            }
        }
    }
    Progress::Done
}

/// # Safety
/// `value` holds a value of the point's type, and is not used again.
#[cold]
unsafe fn too_deep(point: &Point, value: *mut ()) -> Progress {
    // SAFETY: by this function's contract.
    unsafe { drop_value(point, value) };
    Progress::Failed(CallError::failed("filters are nested too deeply on this thread"))
}

/// A link failed: puts the value from before it back, or ends the chain.
///
/// # Safety
/// `place` is a free place for a value of the point's type.
#[inline(never)]
unsafe fn failed(
    point: &Point,
    link: &Contribution,
    error: CallError,
    backup: Option<Backup>,
    place: *mut (),
) -> Result<(), CallError> {
    let error = error.at(link.seat.id);
    // A link may refuse, and what happened further on, at a plugin that it called, is not its fault.
    if error.kind == CallErrorKind::Refused || error.plugin != link.seat.id {
        tracing::debug!(plugin = link.seat.id, point = point.name, "{}", error.message);
    } else {
        link.seat.fault(&point.name, &error);
    }
    match backup {
        Some(backup) => {
            // SAFETY: by this function's contract.
            unsafe { backup.restore(place) };
            Ok(())
        }
        None => Err(error),
    }
}

unsafe fn drop_value(point: &Point, value: *mut ()) {
    if let Some(types) = point.types.get() {
        // SAFETY: the caller owns the value and does not use it again.
        swallow_panic(|| unsafe { (types.input.drop_in_place)(value) });
    }
}

/// Applies the filter at `point`.
///
/// # Safety
/// As `HostTable::apply`: `value` holds a value of the point's type, the other places are free.
#[inline(always)]
pub(crate) unsafe fn apply(
    seat: &Arc<Seat>,
    point: u32,
    value: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    let own = breadcrumb::own();
    let table = own.look(&seat.shared.table);
    let Some(routes) = table.points.get(point as usize) else {
        // SAFETY: a free place.
        return unsafe { nowhere(failure) };
    };
    if seat.is_closed() || !routes.is_passable {
        // SAFETY: by this function's contract.
        return unsafe { not_applicable(seat, point, routes, value, failure, waker, pending) };
    }
    let mut context = CallContext::stamped(seat.id, routes.point.budget_ns);
    trace::note_trace(&mut context);
    // SAFETY: by this function's contract.
    match unsafe { run(own, &routes.point, &routes.links, 0, value, &context, waker) } {
        Progress::Done => READY,
        // SAFETY: by this function's contract.
        other => unsafe { unfinished(other, routes, context, value, failure, waker, pending) },
    }
}

/// # Safety
/// A free place.
#[cold]
unsafe fn nowhere(failure: FailurePlace) -> Step {
    // SAFETY: by this function's contract.
    unsafe { fail(failure, CallError::failed("there is no such filter")) }
}

/// Refuses, or waits at the gate.
///
/// # Safety
/// As [`apply`].
#[cold]
unsafe fn not_applicable(
    seat: &Arc<Seat>,
    point: u32,
    routes: &Routes,
    value: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    let error = if seat.is_closed() {
        seat.retired()
    } else if let Some(gate) = &routes.gate
        && let Some(types) = routes.point.types.get()
    {
        // SAFETY: by this function's contract; the value moves over.
        return unsafe {
            let held = HeldChain { seat: Arc::clone(seat), point, value: Place::taken(types.input, value) };
            let limit = routes.point.deadline();
            gate::wait((&seat.shared, gate), limit, held, value, failure, waker, pending)
        };
    } else {
        unreachable(routes.unreached.unwrap_or_default(), &routes.point.name)
    };
    // SAFETY: the value is ours to drop; the failure's place is free.
    unsafe {
        drop_value(&routes.point, value);
        fail(failure, error)
    }
}

/// Goes on with a chain that did not come to its end at once.
///
/// # Safety
/// As [`apply`], but that the value's place is free.
#[inline(never)]
unsafe fn unfinished(
    progress: Progress,
    routes: &Routes,
    context: CallContext,
    value: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    match progress {
        Progress::Done => READY,
        // SAFETY: a free place.
        Progress::Failed(error) => unsafe { fail(failure, error) },
        Progress::Waiting { link, task, backup } => {
            let mut chain = Chain {
                point: Arc::clone(&routes.point),
                links: Arc::clone(&routes.links),
                context,
                link,
                task: Some(task),
                backup,
                vigil: Vigil::over(&routes.links[link].contribution.seat, routes.point.deadline()),
            };
            // The first look arms the timer.
            // SAFETY: the waker is valid for the call; the places are free.
            let step = unsafe { chain.watch(&*waker, value, failure) };
            if step == PENDING {
                let state = Box::into_raw(Box::new(chain)).cast();
                // SAFETY: a free place.
                unsafe { (*pending).write(RawTask { state, poll: poll_chain, drop: drop_chain }) };
            }
            step
        }
    }
}

/// A value that waits until the plugin of a link has been handed over.
struct HeldChain {
    seat: Arc<Seat>,
    point: u32,
    value: Place,
}

impl Again for HeldChain {
    unsafe fn again(
        self,
        _: Option<Duration>,
        value: *mut (),
        failure: FailurePlace,
        waker: *const AbiWaker,
        pending: *mut MaybeUninit<RawTask>,
    ) -> Step {
        // SAFETY: `value` is the place that the value came from, free since; the rest is passed on as it came.
        unsafe {
            self.value.give(value);
            apply(&self.seat, self.point, value, failure, waker, pending)
        }
    }
}

/// A chain in the middle of which a link waits.
struct Chain {
    point: Arc<Point>,
    links: Arc<[LinkRoute]>,
    context: CallContext,
    /// Which link waits.
    link: usize,
    task: Option<RawTask>,
    backup: Option<Backup>,
    vigil: Vigil,
}

impl Chain {
    /// # Safety
    /// `value` is a free place for a value of the point's type, `failure` one for a failure.
    unsafe fn poll(&mut self, value: *mut (), failure: FailurePlace, waker: &AbiWaker) -> Step {
        let Some(task) = &self.task else {
            // SAFETY: a free place.
            return unsafe { fail(failure, CallError::failed("the chain has ended")) };
        };
        let mut error = MaybeUninit::uninit();
        let step = match Dispatch::resume() {
            Some(dispatch) => {
                let link = &self.links[self.link].contribution;
                dispatch.runs(link.seat.number, link.point);
                // SAFETY: the places are free; the waker is valid; polls do not overlap.
                unsafe { (task.poll)(task.state, value, &raw mut error, waker) }
            }
            None => PENDING,
        };
        match step {
            // SAFETY: as this function's contract.
            PENDING => unsafe { self.watch(waker, value, failure) },
            // SAFETY: the link has put the value in place.
            READY => unsafe { self.go_on(value, failure, waker) },
            // SAFETY: the step says that the failure was written, and so the place is free.
            _ => unsafe { self.link_failed(written(error), value, failure, waker) },
        }
    }

    /// Looks at the deadline of the link that waits.
    ///
    /// # Safety
    /// As [`poll`](Self::poll).
    unsafe fn watch(&mut self, waker: &AbiWaker, value: *mut (), failure: FailurePlace) -> Step {
        match self.vigil.poll(waker) {
            Poll::Pending => PENDING,
            Poll::Ready(cut) => {
                let error = cut_error(cut, &self.links[self.link].contribution.seat, self.point.deadline());
                // SAFETY: as this function's contract.
                unsafe { self.link_failed(error, value, failure, waker) }
            }
        }
    }

    /// # Safety
    /// As [`poll`](Self::poll).
    unsafe fn link_failed(
        &mut self,
        error: CallError,
        value: *mut (),
        failure: FailurePlace,
        waker: &AbiWaker,
    ) -> Step {
        if let Some(task) = self.task.take() {
            cancel(task);
        }
        let link = Arc::clone(&self.links[self.link].contribution);
        // SAFETY: `value` is a free place, since the value went into the link that is gone.
        match unsafe { failed(&self.point, &link, error, self.backup.take(), value) } {
            // SAFETY: the value from before is back in place.
            Ok(()) => unsafe { self.go_on(value, failure, waker) },
            // SAFETY: a free place.
            Err(error) => unsafe { fail(failure, error) },
        }
    }

    /// Runs the links behind the one that waited.
    ///
    /// # Safety
    /// `value` holds a value; `failure` is a free place.
    unsafe fn go_on(&mut self, value: *mut (), failure: FailurePlace, waker: &AbiWaker) -> Step {
        self.task = None;
        self.backup = None;
        // SAFETY: by this function's contract.
        let progress = unsafe {
            run(breadcrumb::own(), &self.point, &self.links, self.link + 1, value, &self.context, waker)
        };
        match progress {
            Progress::Done => READY,
            // SAFETY: a free place.
            Progress::Failed(error) => unsafe { fail(failure, error) },
            Progress::Waiting { link, task, backup } => {
                self.vigil = Vigil::over(&self.links[link].contribution.seat, self.point.deadline());
                (self.link, self.task, self.backup) = (link, Some(task), backup);
                // SAFETY: the value is in the link, so its place is free.
                unsafe { self.watch(waker, value, failure) }
            }
        }
    }
}

unsafe extern "C" fn poll_chain(
    state: *mut (),
    value: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
) -> Step {
    // SAFETY: made by `apply`; polls do not overlap; the waker is valid for the call.
    unsafe { (*state.cast::<Chain>()).poll(value, failure, &*waker) }
}

unsafe extern "C" fn drop_chain(state: *mut ()) {
    // SAFETY: made by `apply`, dropped once.
    let chain = unsafe { Box::from_raw(state.cast::<Chain>()) };
    let Chain { task, backup, .. } = *chain;
    if let Some(task) = task {
        cancel(task);
    }
    drop(backup);
}
