//! Emitting events.

use std::mem::MaybeUninit;
use std::sync::Arc;

use transom_plugin_api::abi::READY;
use transom_plugin_api::abi::host_table::RawReceived;
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::{CallContext, CallError, CallErrorKind};

use super::written;
use crate::breadcrumb::Dispatch;
use crate::seat::Seat;
use crate::table::{Contribution, Routes};

/// Tells every listener of the point: inline ones now, queued ones through their mailboxes.
///
/// # Safety
/// `payload` is a value of the point's type, borrowed for the call.
#[inline]
pub(crate) unsafe fn emit(seat: &Seat, point: u32, payload: *const ()) {
    if seat.is_closed() {
        return;
    }
    let table = seat.shared.table.load();
    let Some(routes) = table.points.get(point as usize) else { return };
    let Some(dispatch) = Dispatch::begin(routes.point.counter, &routes.point.times) else {
        return too_deep(seat, routes);
    };
    if !routes.inline.is_empty() {
        let context = CallContext::stamped(seat.id, 0);
        for listener in &routes.inline {
            dispatch.runs(listener.plugin, point);
            let mut failure = MaybeUninit::uninit();
            // SAFETY: the handler was attached to this point, so the payload is of its type.
            let step =
                unsafe { (listener.call)(listener.state, payload, &raw const context, &raw mut failure) };
            if step != READY {
                // SAFETY: the step says so.
                listener.contribution.seat.fault(&routes.point.name, &unsafe { written(failure) });
            }
        }
    }
    // Those that wait are filled by the paced emission, which makes its own clone.
    let is_ours = |contribution: &Arc<Contribution>| {
        contribution.mailbox.as_ref().is_some_and(|mailbox| !mailbox.waits())
    };
    if routes.queued.iter().any(is_ours) {
        // SAFETY: by this function's contract.
        if let Some(shared) = unsafe { SharedPayload::clone_of(routes, payload) } {
            for contribution in &routes.queued {
                if let Some(mailbox) = contribution.mailbox.as_ref().filter(|mailbox| !mailbox.waits()) {
                    mailbox.push(Arc::clone(&shared), seat.id);
                }
            }
        }
    }
}

#[cold]
fn too_deep(seat: &Seat, routes: &Routes) {
    let error = CallError::new(
        CallErrorKind::Failed,
        format!(
            "event `{}` dropped: handlers that emit are nested too deeply on this thread",
            routes.point.name
        ),
    );
    seat.fault(&routes.point.name, &error);
}

/// One clone of an emission's payload, for all mailboxes.
pub(crate) struct SharedPayload {
    value: *mut (),
    of: PayloadType,
}

// SAFETY: the value is a `Contract`, so `Send` and `Sync`.
unsafe impl Send for SharedPayload {}
// SAFETY: as above.
unsafe impl Sync for SharedPayload {}

impl SharedPayload {
    /// # Safety
    /// `payload` is a value of the point's type.
    pub(crate) unsafe fn clone_of(routes: &Routes, payload: *const ()) -> Option<Arc<Self>> {
        let of = routes.point.types.get()?.input;
        // SAFETY: by this function's contract; the functions are those of the type.
        let value = unsafe { (of.clone_boxed)(payload) };
        Some(Arc::new(Self { value, of }))
    }

    /// A holder in the form a plugin gets it.
    pub(crate) fn received(self: Arc<Self>, lost: u64) -> RawReceived {
        unsafe extern "C" fn release(owner: *const ()) {
            // SAFETY: made by `Arc::into_raw` below, released once.
            drop(unsafe { Arc::from_raw(owner.cast::<SharedPayload>()) });
        }
        RawReceived { payload: self.value, lost, owner: Arc::into_raw(self).cast(), release }
    }
}

impl Drop for SharedPayload {
    fn drop(&mut self) {
        // SAFETY: made by `clone_boxed` of the same type.
        unsafe { (self.of.drop_boxed)(self.value) }
    }
}
