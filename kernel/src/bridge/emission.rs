//! [`Emission`]: one event on its way to listeners that were built with other copies of its contract.
//!
//! The event is written once, when the first of them asks, and read once for each copy.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use transom_plugin_api::CallError;
use transom_plugin_api::abi::payload::{Encoded, PayloadType};
use transom_plugin_api::sabotage::sabotaged;

use super::place::encode;
use crate::bus::shared::SharedPayload;
use crate::table::Routes;

thread_local! {
    /// The emissions under way on this thread, the innermost last.
    static UNDER_WAY: RefCell<Vec<Written>> = const { RefCell::new(Vec::new()) };
}

struct Written {
    payload: *const (),
    of: PayloadType,
    document: Option<Encoded>,
    /// As a value of the copy that was asked for first, and of others.
    first: Option<Read>,
    others: Vec<Read>,
}

/// The event as a value of one copy of its contract.
#[derive(Clone)]
pub(crate) struct Read {
    pub(crate) event: Arc<SharedPayload>,
    /// Bytes of the document that it was read from.
    pub(crate) bytes: usize,
}

/// Held while an event with such listeners is emitted; it stays on its thread.
pub(crate) struct Emission(PhantomData<*const ()>);

impl Emission {
    /// Begins one; nothing where this very event is being emitted already.
    ///
    /// # Safety
    /// `payload` is a value of the routes' type and stays where it is until the emission is dropped. Emissions of one
    /// thread end in the reverse order in which they began.
    #[cold]
    pub(crate) unsafe fn over(routes: &Routes, payload: *const ()) -> Option<Self> {
        let of = routes.point.types.get()?.input;
        let is_under_way = UNDER_WAY.with_borrow(|under_way| {
            under_way.last().is_some_and(|now| now.payload == payload && now.of.fingerprint == of.fingerprint)
        });
        if is_under_way {
            return None;
        }
        let begun = Written { payload, of, document: None, first: None, others: Vec::new() };
        UNDER_WAY.with_borrow_mut(|under_way| under_way.push(begun));
        Some(Self(PhantomData))
    }
}

impl Drop for Emission {
    fn drop(&mut self) {
        let ended = UNDER_WAY.with_borrow_mut(Vec::pop);
        // Outside of the borrow, because dropping a value runs a plugin's code.
        drop(ended);
    }
}

/// What `look` makes of the event that is being emitted on this thread, as a value of another copy of its contract. The value
/// stays where it is until the emission ends.
///
/// # Errors
/// When it cannot be written or read.
pub(crate) fn current_as<R>(of: &PayloadType, look: impl Fn(&Read) -> R) -> Result<R, CallError> {
    let known = UNDER_WAY.with_borrow(|under_way| {
        let now = under_way.last()?;
        now.first.iter().chain(&now.others).find(|read| read.event.is_of(of)).map(&look)
    });
    if let Some(known) = known
        && !sabotaged("read-per-listener")
    {
        return Ok(known);
    }
    let document = document()?;
    let read = Read { event: SharedPayload::decoded(*of, &document)?, bytes: document.len() };
    let found = look(&read);
    UNDER_WAY.with_borrow_mut(|under_way| {
        if let Some(now) = under_way.last_mut() {
            if !sabotaged("write-per-listener") {
                now.document = Some(document);
            }
            match &now.first {
                None => now.first = Some(read),
                Some(_) => now.others.push(read),
            }
        }
    });
    Ok(found)
}

/// The document of the event; taken out while it is used, since reading it runs a plugin's code.
fn document() -> Result<Encoded, CallError> {
    let now = UNDER_WAY.with_borrow_mut(|under_way| {
        under_way.last_mut().map(|now| (now.payload, now.of, now.document.take()))
    });
    match now {
        Some((_, _, Some(document))) => Ok(document),
        // SAFETY: the emission is under way, so its payload is there.
        Some((payload, of, None)) => unsafe { encode(&of, payload) },
        None => Err(CallError::failed("no event is being emitted here")),
    }
}
