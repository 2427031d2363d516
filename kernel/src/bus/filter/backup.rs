//! What is put back when a link fails at a fail-open point.

use transom_plugin_api::abi::guard::swallow_panic;
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::point::PointKind;
use transom_plugin_api::sabotage::sabotaged;

use crate::bridge::place::Place;
use crate::bridge::room::Room;
use crate::table::Point;

/// The value from before a link, for a fail-open point.
pub(super) enum Backup<'a> {
    OnStack(OnStack<'a>),
    /// What is too large for that.
    Placed(Place),
}

/// A value in a [`Room`].
pub(super) struct OnStack<'a> {
    at: *mut (),
    of: &'a PayloadType,
}

impl<'a> Backup<'a> {
    /// # Safety
    /// `value` is a value of the point's type.
    #[inline(always)]
    pub(super) unsafe fn of(point: &'a Point, value: *const (), room: &'a mut Room) -> Option<Self> {
        let keeps = point.kind == PointKind::OpenFilter && !sabotaged("fail-open-without-backup");
        if !keeps {
            return None;
        }
        let of = &point.types.get()?.input;
        if !Room::fits(of) {
            // SAFETY: by this function's contract.
            return Some(Self::Placed(unsafe { Place::cloned(*of, value) }));
        }
        let at = room.place();
        // SAFETY: by this function's contract; the room fits and is nobody else's as long as the backup lives.
        unsafe { (of.clone_to)(value, at) };
        Some(Self::OnStack(OnStack { at, of }))
    }

    /// The value, where it can stay.
    pub(super) fn kept(self) -> Place {
        match self {
            Self::Placed(place) => place,
            Self::OnStack(backup) => {
                let backup = std::mem::ManuallyDrop::new(backup);
                // SAFETY: the value is there, and not used there again.
                unsafe { Place::taken(*backup.of, backup.at) }
            }
        }
    }
}

impl Drop for OnStack<'_> {
    fn drop(&mut self) {
        // SAFETY: the value is there, and not used again.
        swallow_panic(|| unsafe { (self.of.drop_in_place)(self.at) });
    }
}
