//! How a payload is cloned, encoded and dropped by someone who does not know its type.

use std::mem::MaybeUninit;

use abi_stable::StableAbi;

use super::document::Encoded;
use super::guard::guarded;
use super::host_table::FailurePlace;
use super::{FAILED, READY, RStr, Step};
use crate::contract::Contract;
use crate::{CallError, codec};

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
    /// Clones the value behind the first pointer to the free place behind the second.
    pub clone_to: unsafe extern "C" fn(*const (), *mut ()),
    /// Drops the value in place; the memory stays its owner's.
    pub drop_in_place: unsafe extern "C" fn(*mut ()),
    /// Encodes the value behind the pointer, see [`codec`], to the second place. Called in a dispatch, as `decode` is: that
    /// is how the panic hook knows that a panic will be caught.
    pub encode: unsafe extern "C" fn(*const (), *mut MaybeUninit<Encoded>, FailurePlace) -> Step,
    /// Reads a value from so many bytes and writes it to the free place for one.
    pub decode: unsafe extern "C" fn(*const u8, usize, *mut (), FailurePlace) -> Step,
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
            clone_to: clone_to::<T>,
            drop_in_place: drop_in_place::<T>,
            encode: encode::<T>,
            decode: decode::<T>,
        }
    }
}

// A contract's `Clone` and `Drop` are derived from facade types; should one panic all the same, the unwinding
// stops at `extern "C"` and aborts with the message on stderr, rather than continue in another image.

unsafe extern "C" fn clone_to<T: Clone>(value: *const (), place: *mut ()) {
    // SAFETY: the caller passes a valid `T`, whose fingerprint was compared at attachment, and a free place for one.
    unsafe { place.cast::<T>().write((*value.cast::<T>()).clone()) };
}

unsafe extern "C" fn drop_in_place<T>(value: *mut ()) {
    // SAFETY: the caller passes a valid `T` and does not use it again.
    unsafe { std::ptr::drop_in_place(value.cast::<T>()) };
}

// What was written goes to its place as it is finished, within the guard: each further move of it would be read in larger
// pieces than it was written in, for which a processor waits.

unsafe extern "C" fn encode<T: Contract>(
    value: *const (),
    document: *mut MaybeUninit<Encoded>,
    failure: FailurePlace,
) -> Step {
    // SAFETY: the caller passes a valid `T` that lasts as long as this call.
    let value = unsafe { &*value.cast::<T>() };
    let mut bytes = Encoded::room(codec::USUAL);
    let encoded = guarded(|| value.encode_to(&mut bytes));
    if matches!(encoded, Ok(Ok(()))) {
        // SAFETY: by this function's contract the place is free.
        unsafe { (*document).write(Encoded::from(bytes)) };
    }
    // SAFETY: by this function's contract the place is free.
    unsafe { step(encoded, failure) }
}

unsafe extern "C" fn decode<T: Contract>(
    bytes: *const u8,
    length: usize,
    value: *mut (),
    failure: FailurePlace,
) -> Step {
    // SAFETY: the caller passes that many bytes, which last as long as this call.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length) };
    // SAFETY: by this function's contract the place is free, and one of a `T`.
    let decoded = guarded(|| T::decode_from(bytes).map(|read| unsafe { value.cast::<T>().write(read) }));
    // SAFETY: by this function's contract the place is free.
    unsafe { step(decoded, failure) }
}

/// # Safety
/// The place is free.
#[inline]
unsafe fn step(outcome: Result<Result<(), CallError>, CallError>, failure: FailurePlace) -> Step {
    match outcome {
        Ok(Ok(())) => READY,
        Ok(Err(error)) | Err(error) => {
            // SAFETY: by this function's contract.
            unsafe { (*failure).write(error) };
            FAILED
        }
    }
}

#[cfg(test)]
mod tests;
