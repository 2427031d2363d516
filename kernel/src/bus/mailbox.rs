//! The mailbox of a queued listener, and the task that reads it.

use std::collections::VecDeque;
use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::Notify;
use transom_plugin_api::CallContext;
use transom_plugin_api::abi::host_table::{AsyncHandler, MailboxTerms, RawReceived};
use transom_plugin_api::abi::task::crossing;

use super::emit::SharedPayload;
use crate::breadcrumb::{Dispatch, polled_at};
use crate::seat::Seat;
use crate::table::Contribution;

/// Events on their way to one listener, in order.
pub(crate) struct Mailbox {
    terms: MailboxTerms,
    inner: Mutex<Inner>,
    /// Something came, or the mailbox was closed.
    filled: Notify,
    /// There is room again.
    drained: Notify,
}

#[derive(Default)]
struct Inner {
    items: VecDeque<(Arc<SharedPayload>, &'static str)>,
    lost: u64,
    closed: bool,
}

/// What a full mailbox does.
const COALESCE: u8 = 1;
const WAIT: u8 = 2;

impl Mailbox {
    pub(crate) fn new(terms: MailboxTerms) -> Arc<Self> {
        Arc::new(Self { terms, inner: Mutex::default(), filled: Notify::new(), drained: Notify::new() })
    }

    pub(crate) fn waits(&self) -> bool {
        self.terms.when_full == WAIT
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an event in; a full mailbox loses by its terms.
    pub(crate) fn push(&self, event: Arc<SharedPayload>, caller: &'static str) {
        let pushed_out = {
            let mut inner = self.lock();
            if inner.closed {
                return;
            }
            let full = inner.items.len() >= self.terms.capacity as usize;
            let pushed_out = if full { inner.items.pop_front() } else { None };
            // A coalescing mailbox is meant to forget: only the latest state matters there.
            inner.lost += u64::from(full && self.terms.when_full != COALESCE);
            inner.items.push_back((event, caller));
            pushed_out
        };
        // Outside the lock, because dropping the payload runs code of the plugin that made it.
        drop(pushed_out);
        self.filled.notify_one();
    }

    /// Waits for room, then puts the event in.
    pub(crate) async fn push_when_free(&self, event: Arc<SharedPayload>, caller: &'static str) {
        loop {
            let drained = self.drained.notified();
            {
                let mut inner = self.lock();
                if inner.closed {
                    return;
                }
                if inner.items.len() < self.terms.capacity as usize {
                    inner.items.push_back((event, caller));
                    break;
                }
            }
            drained.await;
        }
        self.filled.notify_one();
    }

    /// No further events; those inside are still read.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
        self.drained.notify_waiters();
    }

    async fn next(&self) -> Option<(RawReceived, &'static str)> {
        loop {
            {
                let mut inner = self.lock();
                if let Some((event, caller)) = inner.items.pop_front() {
                    let lost = std::mem::take(&mut inner.lost);
                    drop(inner);
                    self.drained.notify_waiters();
                    return Some((event.received(lost), caller));
                }
                if inner.closed {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }
}

/// Starts the task that reads the mailbox of `contribution`, if it has one. The task holds the contribution while it
/// has events to read, so that a stop waits for them.
pub(crate) fn attend(seat: &Seat, contribution: &Arc<Contribution>) {
    let Some(mailbox) = contribution.mailbox.clone() else { return };
    let contribution = Arc::clone(contribution);
    let closing = Arc::clone(&contribution.seat);
    let reading = async move {
        while let Some((event, caller)) = mailbox.next().await {
            handle(&contribution, event, caller).await;
        }
    };
    let until_closed = async move {
        let closed = closing.closing.notified();
        if !closing.is_closed() {
            closed.await;
        }
    };
    seat.shared.runtime.spawn(async move {
        let (mut reading, mut until_closed) = (pin!(reading), pin!(until_closed));
        std::future::poll_fn(|context| {
            if until_closed.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            reading.as_mut().poll(context)
        })
        .await;
    });
}

async fn handle(contribution: &Contribution, event: RawReceived, caller: &'static str) {
    let Some(handler) = contribution.asynchronous() else { return };
    let handler: &AsyncHandler = handler;
    let context = CallContext::stamped(caller, 0);
    // SAFETY: the handler was attached to this point, so the event is of its type; it writes no value.
    let handled = unsafe {
        crossing::<(), _>(move |out, failure, waker, pending| {
            let dispatch = Dispatch::begin(contribution.info.counter, &contribution.info.times);
            if let Some(dispatch) = &dispatch {
                dispatch.runs(contribution.seat.number, contribution.point);
            }
            let mut event = MaybeUninit::new(event);
            (handler.start)(
                handler.state,
                event.as_mut_ptr().cast(),
                &raw const context,
                out,
                failure,
                waker,
                pending,
            )
        })
    };
    if let Err(error) = polled_at(contribution.seat.number, contribution.point, handled).await {
        contribution.seat.fault(&contribution.info.name, &error);
    }
}
