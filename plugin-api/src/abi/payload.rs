//! How a payload is cloned and dropped by someone who does not know its type.

use std::alloc::{Layout, dealloc};

use abi_stable::StableAbi;

use crate::abi::RStr;
use crate::contract::Contract;

/// What is known of a payload type beyond its bytes.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct PayloadType {
    /// [`Contract::NAME`].
    pub name: RStr<'static>,
    /// [`Contract::FINGERPRINT`] in hexadecimal, as in the descriptor.
    pub fingerprint: [u8; 32],
    /// Bytes of one value.
    pub size: usize,
    /// Alignment of one value, in bytes.
    pub align: usize,
    /// Clones the value behind the pointer into an allocation of its own.
    pub clone_boxed: unsafe extern "C" fn(*const ()) -> *mut (),
    /// Drops a value made by `clone_boxed`, and its allocation.
    pub drop_boxed: unsafe extern "C" fn(*mut ()),
    /// Moves a value made by `clone_boxed` to the second place and frees its allocation.
    pub unbox: unsafe extern "C" fn(*mut (), *mut ()),
    /// Drops the value in place; the memory stays its owner's.
    pub drop_in_place: unsafe extern "C" fn(*mut ()),
}

impl PayloadType {
    /// The description of `T`.
    #[must_use]
    pub const fn of<T: Contract>() -> Self {
        Self {
            name: RStr::from_str(T::NAME),
            fingerprint: T::FINGERPRINT.hex(),
            size: size_of::<T>(),
            align: align_of::<T>(),
            clone_boxed: clone_boxed::<T>,
            drop_boxed: drop_boxed::<T>,
            unbox: unbox::<T>,
            drop_in_place: drop_in_place::<T>,
        }
    }
}

// A contract's `Clone` and `Drop` are derived from facade types; should one panic all the same, the unwinding
// stops at `extern "C"` and aborts with the message on stderr, rather than continue in another image.

unsafe extern "C" fn clone_boxed<T: Clone>(value: *const ()) -> *mut () {
    // SAFETY: the caller passes a valid `T`, whose fingerprint was compared at attachment.
    let value = unsafe { &*value.cast::<T>() };
    Box::into_raw(Box::new(value.clone())).cast()
}

unsafe extern "C" fn drop_boxed<T>(value: *mut ()) {
    // SAFETY: it came from `clone_boxed::<T>` of this image.
    drop(unsafe { Box::from_raw(value.cast::<T>()) });
}

unsafe extern "C" fn unbox<T>(from: *mut (), to: *mut ()) {
    // SAFETY: `from` came from `clone_boxed::<T>` of this image and `to` is a free place for a `T`; the value
    // is moved, so only its allocation is freed, and only when it has one.
    unsafe {
        std::ptr::copy_nonoverlapping(from.cast::<T>(), to.cast::<T>(), 1);
        let layout = Layout::new::<T>();
        if layout.size() > 0 {
            dealloc(from.cast(), layout);
        }
    }
}

unsafe extern "C" fn drop_in_place<T>(value: *mut ()) {
    // SAFETY: the caller passes a valid `T` and does not use it again.
    unsafe { std::ptr::drop_in_place(value.cast::<T>()) };
}
