//! Taking in what a plugin contributes, and letting go of it.

use std::sync::Arc;

use transom_plugin_api::CallError;
use transom_plugin_api::abi::host_table::{
    Contribution as RawContribution, FailurePlace, Handler, MailboxTerms,
};
use transom_plugin_api::abi::{READY, RStr, Step};
use transom_plugin_api::point::PointKind;
use transom_plugin_api::port::Role;

use super::{held_seat, seat_of};
use crate::bridge::place::Place;
use crate::bus::fail;
use crate::bus::mailbox::{Mailbox, mailbox};
use crate::kernel::declared_role;
use crate::seat::Seat;
use crate::table::{Contribution, Point};

pub(super) unsafe extern "C" fn contribute(
    seat: *const (),
    point: u32,
    contribution: *mut RawContribution,
    failure: FailurePlace,
) -> Step {
    // SAFETY: held seat; the contribution moves over.
    unsafe {
        let seat = Arc::clone(&held_seat(seat));
        match take_in(&seat, point, contribution.read()) {
            Ok(()) => READY,
            Err(error) => fail(failure, error),
        }
    }
}

fn take_in(seat: &Arc<Seat>, index: u32, raw: RawContribution) -> Result<(), CallError> {
    let RawContribution { name, about, handler } = raw;
    let point = seat.shared.point(index).ok_or_else(|| CallError::failed("there is no such point"))?;
    let types = point.types.get().ok_or_else(|| CallError::failed("the port was not resolved"))?;
    // SAFETY: what is not null is a value of the type that was compared when the port was resolved, and moves over.
    let about = (!about.is_null()).then(|| unsafe { Place::taken(types.about, about) });
    let name = name.as_str().to_owned();
    let role = match &handler {
        Handler::Inline(_) | Handler::Queued(..) => Role::Hears,
        Handler::Link(_) => Role::Links,
        Handler::Serve(_) | Handler::ServeStream(_) => Role::Serves,
    };
    let undeclared = |what: String| CallError::failed(format!("plugin `{}` {what}", seat.id));
    let Some(port) = declared_role(seat, &point.name, role) else {
        return Err(undeclared(format!("does not declare that it {} `{}`", role.as_str(), point.name)));
    };
    if !name.is_empty() && !port.dynamic_names && !port.names.contains(&name) {
        return Err(undeclared(format!(
            "does not declare the name `{name}` at `{}`: add it to `names` in the port's attribute",
            point.name
        )));
    }
    if matches!(handler, Handler::Inline(_)) && seat.descriptor.is_exclusive() {
        return Err(undeclared(format!(
            "cannot hear `{}` inline: while it is handed over, what is emitted there must wait in a mailbox; use `queued`",
            point.name
        )));
    }
    let mailbox = match &handler {
        Handler::Queued(_, terms) => Some(mailbox_for(seat, &point, *terms)?),
        _ => None,
    };
    let running = seat.running().ok_or_else(|| seat.retired())?;
    seat.contribute(Arc::new(Contribution {
        seat: Arc::clone(seat),
        point: index,
        info: Arc::clone(&point),
        name,
        about,
        handler,
        mailbox,
        is_lane: false,
        waiting: None,
        _running: running,
    }))
}

fn mailbox_for(seat: &Seat, point: &Point, terms: MailboxTerms) -> Result<Arc<Mailbox>, CallError> {
    let mailbox = mailbox(terms);
    if mailbox.waits() && point.kind != PointKind::PacedEvent {
        return Err(CallError::failed(format!(
            "plugin `{}` asks the emitter of `{}` to wait, but only paced events can: use another mailbox",
            seat.id, point.name
        )));
    }
    Ok(mailbox)
}

pub(super) unsafe extern "C" fn withdraw(seat: *const (), point: u32, name: RStr<'_>) {
    // SAFETY: held seat.
    let seat = unsafe { seat_of(seat) };
    seat.withdraw(point, name.as_str());
}
