//! The C functions for spans and events.
//!
//! They run code of whoever subscribed to the host's log. A panic in that stays here: what was to be logged is lost.

use transom_plugin_api::abi::guard::guarded_anywhere;
use transom_plugin_api::abi::trace::{
    LevelsChanged, RawCallsite, RawCurrent, RawField, RawParent, TraceFunctions,
};

use super::abi_prelude::RStr;
use super::seat_of;
use crate::trace::callsite::{self, Callsite, Description};
use crate::trace::{forward, images};

pub(super) const FUNCTIONS: TraceFunctions = TraceFunctions {
    attach,
    max_level,
    register,
    interest,
    is_enabled,
    admits,
    event,
    new_span,
    record,
    follows_from,
    enter,
    exit,
    clone_span,
    try_close,
    current,
};

/// Runs `body`; what it would have answered is `otherwise` when it panics.
fn quiet<R>(otherwise: R, body: impl FnOnce() -> R) -> R {
    guarded_anywhere(body).unwrap_or(otherwise)
}

/// # Safety
/// `callsite` was given out by `register`.
unsafe fn callsite_of(callsite: *const ()) -> &'static Callsite {
    // SAFETY: by this function's contract; callsites are never freed.
    unsafe { &*callsite.cast::<Callsite>() }
}

/// # Safety
/// `count` fields are borrowed for the call.
unsafe fn fields_of<'a>(fields: *const RawField<'a>, count: usize) -> &'a [RawField<'a>] {
    if count == 0 {
        return &[];
    }
    // SAFETY: by this function's contract.
    unsafe { std::slice::from_raw_parts(fields, count) }
}

unsafe extern "C" fn attach(_: *const (), changed: LevelsChanged) {
    quiet((), || images::attach(changed));
}

extern "C" fn max_level() -> u8 {
    quiet(0, forward::max_level)
}

unsafe extern "C" fn register(seat: *const (), described: *const RawCallsite<'_>) -> *const () {
    // SAFETY: the seat is held, and the description borrowed for the call; its count is that of its fields.
    let (plugin, described, names) = unsafe {
        let described = &*described;
        let names = if described.field_count == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(described.fields, described.field_count)
        };
        (seat_of(seat).id, described, names)
    };
    quiet(std::ptr::null(), || {
        let found = callsite::register(plugin, Description::of(described, names));
        found.map_or(std::ptr::null(), |callsite| std::ptr::from_ref(callsite).cast())
    })
}

unsafe extern "C" fn interest(callsite: *const ()) -> u8 {
    // SAFETY: the plugin has it from `register`.
    unsafe { callsite_of(callsite) }.interest()
}

unsafe extern "C" fn is_enabled(callsite: *const ()) -> bool {
    // SAFETY: as above.
    let callsite = unsafe { callsite_of(callsite) };
    quiet(false, || forward::is_enabled(callsite))
}

unsafe extern "C" fn admits(callsite: *const ()) -> bool {
    // SAFETY: as above.
    let callsite = unsafe { callsite_of(callsite) };
    quiet(true, || forward::admits(callsite))
}

unsafe extern "C" fn event(
    callsite: *const (),
    parent: RawParent,
    fields: *const RawField<'_>,
    count: usize,
) {
    // SAFETY: as above; the fields are borrowed for the call.
    let (callsite, fields) = unsafe { (callsite_of(callsite), fields_of(fields, count)) };
    quiet((), || forward::event(callsite, parent, fields));
}

unsafe extern "C" fn new_span(
    callsite: *const (),
    parent: RawParent,
    fields: *const RawField<'_>,
    count: usize,
) -> u64 {
    // SAFETY: as above.
    let (callsite, fields) = unsafe { (callsite_of(callsite), fields_of(fields, count)) };
    quiet(0, || forward::new_span(callsite, parent, fields))
}

unsafe extern "C" fn record(callsite: *const (), span: u64, fields: *const RawField<'_>, count: usize) {
    // SAFETY: as above.
    let (callsite, fields) = unsafe { (callsite_of(callsite), fields_of(fields, count)) };
    quiet((), || forward::record(callsite, span, fields));
}

extern "C" fn follows_from(span: u64, follows: u64) {
    quiet((), || forward::follows_from(span, follows));
}

extern "C" fn enter(span: u64) {
    quiet((), || forward::enter(span));
}

extern "C" fn exit(span: u64) {
    quiet((), || forward::exit(span));
}

extern "C" fn clone_span(span: u64) -> u64 {
    quiet(0, || forward::clone_span(span))
}

extern "C" fn try_close(span: u64) -> bool {
    quiet(false, || forward::try_close(span))
}

extern "C" fn current() -> RawCurrent {
    let none = RawCurrent { span: 0, callsite: std::ptr::null() };
    quiet(none, || {
        let Some((span, callsite)) = forward::current() else { return none };
        RawCurrent {
            span,
            callsite: callsite.map_or(std::ptr::null(), |callsite| std::ptr::from_ref(callsite).cast()),
        }
    })
}

/// `HostTable::log`.
pub(super) unsafe extern "C" fn line(seat: *const (), level: u8, target: RStr<'_>, message: RStr<'_>) {
    // SAFETY: held seat; the texts are borrowed for the call.
    let plugin = unsafe { seat_of(seat) }.id;
    quiet((), || forward::line(plugin, level, target.as_str(), message.as_str()));
}
