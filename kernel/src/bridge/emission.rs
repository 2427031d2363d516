//! One event on its way to listeners that were built with other copies of its contract.
//!
//! The event is written once, when the first of them asks, and read once for each copy. What was written and read stands on
//! the stack of the emission, so that nothing of it is moved.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr::null;
use std::sync::Arc;

use transom_plugin_api::CallError;
use transom_plugin_api::abi::document::Encoded;
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::sabotage::sabotaged;

use super::place::{decode, encode_to};
use super::room::Lodger;
use crate::bus::shared::SharedPayload;
use crate::table::Routes;

thread_local! {
    /// The innermost emission under way on this thread; null where there is none.
    static INNERMOST: Cell<*const Emission> = const { Cell::new(null()) };
}

struct Emission {
    payload: *const (),
    of: *const PayloadType,
    document: Document,
    /// As a value of the copy that an inline listener asked for first.
    first: Lodger,
    /// As what mailboxes share, and as values of other copies.
    shared: RefCell<Vec<Arc<SharedPayload>>>,
}

/// The event as a value of one copy of its contract.
#[derive(Clone, Copy)]
pub(crate) struct Read<T> {
    pub(crate) event: T,
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
        document: Document::none(),
        first: Lodger::none(),
        shared: RefCell::new(Vec::new()),
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

/// The event that is being emitted on this thread, as a value of another copy of its contract. It stays there until the
/// emission ends.
///
/// # Errors
/// When it cannot be written or read.
pub(crate) fn current_as(of: &PayloadType) -> Result<Read<*const ()>, CallError> {
    within(|now| now.value_as(of))
}

/// As [`current_as`], for whom it must outlast the emission.
///
/// # Errors
/// When it cannot be written or read.
pub(crate) fn current_shared_as(of: &PayloadType) -> Result<Read<Arc<SharedPayload>>, CallError> {
    within(|now| now.shared_as(of))
}

#[inline(always)]
fn within<T>(look: impl FnOnce(&Emission) -> Result<Read<T>, CallError>) -> Result<Read<T>, CallError> {
    // SAFETY: an emission stands there until it ends, and whoever asks is within it.
    match unsafe { INNERMOST.get().as_ref() } {
        Some(now) => look(now),
        None => Err(CallError::failed("no event is being emitted here")),
    }
}

impl Emission {
    fn value_as(&self, of: &PayloadType) -> Result<Read<*const ()>, CallError> {
        let document = self.document()?;
        let read = |event| Ok(Read { event, bytes: document.len() });
        if let Some(value) = self.first.value_as(of)
            && !sabotaged("read-per-listener")
        {
            return read(value);
        }
        if let Some(known) = self.shared.borrow().iter().find(|shared| shared.is_of(of))
            && !sabotaged("read-per-listener")
        {
            return read(known.value());
        }
        // SAFETY: the place is free.
        match unsafe { self.first.move_in(of, |place| decode(of, document, place)) } {
            Some(value) => read(value?),
            // The allocation is shared, and so stays where it is when the list grows.
            None => self.shared_as(of).and_then(|shared| read(shared.event.value())),
        }
    }

    fn shared_as(&self, of: &PayloadType) -> Result<Read<Arc<SharedPayload>>, CallError> {
        let document = self.document()?;
        let read = |event| Ok(Read { event, bytes: document.len() });
        if let Some(known) = self.shared.borrow().iter().find(|shared| shared.is_of(of))
            && !sabotaged("read-per-listener")
        {
            return read(Arc::clone(known));
        }
        let event = match self.first.value_as(of) {
            // SAFETY: the value is of that type, and stays there.
            Some(value) if !sabotaged("read-per-listener") => unsafe { SharedPayload::cloned(*of, value) },
            _ => SharedPayload::decoded(*of, document)?,
        };
        self.shared.borrow_mut().push(Arc::clone(&event));
        read(event)
    }

    fn document(&self) -> Result<&Encoded, CallError> {
        // SAFETY: the emission is under way, so its payload is there, and the routes with its type.
        self.document.written(|place| unsafe { encode_to(&*self.of, self.payload, place) })
    }
}

/// The event as a document, written where it stays: what was just written in words cannot be moved in larger pieces at once.
struct Document {
    progress: Cell<Progress>,
    place: UnsafeCell<MaybeUninit<Encoded>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Progress {
    None,
    Writing,
    Written,
}

impl Document {
    const fn none() -> Self {
        Self { progress: Cell::new(Progress::None), place: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// What `write` has written, this time or before.
    fn written(
        &self,
        write: impl FnOnce(*mut MaybeUninit<Encoded>) -> Result<(), CallError>,
    ) -> Result<&Encoded, CallError> {
        match self.progress.get() {
            Progress::Written if !sabotaged("write-per-listener") => {}
            Progress::Writing => {
                return Err(CallError::failed(
                    "what writes the event emits it, and would be heard before it is written",
                ));
            }
            Progress::None | Progress::Written => {
                self.progress.set(Progress::Writing);
                let outcome = write(self.place.get());
                self.progress.set(if outcome.is_ok() { Progress::Written } else { Progress::None });
                outcome?;
            }
        }
        // SAFETY: it was written, and is written once.
        Ok(unsafe { (*self.place.get()).assume_init_ref() })
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        if self.progress.get() == Progress::Written {
            // SAFETY: it was written, and is not used again.
            unsafe { self.place.get_mut().assume_init_drop() };
        }
    }
}
