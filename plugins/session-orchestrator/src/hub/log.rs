//! [`Log`]: what the hub asks of whoever keeps the logs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use transom_agent::conversation::Conversation;
use transom_agent::log::{Chunks, Read};
use transom_plugin_api::{CallError, Text};

use crate::edges::Edges;

/// An answer on its way.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send + 'a>>;

/// The logs of all conversations.
pub(crate) trait Log: Send + Sync {
    /// A part of a log; see [`READ`](transom_agent::log::READ).
    fn read(&self, read: Read) -> Answer<'_, Chunks>;
    /// What is known about a conversation; see [`FIND`](transom_agent::conversation::FIND).
    fn find<'a>(&'a self, conversation_id: &'a Text) -> Answer<'a, Conversation>;
    /// Does some work beside everything else.
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>);
}

impl<E: Edges> Log for E {
    fn read(&self, read: Read) -> Answer<'_, Chunks> {
        Box::pin(Edges::read(self, read))
    }

    fn find<'a>(&'a self, conversation_id: &'a Text) -> Answer<'a, Conversation> {
        Box::pin(Edges::find(self, conversation_id))
    }

    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        Edges::spawn(self, work);
    }
}

/// Whoever keeps them.
#[derive(Clone)]
pub(crate) struct Logs(pub(crate) Arc<dyn Log>);

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logs")
    }
}
