//! One event on its way to listeners that were built with other copies of its contract.
//!
//! The event is written once, when the first of them asks, and read once for each copy. What was written and read stands on
//! the stack of the emission, so that nothing of it is moved.

use std::cell::{Cell, OnceCell, RefCell};
use std::ptr::null;
use std::sync::Arc;

use transom_plugin_api::CallError;
use transom_plugin_api::abi::payload::{Encoded, PayloadType};
use transom_plugin_api::sabotage::sabotaged;

use super::place::encode;
use crate::bus::shared::SharedPayload;
use crate::table::Routes;

thread_local! {
    /// The innermost emission under way on this thread; null where there is none.
    static INNERMOST: Cell<*const Emission> = const { Cell::new(null()) };
}

struct Emission {
    payload: *const (),
    of: *const PayloadType,
    document: OnceCell<Encoded>,
    /// As a value of the copy that was asked for first, and of others.
    first: OnceCell<Read>,
    others: RefCell<Vec<Read>>,
}

/// The event as a value of one copy of its contract.
#[derive(Clone)]
pub(crate) struct Read {
    pub(crate) event: Arc<SharedPayload>,
    /// Bytes of the document that it was read from.
    pub(crate) bytes: usize,
}

/// Emits an event with such listeners: within `emit` they ask for it by [`current_as`]. Where this very event is being
/// emitted already, what was made of it is theirs too.
///
/// # Safety
/// `payload` is a value of the routes' type, and stays where it is until this returns.
pub(crate) unsafe fn during<R>(routes: &Routes, payload: *const (), emit: impl FnOnce() -> R) -> R {
    let Some(types) = routes.point.types.get() else { return emit() };
    let of = &types.input;
    let outer = INNERMOST.get();
    // SAFETY: an emission stands there until it ends, and its type is the routes', which outlast it.
    let is_under_way = unsafe { outer.as_ref() }
        .is_some_and(|now| now.payload == payload && unsafe { &*now.of }.fingerprint == of.fingerprint);
    if is_under_way {
        return emit();
    }
    let emission = Emission {
        payload,
        of,
        document: OnceCell::new(),
        first: OnceCell::new(),
        others: RefCell::new(Vec::new()),
    };
    INNERMOST.set(&raw const emission);
    // Dropped before the emission, whose values run a plugin's code when they are dropped.
    let _outer = Outer(outer);
    emit()
}

/// Makes the emission around this one the innermost again.
struct Outer(*const Emission);

impl Drop for Outer {
    fn drop(&mut self) {
        INNERMOST.set(self.0);
    }
}

/// What `look` makes of the event that is being emitted on this thread, as a value of another copy of its contract. The value
/// stays where it is until the emission ends.
///
/// # Errors
/// When it cannot be written or read.
pub(crate) fn current_as<R>(of: &PayloadType, look: impl Fn(&Read) -> R) -> Result<R, CallError> {
    // SAFETY: an emission stands there until it ends, and whoever asks is within it.
    let Some(now) = (unsafe { INNERMOST.get().as_ref() }) else {
        return Err(CallError::failed("no event is being emitted here"));
    };
    if let Some(known) = now.known_as(of, &look) {
        return Ok(known);
    }
    let document = now.document()?;
    let read = Read { event: SharedPayload::decoded(*of, document)?, bytes: document.len() };
    let found = look(&read);
    if let Err(read) = now.first.set(read) {
        now.others.borrow_mut().push(read);
    }
    Ok(found)
}

impl Emission {
    /// What `look` makes of it where it was read for that copy before.
    fn known_as<R>(&self, of: &PayloadType, look: impl Fn(&Read) -> R) -> Option<R> {
        if sabotaged("read-per-listener") {
            return None;
        }
        let first = self.first.get()?;
        if first.event.is_of(of) {
            return Some(look(first));
        }
        self.others.borrow().iter().find(|read| read.event.is_of(of)).map(look)
    }

    fn document(&self) -> Result<&Encoded, CallError> {
        if let Some(document) = self.document.get()
            && !sabotaged("write-per-listener")
        {
            return Ok(document);
        }
        // SAFETY: the emission is under way, so its payload is there, and the routes with its type.
        let document = unsafe { encode(&*self.of, self.payload) }?;
        Ok(self.document.get_or_init(|| document))
    }
}
