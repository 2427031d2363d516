//! The C functions behind which the kernel stands.
//!
//! Every function takes a seat first. The pointer came from [`raw_host`](crate::kernel::raw_host) and is held by whoever
//! passes it, so it is valid; a retired seat is refused by what it reaches.

mod handlers;
mod handover;
mod pacing;
mod trace;

use std::mem::MaybeUninit;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use abi_prelude::*;
use transom_plugin_api::Text;

use crate::bus::{self, fail};
use crate::seat::Seat;

mod abi_prelude {
    pub(super) use transom_plugin_api::abi::host_table::{
        FailurePlace, HostTable, HostTableRef, NameVisitor, PortRequest, StartFacts,
    };
    pub(super) use transom_plugin_api::abi::task::{AbiWaker, RawStream, RawTask, Surroundings, task};
    pub(super) use transom_plugin_api::abi::{IMAGE, READY, RStr, Step};
}

/// The one table of this kernel's functions.
pub(crate) fn table() -> HostTableRef {
    static TABLE: OnceLock<HostTableRef> = OnceLock::new();
    *TABLE.get_or_init(|| {
        HostTable {
            image: &IMAGE,
            retain,
            release,
            facts,
            resolve,
            emit,
            emit_paced: pacing::emit_paced,
            apply,
            call,
            open,
            names,
            routes_version,
            contribute: handlers::contribute,
            withdraw: handlers::withdraw,
            on_stop,
            spawn,
            sleep,
            on_hand_over: handover::on_hand_over,
            on_drain: handover::on_drain,
            handed_over: handover::handed_over,
            listen: handover::listen,
            is_dispatching,
            now_ms,
            // Work that blocks.
            run_blocking,
            secret,
            // Filters.
            is_linked,
            trace: trace::FUNCTIONS,
            log: trace::line,
        }
        .leak()
    })
}

/// # Safety
/// `seat` is held by the caller.
unsafe fn seat_of<'a>(seat: *const ()) -> &'a Seat {
    // SAFETY: by this function's contract.
    unsafe { &*seat.cast::<Seat>() }
}

/// # Safety
/// As [`seat_of`].
unsafe fn held_seat(seat: *const ()) -> std::mem::ManuallyDrop<Arc<Seat>> {
    // SAFETY: the pointer came from `Arc::into_raw`; the count stays as it was.
    std::mem::ManuallyDrop::new(unsafe { Arc::from_raw(seat.cast::<Seat>()) })
}

unsafe extern "C" fn retain(seat: *const ()) {
    // SAFETY: held by the caller.
    unsafe { Arc::increment_strong_count(seat.cast::<Seat>()) }
}

unsafe extern "C" fn release(seat: *const ()) {
    // SAFETY: the caller gives up one holder.
    unsafe { Arc::decrement_strong_count(seat.cast::<Seat>()) }
}

unsafe extern "C" fn facts(seat: *const ()) -> *const StartFacts {
    // SAFETY: held by the caller.
    &raw const unsafe { seat_of(seat) }.facts
}

unsafe extern "C" fn resolve(
    seat: *const (),
    request: *const PortRequest,
    point: *mut u32,
    failure: FailurePlace,
) -> Step {
    // SAFETY: held seat; request and places are the caller's, valid for the call.
    unsafe {
        let seat = seat_of(seat);
        match seat.shared.resolve(seat, &*request) {
            Ok(index) => {
                point.write(index);
                READY
            }
            Err(error) => fail(failure, error),
        }
    }
}

unsafe extern "C" fn emit(seat: *const (), point: u32, payload: *const ()) {
    // SAFETY: held seat; the payload is borrowed for the call, its type was compared when the port was resolved.
    unsafe { bus::emit::emit(seat_of(seat), point, payload) }
}

/// The kernel's own futures need nothing around their polls.
struct HostThreads;

impl Surroundings for HostThreads {
    fn around<R>(&self, poll: impl FnOnce() -> R) -> R {
        poll()
    }
}

unsafe extern "C" fn apply(
    seat: *const (),
    point: u32,
    value: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    // SAFETY: held seat; the rest is passed on as it came.
    unsafe { bus::filter::apply(&held_seat(seat), point, value, failure, waker, pending) }
}

unsafe extern "C" fn call(
    seat: *const (),
    point: u32,
    name: RStr<'_>,
    budget_ns: u64,
    request: *mut (),
    reply: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    // SAFETY: held seat; the rest is passed on as it came.
    unsafe {
        bus::call::call(
            &held_seat(seat),
            point,
            name.as_str(),
            budget_ns,
            request,
            reply,
            failure,
            waker,
            pending,
        )
    }
}

unsafe extern "C" fn open(
    seat: *const (),
    point: u32,
    name: RStr<'_>,
    request: *mut (),
    opened: *mut MaybeUninit<RawStream>,
    failure: FailurePlace,
) -> Step {
    // SAFETY: held seat; the rest is passed on as it came.
    unsafe { bus::stream::open(&held_seat(seat), point, name.as_str(), request, opened, failure) }
}

unsafe extern "C" fn names(seat: *const (), point: u32, found: *mut (), visitor: NameVisitor) {
    // SAFETY: held seat.
    let seat = unsafe { seat_of(seat) };
    let table = seat.shared.table.load();
    let Some(routes) = table.points.get(point as usize) else { return };
    for provider in &routes.providers {
        let Some(about) = &provider.about else { continue };
        let (name, plugin) = (RStr::from_str(&provider.name), RStr::from_str(provider.seat.id));
        // SAFETY: the visitor is the caller's, and its type of `about` was compared when the port was resolved.
        unsafe { (visitor.visit)(found, name, plugin, about.address()) }
    }
}

unsafe extern "C" fn is_linked(seat: *const (), point: u32) -> bool {
    // SAFETY: held seat.
    let table = unsafe { seat_of(seat) }.shared.table.load();
    table
        .points
        .get(point as usize)
        .is_none_or(|routes| !routes.links.is_empty() || routes.gate.is_some() || routes.unreached.is_some())
}

unsafe extern "C" fn routes_version(seat: *const ()) -> u64 {
    // SAFETY: held seat.
    unsafe { seat_of(seat) }.shared.table.load().version
}

unsafe extern "C" fn on_stop(seat: *const (), task: RawTask) {
    // SAFETY: held seat.
    unsafe { seat_of(seat) }.on_stop(task);
}

unsafe extern "C" fn spawn(seat: *const (), task: RawTask) {
    // SAFETY: held seat.
    unsafe { seat_of(seat) }.spawn(task);
}

unsafe extern "C" fn run_blocking(seat: *const (), task: RawTask) {
    // SAFETY: held seat.
    unsafe { held_seat(seat) }.run_blocking(task);
}

unsafe extern "C" fn sleep(seat: *const (), nanos: u64) -> RawTask {
    // SAFETY: held seat.
    let seat = unsafe { seat_of(seat) };
    // Timers belong to the host's runtime, whichever thread asks for one.
    let _entered = seat.shared.runtime.enter();
    let sleep = tokio::time::sleep(Duration::from_nanos(nanos));
    task::<(), _, _>(HostThreads, async move {
        sleep.await;
        Ok(())
    })
}

unsafe extern "C" fn is_dispatching(_: *const ()) -> bool {
    crate::breadcrumb::is_dispatching()
}

unsafe extern "C" fn now_ms(seat: *const ()) -> i64 {
    // SAFETY: held seat.
    unsafe { seat_of(seat) }.shared.clock.now_ms()
}

unsafe extern "C" fn secret(
    seat: *const (),
    name: RStr<'_>,
    text: *mut MaybeUninit<Text>,
    failure: FailurePlace,
) -> Step {
    // SAFETY: held seat; the name is borrowed for the call, the places are free.
    unsafe {
        match seat_of(seat).secret(name.as_str()) {
            Ok(secret) => {
                (*text).write(secret.expose().into());
                READY
            }
            Err(error) => fail(failure, error),
        }
    }
}
