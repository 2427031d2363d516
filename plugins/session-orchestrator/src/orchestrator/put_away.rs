//! Conversations that are opened and put away, and answers to questions.

use transom_agent::conversation::{Conversation, Status, Update};
use transom_agent::turn::{AnswerQuestion, Answered, Closed};
use transom_plugin_api::{CallError, Maybe, Text};

use super::Orchestrator;
use crate::edges::Edges;

impl<E: Edges> Orchestrator<E> {
    /// Stops the turn of a conversation, if there is one, and puts the conversation away.
    ///
    /// # Errors
    /// See [`CLOSE`](transom_agent::turn::CLOSE).
    pub(crate) async fn close(&self, conversation_id: &Text) -> Result<Closed, CallError> {
        let stopped = self.stop_known(conversation_id).await?;
        let update = Update {
            conversation_id: conversation_id.clone(),
            status: Maybe::Some(Status::Closed),
            ..Update::default()
        };
        self.edges.update(update).await?;
        Ok(Closed { conversation_id: conversation_id.clone(), aborted_turn: stopped.aborted_turn })
    }

    /// What is known about a conversation that somebody wants to be seen.
    ///
    /// # Errors
    /// `NotFound` for an unknown conversation.
    pub(crate) async fn open(&self, conversation_id: &Text) -> Result<Conversation, CallError> {
        self.edges.find(conversation_id).await
    }

    /// Answers a question.
    ///
    /// # Errors
    /// See [`ANSWER`](transom_agent::turn::ANSWER).
    pub(crate) async fn answer(&self, answer: AnswerQuestion) -> Result<Answered, CallError> {
        self.edges.find(&answer.conversation_id).await?;
        Err(CallError::not_found(format!("no turn that waits asks `{}`", answer.question_id)))
    }
}
