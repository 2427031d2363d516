//! [`Room`]: memory for one value that is small, wherever it is put; [`Lodger`]: such a value that is written where it stays.

use std::cell::{Cell, OnceCell, UnsafeCell};
use std::mem::MaybeUninit;

use transom_plugin_api::CallError;
use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::payload::PayloadType;

/// Room for a value of any type that is small enough and needs no greater alignment.
#[repr(align(16))]
pub(crate) struct Room(MaybeUninit<[u8; 128]>);

impl Room {
    /// Without a value.
    pub(crate) const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// Whether a value of that type has room here.
    pub(crate) const fn fits(of: &PayloadType) -> bool {
        of.size <= size_of::<Self>() && of.align <= align_of::<Self>()
    }

    /// Where the value is, until the room is moved.
    pub(crate) const fn value(&self) -> *const () {
        (&raw const self.0).cast()
    }

    /// Where to write the value.
    pub(crate) const fn place(&mut self) -> *mut () {
        (&raw mut self.0).cast()
    }
}

/// A value that is written where it stays, once, while others look on. It must not be moved from then on.
pub(crate) struct Lodger {
    room: UnsafeCell<Room>,
    /// Somebody writes it, or has.
    is_taken: Cell<bool>,
    /// Known once the value is there.
    of: OnceCell<PayloadType>,
}

impl Lodger {
    /// None yet.
    pub(crate) const fn none() -> Self {
        Self { room: UnsafeCell::new(Room::new()), is_taken: Cell::new(false), of: OnceCell::new() }
    }

    /// Where the value is, if there is one of that type.
    pub(crate) fn value_as(&self, of: &PayloadType) -> Option<*const ()> {
        (self.of.get()?.fingerprint == of.fingerprint).then(|| self.room.get().cast_const().cast())
    }

    /// Has `write` write the value to its place; `None` where it has no room, or somebody was here before.
    ///
    /// # Errors
    /// Those of `write`, which then has written nothing.
    ///
    /// # Safety
    /// Where it does not fail, `write` has written a value of the type.
    pub(crate) unsafe fn move_in(
        &self,
        of: &PayloadType,
        write: impl FnOnce(*mut ()) -> Result<(), CallError>,
    ) -> Option<Result<*const (), CallError>> {
        // What is written may run a plugin's code, which comes here again.
        if !Room::fits(of) || self.is_taken.replace(true) {
            return None;
        }
        let place = self.room.get().cast();
        Some(write(place).map(|()| {
            self.of.get_or_init(|| *of);
            place.cast_const()
        }))
    }
}

impl Drop for Lodger {
    fn drop(&mut self) {
        if let Some(of) = self.of.get() {
            // SAFETY: the value was written when its type was noted, and is not used again.
            swallow_panic(|| unsafe { (of.drop_in_place)(self.room.get().cast()) });
        }
    }
}
