//! [`Place`]: room on the heap for one value whose type the kernel knows by its functions alone.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use transom_plugin_api::CallError;
use transom_plugin_api::abi::READY;
use transom_plugin_api::abi::document::Encoded;
use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::payload::PayloadType;

use crate::breadcrumb::own;

/// Room for a value, with the value in it or without.
pub(crate) struct Place {
    at: NonNull<u8>,
    of: PayloadType,
    is_full: bool,
}

// SAFETY: the value is a `Contract`, so `Send` and `Sync`.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

impl Place {
    /// Room without a value.
    pub(crate) fn free(of: PayloadType) -> Self {
        let layout = layout(&of);
        let at = if layout.size() == 0 {
            NonNull::without_provenance(std::num::NonZero::new(layout.align()).expect("no alignment is zero"))
        } else {
            // SAFETY: the layout has a size.
            NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
        };
        Self { at, of, is_full: false }
    }

    /// Moves the value at `from` in.
    ///
    /// # Safety
    /// `from` holds a value of the type, which is not used there any more.
    pub(crate) unsafe fn taken(of: PayloadType, from: *const ()) -> Self {
        let mut place = Self::free(of);
        // SAFETY: both are places for such a value, and the new one is its own allocation.
        unsafe { std::ptr::copy_nonoverlapping(from.cast::<u8>(), place.at.as_ptr(), of.size) };
        place.is_full = true;
        place
    }

    /// Clones the value at `from` in.
    ///
    /// # Safety
    /// `from` holds a value of the type.
    pub(crate) unsafe fn cloned(of: PayloadType, from: *const ()) -> Self {
        let mut place = Self::free(of);
        // SAFETY: by this function's contract; the place is free.
        unsafe { (of.clone_to)(from, place.address()) };
        place.is_full = true;
        place
    }

    /// Reads a value.
    ///
    /// # Errors
    /// When the document is not one of such a value.
    pub(crate) fn decoded(of: PayloadType, document: &[u8]) -> Result<Self, CallError> {
        let mut place = Self::free(of);
        // SAFETY: the place is free.
        unsafe { decode(&of, document, place.address()) }?;
        place.is_full = true;
        Ok(place)
    }

    /// Writes the value, which must be there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn encoded(&self) -> Result<Encoded, CallError> {
        debug_assert!(self.is_full, "only a value can be written");
        // SAFETY: a value is there.
        unsafe { encode(&self.of, self.address()) }
    }

    /// The type of the value.
    pub(crate) const fn of(&self) -> &PayloadType {
        &self.of
    }

    /// Where the value is or will be.
    pub(crate) const fn address(&self) -> *mut () {
        self.at.as_ptr().cast()
    }

    /// Notes that a value was written.
    ///
    /// # Safety
    /// One was, and the place was free before.
    pub(crate) const unsafe fn fill(&mut self) {
        self.is_full = true;
    }

    /// Notes that the value has moved away.
    pub(crate) const fn empty(&mut self) {
        self.is_full = false;
    }

    /// Moves the value to another place.
    ///
    /// # Safety
    /// The value is there, and `to` is a free place for one.
    pub(crate) unsafe fn give(mut self, to: *mut ()) {
        // SAFETY: by this function's contract.
        unsafe { std::ptr::copy_nonoverlapping(self.at.as_ptr(), to.cast::<u8>(), self.of.size) };
        self.is_full = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_full {
            // SAFETY: a value is there, and it is not used again.
            swallow_panic(|| unsafe { (self.of.drop_in_place)(self.address()) });
        }
        let layout = layout(&self.of);
        if layout.size() > 0 {
            // SAFETY: allocated by `free` with this layout.
            unsafe { dealloc(self.at.as_ptr(), layout) }
        }
    }
}

fn layout(of: &PayloadType) -> Layout {
    Layout::from_size_align(of.size, of.align).expect("a type that exists has a layout")
}

/// Writes a value as a document.
///
/// # Errors
/// What the plugin that knows the type says.
///
/// # Safety
/// `value` is a value of the type.
pub(crate) unsafe fn encode(of: &PayloadType, value: *const ()) -> Result<Encoded, CallError> {
    let mut document = MaybeUninit::uninit();
    // SAFETY: by this function's contract; it was written where nothing failed.
    unsafe {
        encode_to(of, value, &raw mut document)?;
        Ok(document.assume_init())
    }
}

/// As [`encode`], to where the document stays. Where it fails, nothing was written.
///
/// # Errors
/// What the plugin that knows the type says.
///
/// # Safety
/// `value` is a value of the type, and `to` a free place.
pub(crate) unsafe fn encode_to(
    of: &PayloadType,
    value: *const (),
    to: *mut MaybeUninit<Encoded>,
) -> Result<(), CallError> {
    let mut failure = MaybeUninit::uninit();
    let _level = own().descend();
    // SAFETY: by this function's contract; the step says whether the failure was written.
    unsafe {
        if (of.encode)(value, to, &raw mut failure) == READY { Ok(()) } else { Err(failure.assume_init()) }
    }
}

/// Reads a value from a document.
///
/// # Errors
/// What the plugin that knows the type says.
///
/// # Safety
/// `to` is a free place for a value of the type.
pub(crate) unsafe fn decode(of: &PayloadType, document: &[u8], to: *mut ()) -> Result<(), CallError> {
    let mut failure = MaybeUninit::uninit();
    let _level = own().descend();
    // SAFETY: by this function's contract; the step says whether the failure was written.
    unsafe {
        if (of.decode)(document.as_ptr(), document.len(), to, &raw mut failure) == READY {
            Ok(())
        } else {
            Err(failure.assume_init())
        }
    }
}
