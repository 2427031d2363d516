//! [`Bus`]: conversations as the plugins of this host serve them.

use std::task::{Context, Poll};

use transom_agent::conversation::Conversation;
use transom_agent::event::AgentEvent;
use transom_agent::question::{AnswerQuestion, Answered};
use transom_agent::queue::{Enqueue, Enqueued, Requeue, Requeued};
use transom_agent::reach::{Verb, WsPush};
use transom_agent::turn::{StartTurn, Stopped, TurnStarted, Watch};
use transom_plugin_api::{CallError, Caller, Contract, ItemStream, Json, StreamCaller, Text};

use crate::conversations::{Conversations, Frames};

/// The points at which conversations are served.
pub(crate) struct Bus {
    pub(crate) start: Caller<StartTurn, TurnStarted>,
    pub(crate) stop: Caller<Text, Stopped>,
    pub(crate) watch: StreamCaller<Watch, AgentEvent>,
    pub(crate) answer: Caller<AnswerQuestion, Answered>,
    pub(crate) enqueue: Caller<Enqueue, Enqueued>,
    pub(crate) requeue: Caller<Requeue, Requeued>,
    pub(crate) find: Caller<Text, Conversation>,
    pub(crate) operation: Caller<Json, Json, Verb>,
    pub(crate) subscription: StreamCaller<Json, WsPush, Verb>,
}

impl Conversations for Bus {
    type Frames = ItemStream<AgentEvent>;
    type Pushes = ItemStream<WsPush>;

    async fn start(&self, turn: StartTurn) -> Result<TurnStarted, CallError> {
        self.start.call(turn).await
    }

    async fn stop(&self, conversation: Text) -> Result<Stopped, CallError> {
        self.stop.call(conversation).await
    }

    async fn answer(&self, answer: AnswerQuestion) -> Result<Answered, CallError> {
        self.answer.call(answer).await
    }

    async fn enqueue(&self, message: Enqueue) -> Result<Enqueued, CallError> {
        self.enqueue.call(message).await
    }

    async fn requeue(&self, change: Requeue) -> Result<Requeued, CallError> {
        self.requeue.call(change).await
    }

    async fn find(&self, conversation: Text) -> Result<Conversation, CallError> {
        self.find.call(conversation).await
    }

    fn watch(&self, wanted: Watch) -> Result<ItemStream<AgentEvent>, CallError> {
        self.watch.open(wanted)
    }

    async fn operate(&self, name: &str, input: Json) -> Result<Json, CallError> {
        self.operation.call_named(name, input).await
    }

    fn has_subscription(&self, name: &str) -> bool {
        self.subscription.names().iter().any(|provided| provided.name == name)
    }

    fn subscribe(&self, name: &str, input: Json) -> Result<ItemStream<WsPush>, CallError> {
        self.subscription.open_named(name, input)
    }
}

impl<Frame: Contract> Frames<Frame> for ItemStream<Frame> {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame, CallError>>> {
        ItemStream::poll_next(self, context)
    }
}
