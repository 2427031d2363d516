//! [`SharedPayload`]: an event that several hold.

use std::sync::Arc;

use transom_plugin_api::CallError;
use transom_plugin_api::abi::document::Encoded;
use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::host_table::RawReceived;
use transom_plugin_api::abi::payload::PayloadType;

use crate::bridge::place::{Place, decode, encode};
use crate::bridge::room::Room;
use crate::table::Routes;

/// An event's payload, shared by mailboxes and, over a lane, by inline listeners.
pub(crate) struct SharedPayload {
    value: Value,
    of: PayloadType,
}

enum Value {
    /// Not yet, or not any more.
    None,
    /// In the allocation that is shared.
    Within(Room),
    /// What is too large for that.
    Placed(Place),
}

// SAFETY: the value is a `Contract`, so `Send` and `Sync`.
unsafe impl Send for SharedPayload {}
// SAFETY: as above.
unsafe impl Sync for SharedPayload {}

impl SharedPayload {
    /// A clone of an event.
    ///
    /// # Safety
    /// `payload` is a value of the routes' type.
    pub(super) unsafe fn clone_of(routes: &Routes, payload: *const ()) -> Option<Arc<Self>> {
        let of = routes.point.types.get()?.input;
        // SAFETY: by this function's contract.
        Some(unsafe { Self::cloned(of, payload) })
    }

    /// A clone of a value.
    ///
    /// # Safety
    /// `value` is one of that type.
    pub(crate) unsafe fn cloned(of: PayloadType, value: *const ()) -> Arc<Self> {
        let made = Self::made(of, |place| {
            // SAFETY: by this function's contract; the place is free.
            unsafe { (of.clone_to)(value, place) };
            Ok(())
        });
        made.expect("to clone does not fail")
    }

    /// An event as it stands in a document.
    ///
    /// # Errors
    /// When the document is not one of such a value.
    pub(crate) fn decoded(of: PayloadType, document: &[u8]) -> Result<Arc<Self>, CallError> {
        // SAFETY: the place is free.
        Self::made(of, |place| unsafe { decode(&of, document, place) })
    }

    /// `write` writes a value of the type to the place, or fails.
    fn made(
        of: PayloadType,
        write: impl FnOnce(*mut ()) -> Result<(), CallError>,
    ) -> Result<Arc<Self>, CallError> {
        if !Room::fits(&of) {
            let mut place = Place::free(of);
            write(place.address())?;
            // SAFETY: it was written just now.
            unsafe { place.fill() };
            return Ok(Arc::new(Self { value: Value::Placed(place), of }));
        }
        // Written where it stays, since nothing moves what is shared.
        let mut shared = Arc::new(Self { value: Value::Within(Room::new()), of });
        let own = Arc::get_mut(&mut shared).expect("nobody else has it yet");
        if let Value::Within(room) = &mut own.value
            && let Err(error) = write(room.place())
        {
            own.value = Value::None;
            return Err(error);
        }
        Ok(shared)
    }

    /// Where the value is, as long as it is held.
    pub(crate) const fn value(&self) -> *const () {
        match &self.value {
            Value::None => std::ptr::null(),
            Value::Within(room) => room.value(),
            Value::Placed(place) => place.address(),
        }
    }

    /// The value as a document.
    ///
    /// # Errors
    /// When the plugin that knows its type cannot write it.
    pub(crate) fn encoded(&self) -> Result<Encoded, CallError> {
        // SAFETY: the value is of that type, and held.
        unsafe { encode(&self.of, self.value()) }
    }

    /// Whether a reader of `of` can read it.
    pub(crate) fn is_of(&self, of: &PayloadType) -> bool {
        self.of.fingerprint == of.fingerprint
    }

    /// A holder in the form a plugin gets it.
    pub(crate) fn received(self: Arc<Self>, lost: u64) -> RawReceived {
        unsafe extern "C" fn release(owner: *const ()) {
            // SAFETY: made by `Arc::into_raw` below, released once.
            drop(unsafe { Arc::from_raw(owner.cast::<SharedPayload>()) });
        }
        RawReceived { payload: self.value(), lost, owner: Arc::into_raw(self).cast(), release }
    }
}

impl Drop for SharedPayload {
    fn drop(&mut self) {
        if let Value::Within(room) = &mut self.value {
            let value = room.place();
            // SAFETY: the value is there, and not used again.
            swallow_panic(|| unsafe { (self.of.drop_in_place)(value) });
        }
    }
}
