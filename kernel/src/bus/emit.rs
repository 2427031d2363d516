//! Emitting events.

use std::mem::MaybeUninit;
use std::sync::Arc;

use transom_plugin_api::abi::READY;
use transom_plugin_api::{CallError, CallErrorKind};

use super::mailbox::Mail;
use super::shared::SharedPayload;
use crate::breadcrumb::{self, Inside, Own, Timing};
use crate::bridge::emission::{self, current_shared_as};
use crate::bridge::lane::not_carried;
use crate::seat::Seat;
use crate::table::{Contribution, InlineRoute, QueuedRoute, Routes};
use crate::trace::{self, Teller};

/// Tells every listener of the point: inline ones now, queued ones through their mailboxes.
///
/// # Safety
/// `payload` is a value of the point's type, borrowed for the call.
#[inline(always)]
pub(crate) unsafe fn emit(seat: &Seat, point: u32, payload: *const ()) {
    if seat.is_closed() {
        return;
    }
    let own = breadcrumb::own();
    let Some(Inside { seen, level }) = own.enter(&seat.shared.table) else { return too_deep(seat, point) };
    let Some(routes) = seen.points.get(point as usize) else { return };
    let is_timed = level.counts(routes.counter);
    // SAFETY: by this function's contract.
    unsafe {
        if routes.is_plain && !is_timed {
            tell(own, seat, routes, payload);
        } else {
            tell_everybody(own, seat, routes, payload, is_timed);
        }
    }
}

/// Calls the inline listeners, in a dispatch.
///
/// # Safety
/// As [`emit`]; where the routes are bridged, within [`emission::during`].
#[inline(always)]
unsafe fn tell(own: Own, seat: &Seat, routes: &Routes, payload: *const ()) {
    let mut traced = MaybeUninit::uninit();
    let context = trace::noted(&seat.context, &mut traced);
    for listener in &routes.inline {
        own.runs(listener.crumb);
        let mut failure = MaybeUninit::uninit();
        // SAFETY: the handler was attached to this point, so the payload is of its type.
        let step = unsafe { (listener.call)(listener.state, payload, context, &raw mut failure) };
        if step != READY {
            // SAFETY: the step says so.
            unsafe { blame(listener, &failure) };
        }
    }
}

/// # Safety
/// The listener has written the failure.
#[cold]
unsafe fn blame(listener: &InlineRoute, failure: &MaybeUninit<CallError>) {
    let Contribution { seat, info, .. } = &*listener.contribution;
    // SAFETY: by this function's contract; the caller does not use it again.
    let failure = unsafe { failure.assume_init_read() };
    seat.fault(&info.name, &failure);
}

/// As [`tell`], and then the others; notes how long it took if it is to be timed.
///
/// # Safety
/// As [`emit`].
#[inline(never)]
unsafe fn tell_everybody(own: Own, seat: &Seat, routes: &Routes, payload: *const (), is_timed: bool) {
    let _timing = Timing::of(is_timed, &routes.point.times);
    // SAFETY: by this function's contract; the payload is borrowed for the call.
    unsafe {
        if routes.is_bridged {
            emission::during(routes, payload, || tell_and_fill(own, seat, routes, payload));
        } else {
            tell_and_fill(own, seat, routes, payload);
        }
    }
}

/// Calls the inline listeners and fills the mailboxes, but for those that wait: they are filled by the paced emission.
///
/// # Safety
/// As [`tell`].
unsafe fn tell_and_fill(own: Own, seat: &Seat, routes: &Routes, payload: *const ()) {
    // SAFETY: by this function's contract.
    unsafe { tell(own, seat, routes, payload) };
    let mut clones = Clones::default();
    for route in routes.queued.iter().filter(|route| !route.mailbox.waits()) {
        // SAFETY: by this function's contract.
        if let Some(event) = unsafe { clones.event_for(routes, route, payload) } {
            route.mailbox.push(Mail { event, teller: Teller::of(seat.id) });
        }
    }
}

/// The clone of an event that all mailboxes of the emitter's dialect share.
#[derive(Default)]
pub(crate) struct Clones(Option<Arc<SharedPayload>>);

impl Clones {
    /// The event as the listener of `route` reads it. A value that does not get over to it is its fault.
    ///
    /// # Safety
    /// `payload` is a value of the routes' type; where they are bridged, within [`emission::during`].
    pub(crate) unsafe fn event_for(
        &mut self,
        routes: &Routes,
        route: &QueuedRoute,
        payload: *const (),
    ) -> Option<Arc<SharedPayload>> {
        let Some((reads, traffic)) = &route.bridged else {
            if self.0.is_none() {
                // SAFETY: by this function's contract.
                self.0 = unsafe { SharedPayload::clone_of(routes, payload) };
            }
            return self.0.clone();
        };
        let began = traffic.begin();
        let event = current_shared_as(reads);
        traffic.end(began, event.as_ref().map_or(0, |read| read.bytes));
        let fault = |error| route.seat.fault(&routes.point.name, &not_carried(route.seat.id, &error));
        event.map(|read| read.event).map_err(fault).ok()
    }
}

#[cold]
fn too_deep(seat: &Seat, point: u32) {
    let table = seat.shared.table.load();
    let Some(routes) = table.points.get(point as usize) else { return };
    let error = CallError::new(
        CallErrorKind::Failed,
        format!(
            "event `{}` dropped: handlers that emit are nested too deeply on this thread",
            routes.point.name
        ),
    );
    seat.fault(&routes.point.name, &error);
}
