//! One turn: supervised, so that it ends exactly once, whatever happens in it.

mod progress;
mod run;
mod seal;
mod store;
mod supervise;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tool_tests;

use std::sync::Arc;

use tokio::sync::oneshot;
use transom_agent::conversation::Update;
use transom_agent::event::AgentEventKind;
use transom_agent::log::{Append, Entry};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::ReasoningEffort;
use transom_agent::turn::TurnStarted;
use transom_plugin_api::{CallError, List, Maybe, Text};

use crate::SessionOrchestrator;
use crate::edges::Edges;
use crate::hub::{Claim, Places};
use crate::step::Failure;

use self::progress::Progress;

/// An accepted turn that holds its conversation.
pub(crate) struct Turn<E> {
    pub(crate) edges: Arc<E>,
    pub(crate) settings: Arc<SessionOrchestrator>,
    pub(crate) claim: Claim,
    pub(crate) terms: Terms,
}

/// What was agreed on when the turn was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// What the person says, as the filter left it.
    pub(crate) text: Text,
    pub(crate) model: Text,
    pub(crate) cwd: Text,
    pub(crate) reasoning_effort: ReasoningEffort,
    /// The model, when the request chose it for the conversation.
    pub(crate) chosen_model: Maybe<Text>,
    /// The folder, when the request chose it for the conversation.
    pub(crate) chosen_cwd: Maybe<Text>,
    /// Milliseconds since the epoch.
    pub(crate) accepted_at: i64,
}

impl<E: Edges> Turn<E> {
    /// Stores the person's message, tells `accepted`, and goes on to the seal. Nothing has happened when the message
    /// could not be stored.
    pub(crate) async fn go(mut self, accepted: oneshot::Sender<Result<TurnStarted, CallError>>) {
        if let Err(error) = self.store_question().await {
            // The conversation is free again before the answer is out.
            drop(self);
            let _ = accepted.send(Err(error));
            return;
        }
        self.claim.begin(Places::behind(0, 0));
        self.claim.show(AgentEventKind::UserMessage { text: self.terms.text.clone() });
        self.mark_active().await;
        let started = self.started();
        // Who asked may have gone away; the turn goes on all the same.
        let _ = accepted.send(Ok(started.clone()));
        let mut progress = Progress::default();
        let work = async {
            self.edges.say_started(&started);
            self.claim.show(AgentEventKind::TurnStart { model: self.terms.model.clone() });
            self.run(&mut progress).await
        };
        let reason = supervise::caught(work).await.unwrap_or_else(|panic| {
            tracing::error!("turn `{}` panicked: {panic}", self.claim.turn_id());
            let failure =
                Failure::new("internal", "the turn was broken off by a fault in the host; its log says more");
            self.fail(&mut progress, failure)
        });
        self.seal(progress, reason).await;
    }

    async fn store_question(&self) -> Result<(), CallError> {
        let message = Message::text(new_id(), Role::User, self.terms.text.clone());
        let start = Chunk::TurnStart {
            turn_id: self.claim.turn_id().clone(),
            model: self.terms.model.clone(),
            cwd: self.terms.cwd.clone(),
            reasoning_effort: self.terms.reasoning_effort.clone(),
        };
        let append = self.of_turn(List::from([message, fact(start)]));
        store::append(&*self.edges, append).await.map(drop)
    }

    /// Messages of this turn, for the log.
    fn of_turn(&self, messages: impl IntoIterator<Item = Message>) -> Append {
        let entry = |message| Entry {
            message,
            turn_id: Maybe::Some(self.claim.turn_id().clone()),
            positions: List::new(),
        };
        let entries = messages.into_iter().map(entry).collect();
        Append { conversation_id: self.claim.conversation_id().clone(), entries }
    }

    async fn mark_active(&self) {
        let update = Update {
            conversation_id: self.claim.conversation_id().clone(),
            cwd: self.terms.chosen_cwd.clone(),
            model: self.terms.chosen_model.clone(),
            ..Update::default()
        };
        self.update(update).await;
    }

    /// What a listing says about a conversation is worth a warning, not the turn.
    async fn update(&self, update: Update) {
        if let Err(error) = self.edges.update(update).await {
            tracing::warn!("conversation `{}` was not updated: {error}", self.claim.conversation_id());
        }
    }

    fn started(&self) -> TurnStarted {
        TurnStarted {
            conversation_id: self.claim.conversation_id().clone(),
            turn_id: self.claim.turn_id().clone(),
            model: self.terms.model.clone(),
            cwd: self.terms.cwd.clone(),
        }
    }
}

/// A message that is a fact.
fn fact(chunk: Chunk) -> Message {
    Message { id: new_id(), role: Role::System, chunks: List::from([chunk]) }
}

/// A durable id for a message.
fn new_id() -> Text {
    uuid::Uuid::new_v4().to_string().into()
}
