//! What is put back when a link fails at a fail-open point.

#[cfg(doc)]
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::point::PointKind;
use transom_plugin_api::sabotage::sabotaged;

use crate::table::Point;

/// The value from before a link, for a fail-open point.
pub(super) struct Backup {
    value: *mut (),
    /// [`PayloadType::unbox`] and [`PayloadType::drop_boxed`] of it.
    unbox: unsafe extern "C" fn(*mut (), *mut ()),
    drop_boxed: unsafe extern "C" fn(*mut ()),
}

// SAFETY: the value is a `Contract`, so `Send`.
unsafe impl Send for Backup {}

impl Backup {
    /// # Safety
    /// `value` is a value of the point's type.
    pub(super) unsafe fn of(point: &Point, value: *const ()) -> Option<Self> {
        let keeps = point.kind == PointKind::OpenFilter && !sabotaged("fail-open-without-backup");
        if !keeps {
            return None;
        }
        let of = &point.types.get()?.input;
        // SAFETY: by this function's contract.
        let value = unsafe { (of.clone_boxed)(value) };
        Some(Self { value, unbox: of.unbox, drop_boxed: of.drop_boxed })
    }

    /// Moves the value to `place`.
    ///
    /// # Safety
    /// `place` is a free place for a value of the point's type.
    pub(super) unsafe fn restore(self, place: *mut ()) {
        let backup = std::mem::ManuallyDrop::new(self);
        // SAFETY: by this function's contract; the value is not used again.
        unsafe { (backup.unbox)(backup.value, place) }
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        // No guard: an `extern "C"` function does not unwind.
        // SAFETY: made by `clone_boxed` of the same type.
        unsafe { (self.drop_boxed)(self.value) };
    }
}
