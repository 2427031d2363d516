//! The mailbox of a queued listener, and the task that reads it.

use std::future::{Future, poll_fn};
use std::mem::MaybeUninit;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use transom_plugin_api::abi::host_table::{AsyncHandler, MailboxTerms, RawReceived};
use transom_plugin_api::abi::task::crossing;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallContext, CallError};

use super::queue::{Queue, WhenFull};
use super::shared::SharedPayload;
use crate::breadcrumb::{self, polled_at};
use crate::bridge::lane::not_carried;
use crate::table::Contribution;
use crate::trace::{self, Teller};

/// Events on their way to one listener, in order.
pub(crate) type Mailbox = Queue<Mail>;

/// An event and who told it.
pub(crate) struct Mail {
    pub(crate) event: Arc<SharedPayload>,
    pub(crate) teller: Teller,
}

/// A mailbox by the terms of its listener.
pub(crate) fn mailbox(terms: MailboxTerms) -> Arc<Mailbox> {
    let when_full = match terms.when_full {
        1 => WhenFull::Coalesce,
        2 => WhenFull::Wait,
        _ => WhenFull::DropOldest,
    };
    Queue::new(terms.capacity as usize, when_full)
}

/// Waits for room, then puts the event in.
pub(crate) async fn push_when_free(mailbox: &Mailbox, mail: Mail) {
    let mut mail = Some(mail);
    poll_fn(|context| mailbox.poll_push(&mut mail, context)).await;
}

/// A reader, until it is dropped.
struct Reading(Arc<Mailbox>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.end_reading();
    }
}

/// Starts the task that reads the mailbox of `contribution`, if it has one; after the reader of `predecessor`, whose
/// events it took over, has left. The task holds the contribution while it has events to read, so that a stop waits for
/// them.
pub(crate) fn attend(contribution: &Arc<Contribution>, predecessor: Option<Arc<Mailbox>>) {
    let Some(mailbox) = contribution.mailbox.clone().filter(|_| contribution.waiting.is_none()) else {
        return;
    };
    mailbox.begin_reading();
    let reading = Reading(mailbox);
    let contribution = Arc::clone(contribution);
    let closing = Arc::clone(&contribution.seat);
    let runtime = closing.shared.runtime.clone();
    let reading_on = async move {
        let Reading(mailbox) = &reading;
        if let Some(predecessor) = predecessor
            && !sabotaged("read-beside-the-old-generation")
        {
            poll_fn(|context| predecessor.poll_left(context)).await;
        }
        while let Some((mail, lost)) = poll_fn(|context| mailbox.poll_next(context)).await {
            let Mail { event, teller: Teller { id, origin } } = mail;
            origin.around(handle(&contribution, event, id, lost)).await;
        }
    };
    let until_closed = async move {
        let closed = closing.closing.notified();
        if !closing.is_closed() {
            closed.await;
        }
    };
    runtime.spawn(async move {
        let (mut reading_on, mut until_closed) = (pin!(reading_on), pin!(until_closed));
        poll_fn(|context| {
            if until_closed.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            reading_on.as_mut().poll(context)
        })
        .await;
    });
}

async fn handle(contribution: &Contribution, event: Arc<SharedPayload>, caller: &'static str, lost: u64) {
    let Some(handler) = contribution.asynchronous() else { return };
    let handler: &AsyncHandler = handler;
    let context = trace::stamped(caller, 0);
    let event = match readable(contribution, event) {
        Ok(event) => event.received(lost),
        Err(error) => {
            let error = not_carried(contribution.seat.id, &error);
            return contribution.seat.fault(&contribution.info.name, &error);
        }
    };
    // SAFETY: the handler was attached to this point, so the event is of its type; it writes no value.
    let handled = unsafe { start(contribution, handler, event, &context) };
    if let Err(error) = polled_at(contribution.crumb(), handled).await {
        contribution.seat.fault(&contribution.info.name, &error);
    }
}

/// The event as this listener reads it: one that came to the generation before it may be of another copy of the contract.
fn readable(contribution: &Contribution, event: Arc<SharedPayload>) -> Result<Arc<SharedPayload>, CallError> {
    match contribution.info.types.get() {
        Some(types) if !event.is_of(&types.input) => {
            let document = event.encoded()?;
            SharedPayload::decoded(types.input, &document)
        }
        _ => Ok(event),
    }
}

/// # Safety
/// The event is of the handler's type.
unsafe fn start<'a>(
    contribution: &'a Contribution,
    handler: &'a AsyncHandler,
    event: RawReceived,
    context: &'a CallContext,
) -> impl Future<Output = Result<(), CallError>> + 'a {
    // SAFETY: by this function's contract; the handler writes no value.
    unsafe {
        crossing::<(), _>(Some(move |out, failure, waker, pending| {
            let mut event = MaybeUninit::new(event);
            let event = event.as_mut_ptr().cast();
            let context = std::ptr::from_ref(context);
            let own = breadcrumb::own();
            let level = own.descend();
            let _timing = level.as_ref().map(|level| {
                own.runs(contribution.crumb());
                level.begins(contribution.info.counter, &contribution.info.times)
            });
            (handler.start)(handler.state, event, context, out, failure, waker, pending)
        }))
    }
}
