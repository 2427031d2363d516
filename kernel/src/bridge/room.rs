//! [`Room`]: memory for one value that is small, wherever it is put.

use std::mem::MaybeUninit;

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
