//! Running a value through the links of a filter.
//!
//! The value stays in the applier's place while links are ready at once. At a fail-open point a clone from before each
//! link is kept, and put back when the link fails. At a fail-closed point nothing is copied.

mod backup;
mod chain;

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::task::{AbiWaker, RawTask};
use transom_plugin_api::abi::{PENDING, READY, Step};
use transom_plugin_api::{CallContext, CallError, CallErrorKind};

use backup::Backup;
use chain::unfinished;

use super::fail;
use super::gate::{self, Again};
use crate::breadcrumb::{self, Inside, Level};
use crate::bridge::lane::unreachable;
use crate::bridge::place::Place;
use crate::bridge::room::Room;
use crate::seat::Seat;
use crate::table::{Contribution, LinkRoute, Point, Routes};
use crate::trace;

/// How far a chain came.
enum Progress {
    Done,
    Failed(CallError),
    Waiting { link: usize, task: RawTask, backup: Option<Place> },
}

/// Runs the links from `first` on, while they are ready at once. On `Done` the value stands in `value`; otherwise the
/// place is free.
///
/// # Safety
/// `value` holds a value of the point's type; `waker` is valid for the call.
#[inline(always)]
unsafe fn run(
    level: &Level,
    point: &Point,
    links: &[LinkRoute],
    first: usize,
    value: *mut (),
    context: &CallContext,
    waker: *const AbiWaker,
) -> Progress {
    let own = level.own;
    let _timing = level.begins(point.counter, &point.times);
    let mut room = Room::new();
    for (link, LinkRoute { call, contribution }) in links.iter().enumerate().skip(first) {
        // SAFETY: by this function's contract, and because every link leaves a value in place or the loop.
        let backup = unsafe { Backup::of(point, value, &mut room) };
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
                let task = unsafe { pending.assume_init() };
                return Progress::Waiting { link, task, backup: backup.map(Backup::kept) };
            }
            _ => {
                // SAFETY: the step says that the failure was written, and so the place is free.
                let outcome = unsafe {
                    failed(point, contribution, failure.assume_init_read(), backup.map(Backup::kept), value)
                };
                if let Err(error) = outcome {
                    return Progress::Failed(error);
                }
            }
        }
    }
    Progress::Done
}

/// # Safety
/// `value` holds a value of the point's type, and is not used again; `failure` is a free place.
#[cold]
unsafe fn too_deep(point: &Point, value: *mut (), failure: FailurePlace) -> Step {
    // SAFETY: by this function's contract.
    unsafe {
        drop_value(point, value);
        fail(failure, CallError::failed("filters are nested too deeply on this thread"))
    }
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
    backup: Option<Place>,
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
            unsafe { backup.give(place) };
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
    let Some(Inside { seen, level }) = breadcrumb::own().enter(&seat.shared.table) else {
        // SAFETY: by this function's contract.
        return unsafe { apply_too_deep(seat, point, value, failure) };
    };
    let Some(routes) = seen.points.get(point as usize) else {
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
    let progress = unsafe { run(&level, &routes.point, &routes.links, 0, value, &context, waker) };
    if let Progress::Done = progress {
        return READY;
    }
    level.runs_no_more();
    // SAFETY: by this function's contract.
    unsafe { unfinished(progress, routes, context, value, failure, waker, pending) }
}

/// # Safety
/// As [`apply`].
#[cold]
unsafe fn apply_too_deep(seat: &Seat, point: u32, value: *mut (), failure: FailurePlace) -> Step {
    let table = seat.shared.table.load();
    // SAFETY: by this function's contract.
    unsafe {
        match table.points.get(point as usize) {
            Some(routes) => too_deep(&routes.point, value, failure),
            None => nowhere(failure),
        }
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
