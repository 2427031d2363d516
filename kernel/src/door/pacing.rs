//! Emitting at the pace of those who listen.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::task::{AbiWaker, RawTask, task};
use transom_plugin_api::abi::{PENDING, READY, Step};
use transom_plugin_api::{CallError, CallErrorKind};

use super::{HostThreads, held_seat};
use crate::bridge::emission;
use crate::bus;
use crate::bus::emit::Clones;
use crate::bus::mailbox::{Mail, Mailbox, push_when_free};
use crate::bus::shared::SharedPayload;
use crate::seat::Seat;
use crate::table::QueuedRoute;
use crate::trace::Teller;

pub(super) unsafe extern "C" fn emit_paced(
    seat: *const (),
    point: u32,
    payload: *const (),
    failure: FailurePlace,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    // SAFETY: held seat; the payload is borrowed for the call, and only its clone is kept.
    unsafe {
        let held = held_seat(seat);
        let both = || {
            bus::emit::emit(&held, point, payload);
            waiting_mailboxes(&held, point, payload)
        };
        // Around both parts, so that the event is written once.
        let waiting = held.shared.on_routes(point, |_, routes| {
            if routes.is_bridged { emission::during(routes, payload, both) } else { both() }
        });
        let waiting = waiting.unwrap_or_default();
        if waiting.is_empty() {
            return READY;
        }
        let seat = Arc::clone(&held);
        let future = async move { push_all(&seat, point, waiting).await };
        let waiting = task::<(), _, _>(HostThreads, future);
        let step = (waiting.poll)(waiting.state, std::ptr::dangling_mut::<()>(), failure, waker);
        if step == PENDING {
            (*pending).write(waiting);
        }
        step
    }
}

type WaitingMailbox = (Arc<Mailbox>, Arc<SharedPayload>);

unsafe fn waiting_mailboxes(seat: &Seat, point: u32, payload: *const ()) -> Vec<WaitingMailbox> {
    let found = seat.shared.on_routes(point, |_, routes| {
        let waiting: Vec<_> = routes.queued.iter().filter(|route| route.mailbox.waits()).collect();
        if waiting.is_empty() {
            return Vec::new();
        }
        let mut clones = Clones::default();
        let event = |route: &QueuedRoute| {
            // SAFETY: the caller passes a value of the point's type, borrowed for the call.
            let event = unsafe { clones.event_for(routes, route, payload) };
            event.map(|event| (Arc::clone(&route.mailbox), event))
        };
        let all = || waiting.into_iter().filter_map(event).collect();
        // SAFETY: as above.
        if routes.is_bridged { unsafe { emission::during(routes, payload, all) } } else { all() }
    });
    found.unwrap_or_default()
}

async fn push_all(seat: &Seat, point: u32, waiting: Vec<WaitingMailbox>) -> Result<(), CallError> {
    let info = seat.shared.point(point);
    let limit = info.as_deref().and_then(|point| point.deadline()).unwrap_or(Duration::MAX);
    let deadline = {
        let _entered = seat.shared.runtime.enter();
        tokio::time::sleep(limit.min(Duration::from_secs(u64::from(u32::MAX))))
    };
    tokio::pin!(deadline);
    for (mailbox, event) in waiting {
        let push = push_when_free(&mailbox, Mail { event, teller: Teller::of(seat.id) });
        tokio::select! {
            () = push => {}
            () = &mut deadline => {
                let name = info.as_deref().map_or("", |point| &point.name);
                let message = format!("a mailbox at `{name}` stayed full for {} ms", limit.as_millis());
                return Err(CallError::new(CallErrorKind::Deadline, message));
            }
        }
    }
    Ok(())
}
