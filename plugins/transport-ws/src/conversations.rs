//! [`Conversations`]: the far side, as a connection sees it.

use std::future::Future;
use std::task::{Context, Poll};

use transom_agent::conversation::Conversation;
use transom_agent::event::AgentEvent;
use transom_agent::question::{AnswerQuestion, Answered};
use transom_agent::queue::{Enqueue, Enqueued, Requeue, Requeued};
use transom_agent::reach::WsPush;
use transom_agent::turn::{StartTurn, Stopped, TurnStarted, Watch};
use transom_plugin_api::{CallError, Json, Text};

/// What a call answers.
type Result<T> = std::result::Result<T, CallError>;

/// Whoever runs conversations, and whoever registered operations.
pub(crate) trait Conversations: Send + Sync + 'static {
    /// The frames of a conversation.
    type Frames: Frames<AgentEvent>;

    /// What a subscription pushes.
    type Pushes: Frames<WsPush>;

    /// Begins a turn.
    fn start(&self, turn: StartTurn) -> impl Future<Output = Result<TurnStarted>> + Send;

    /// Stops the running turn of a conversation.
    fn stop(&self, conversation: Text) -> impl Future<Output = Result<Stopped>> + Send;

    /// Answers a question of a parked turn.
    fn answer(&self, answer: AnswerQuestion) -> impl Future<Output = Result<Answered>> + Send;

    /// Sends a message, or lets it wait.
    fn enqueue(&self, message: Enqueue) -> impl Future<Output = Result<Enqueued>> + Send;

    /// Takes out a message that waits.
    fn requeue(&self, change: Requeue) -> impl Future<Output = Result<Requeued>> + Send;

    /// What is known about a conversation.
    fn find(&self, conversation: Text) -> impl Future<Output = Result<Conversation>> + Send;

    /// Opens a stream of frames.
    fn watch(&self, wanted: Watch) -> Result<Self::Frames>;

    /// Performs a registered operation.
    fn operate(&self, name: &str, input: Json) -> impl Future<Output = Result<Json>> + Send;

    /// Whether somebody registered subscriptions of that name.
    fn has_subscription(&self, name: &str) -> bool;

    /// Opens a registered subscription.
    fn subscribe(&self, name: &str, input: Json) -> Result<Self::Pushes>;
}

/// A stream of frames. Dropping it tells its provider that nobody looks any more.
pub(crate) trait Frames<Frame>: Send + Unpin + 'static {
    /// The next frame; `None` at the end. After an error or the end it is not polled again.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame>>>;
}
