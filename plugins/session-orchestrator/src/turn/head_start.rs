//! A head start: the model is asked the first time while the person's message, and what was chosen with it, is being stored.
//!
//! To store it takes about as long as a request needs to reach a provider, so that one beside the other saves the turn most of
//! that. What the model says meanwhile waits: nothing of a turn is shown before its beginning is durable. When the message
//! cannot be stored, the request is let go of. Nobody waits for room this way: where there is none at once, the turn waits for
//! it when it has begun.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use transom_agent::message::Message;
use transom_agent::provider::ProviderEvent;
use transom_plugin_api::{CallError, List, Shared};

use super::prefix::Prefixes;
use super::supervise;
use crate::asking::{Answering, Inquiry};
use crate::edges::{Edges, Items};
use crate::request::Prefix;
use crate::stop::Stop;

/// What is under way while the message is being stored.
pub(crate) struct HeadStart<E: Edges> {
    begun: Begun<E>,
    is_stored: Arc<AtomicBool>,
    is_outdated: bool,
}

/// What every request of the turn begins with, and the first of them, if it was made.
type Made<E> = (Prefix, Option<Asked<E>>);

enum Begun<E: Edges> {
    UnderWay(Pin<Box<dyn Future<Output = Result<Made<E>, String>> + Send>>),
    Done(Option<Box<Made<E>>>),
}

/// An answer of a model, of which the first event may have been heard.
pub(super) struct Asked<E: Edges> {
    /// Milliseconds since the epoch.
    pub(super) at: i64,
    stream: Answering<E>,
    first: Option<Option<Result<ProviderEvent, CallError>>>,
}

impl<E: Edges> Asked<E> {
    /// A model that is asked now.
    pub(super) const fn now(stream: Answering<E>, now_ms: i64) -> Self {
        Self { at: now_ms, stream, first: None }
    }
}

impl<E: Edges> Items<ProviderEvent> for Asked<E> {
    async fn next(&mut self) -> Option<Result<ProviderEvent, CallError>> {
        match self.first.take() {
            Some(first) => first,
            None => self.stream.next().await,
        }
    }
}

impl<E: Edges> HeadStart<E> {
    /// Begins. `messages` are what the model is to be shown; without them it is not asked yet.
    pub(super) fn begin(
        prefixes: Prefixes<E>,
        stop: Stop,
        inquiry: Inquiry,
        messages: Option<Shared<List<Message>>>,
    ) -> Self {
        let is_stored = Arc::new(AtomicBool::new(false));
        let stored = is_stored.clone();
        let made = async move {
            let prefix = prefixes.make().await;
            let Some(messages) = messages.filter(|_| !stop.is_suspended()) else { return (prefix, None) };
            let Some(room) = inquiry.room_now(&**prefixes.edges()).await else { return (prefix, None) };
            // One that cannot be asked is told when it is asked again.
            let Ok(stream) = inquiry.ask(prefixes.edges(), room, prefix.request(&messages)).await else {
                return (prefix, None);
            };
            let mut asked = Asked::now(stream, prefixes.edges().now_ms());
            asked.first = first_of(&mut asked.stream, &stored).await;
            (prefix, Some(asked))
        };
        Self { begun: Begun::UnderWay(Box::pin(supervise::caught(made))), is_stored, is_outdated: false }
    }

    /// Goes on while something else is done.
    pub(super) async fn beside<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        poll_fn(|context| {
            // First, so that the message is on its way to the store.
            let done = other.as_mut().poll(context);
            if done.is_pending() {
                let _ = self.poll(context);
            }
            done
        })
        .await
    }

    /// Nothing is stored any more before the turn begins: what the model says is waited for elsewhere.
    pub(super) fn stored(&self) {
        self.is_stored.store(true, Ordering::Relaxed);
    }

    /// Lets go of the request, because the model is to be shown something else.
    pub(super) const fn forget_request(&mut self) {
        self.is_outdated = true;
    }

    /// What came of it; `None` when that panicked.
    pub(super) async fn made(mut self) -> Option<Made<E>> {
        poll_fn(|context| self.poll(context)).await;
        match self.begun {
            Begun::Done(made) => {
                let (prefix, asked) = *made?;
                Some((prefix, asked.filter(|_| !self.is_outdated)))
            }
            Begun::UnderWay(_) => None,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Begun::UnderWay(made) = &mut self.begun else { return Poll::Ready(()) };
        let Poll::Ready(made) = made.as_mut().poll(context) else { return Poll::Pending };
        if let Err(panic) = &made {
            tracing::error!("the first request of a turn panicked and is made again: {panic}");
        }
        self.begun = Begun::Done(made.ok().map(Box::new));
        Poll::Ready(())
    }
}

/// The first event; `None` when it is not there yet and everything is stored. To wait for it has the request sent.
async fn first_of(
    stream: &mut impl Items<ProviderEvent>,
    is_stored: &AtomicBool,
) -> Option<Option<Result<ProviderEvent, CallError>>> {
    let mut next = pin!(stream.next());
    poll_fn(|context| match next.as_mut().poll(context) {
        Poll::Ready(first) => Poll::Ready(Some(first)),
        Poll::Pending if is_stored.load(Ordering::Relaxed) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}
