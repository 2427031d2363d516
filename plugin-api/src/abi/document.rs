//! [`Encoded`]: a value as a document, in memory of the image that wrote it.

use std::cell::Cell;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;

use abi_stable::StableAbi;

thread_local! {
    /// Memory of a document that was let go on this thread, for the next one that this image writes on it.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes of memory that a thread keeps for the next document. Few documents on the event path are longer.
const KEPT: usize = 4096;

/// A value as a document. Its memory goes back to the image that wrote it, which keeps some of it for the next document.
#[repr(C)]
#[derive(StableAbi)]
pub struct Encoded {
    bytes: *mut u8,
    length: usize,
    capacity: usize,
    release: unsafe extern "C" fn(*mut u8, usize),
}

// SAFETY: the bytes are its own, and nobody writes them.
unsafe impl Send for Encoded {}
// SAFETY: as above.
unsafe impl Sync for Encoded {}

impl Encoded {
    /// Memory for a document to be written by this image: without bytes in it, with room for `usual` or more.
    #[inline]
    pub(crate) fn room(usual: usize) -> Vec<u8> {
        let mut spare = SPARE.try_with(Cell::take).unwrap_or_default();
        spare.reserve(usual);
        spare
    }
}

impl From<Vec<u8>> for Encoded {
    fn from(bytes: Vec<u8>) -> Self {
        let mut bytes = ManuallyDrop::new(bytes);
        Self { bytes: bytes.as_mut_ptr(), length: bytes.len(), capacity: bytes.capacity(), release }
    }
}

unsafe extern "C" fn release(bytes: *mut u8, capacity: usize) {
    // SAFETY: made of a vector of this image that was forgotten, and released once. What it said is not asked for again.
    let spare = unsafe { Vec::from_raw_parts(bytes, 0, capacity) };
    if capacity <= KEPT {
        // Where the thread is about to end, it is freed with what was to take it.
        let _ = SPARE.try_with(|kept| kept.set(spare));
    }
}

impl Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: so many bytes were written there, and are released with this.
        unsafe { std::slice::from_raw_parts(self.bytes, self.length) }
    }
}

impl Default for Encoded {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl Clone for Encoded {
    /// In memory of the image that clones.
    fn clone(&self) -> Self {
        Self::from(self.to_vec())
    }
}

impl PartialEq for Encoded {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Encoded {}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        // SAFETY: it was not released yet.
        unsafe { (self.release)(self.bytes, self.capacity) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_written_where_the_one_before_it_was() {
        let mut first = Encoded::room(100);
        first.extend_from_slice(b"first");
        let first = Encoded::from(first);
        let at = first.as_ptr();
        assert_eq!(&*first, b"first");
        drop(first);
        let mut second = Encoded::room(100);
        assert!(second.is_empty(), "nothing of the first is left in it");
        second.extend_from_slice(b"2nd");
        let second = Encoded::from(second);
        assert_eq!((&*second, second.as_ptr()), (&b"2nd"[..], at));
    }

    #[test]
    fn memory_of_a_long_document_is_not_kept() {
        drop(Encoded::from(Vec::with_capacity(KEPT + 1)));
        assert_eq!(SPARE.take().capacity(), 0);
    }

    #[test]
    fn two_documents_at_once_do_not_share_memory() {
        let (mut one, mut other) = (Encoded::room(8), Encoded::room(8));
        one.push(1);
        other.push(2);
        let (one, other) = (Encoded::from(one), Encoded::from(other));
        assert_eq!((&*one, &*other), (&[1_u8][..], &[2_u8][..]));
    }

    #[test]
    fn a_document_can_be_let_go_on_another_thread() {
        let document = Encoded::from(b"far".to_vec());
        let heard = std::thread::spawn(move || document.to_vec()).join().expect("it does not panic");
        assert_eq!(heard, b"far");
    }
}
