//! Everything the queue needs of the world around it, as one trait: the bus in earnest, memory in tests.

pub(crate) mod bus;
#[cfg(test)]
pub(crate) mod fake;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use transom_agent::conversation::Conversation;
use transom_agent::log::{Located, MessageOf};
use transom_agent::storage::{StorageRead, StorageRows, StorageWrite};
use transom_agent::turn::{EndReason, StartTurn, TurnStarted};
use transom_plugin_api::{CallError, Text};

/// What runs in the background.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The edges of the queue.
pub(crate) trait Edges: Send + Sync + 'static {
    /// Milliseconds since the epoch.
    fn now_ms(&self) -> i64;
    /// An id that no message has.
    fn new_id(&self) -> Text;
    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
    /// Runs something in the background.
    fn spawn(&self, work: Work);
    /// Waits until the host has started up.
    fn started_up(&self) -> impl Future<Output = ()> + Send;

    /// Something else waits in a conversation than before.
    fn changed(&self, conversation_id: &Text);

    /// Begins a turn.
    fn start(&self, start: StartTurn) -> impl Future<Output = Result<TurnStarted, CallError>> + Send;
    /// What is known about a conversation, if it is there.
    fn find(
        &self,
        conversation_id: &Text,
    ) -> impl Future<Output = Result<Option<Conversation>, CallError>> + Send;
    /// Why the last turn of a conversation ended, if it had any and that one has.
    fn last_end(
        &self,
        conversation_id: &Text,
    ) -> impl Future<Output = Result<Option<EndReason>, CallError>> + Send;
    /// Where a message stands in its log, if it is there.
    fn locate(&self, message: MessageOf) -> impl Future<Output = Result<Option<Located>, CallError>> + Send;

    /// Reads own rows.
    fn read(&self, read: StorageRead) -> impl Future<Output = Result<StorageRows, CallError>> + Send;
    /// Writes own rows, all or none; durable when it answers.
    fn write(&self, writes: Vec<StorageWrite>) -> impl Future<Output = Result<(), CallError>> + Send;
}
