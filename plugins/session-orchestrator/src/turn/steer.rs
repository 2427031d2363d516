//! What a person says while the turn runs: the model reads it with its next request.

use transom_agent::log::MessageOf;
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::queue::{Delivered, Steering};
use transom_agent::turn::TurnInput;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Text};

use super::Turn;
use super::progress::Progress;
use super::run::{Flow, fail};
use crate::edges::Edges;
use crate::step::Failure;

impl<E: Edges> Turn<E> {
    /// Takes what was said meanwhile into the log and into the next request; how the turn goes on when that could not be
    /// stored.
    pub(super) async fn steer(&self, progress: &mut Progress) -> Option<Flow> {
        if progress.is_steering_refused {
            return None;
        }
        let Steering { message_id, text } = self.steering().await?;
        match self.is_stored(&message_id).await {
            Ok(true) => {}
            Ok(false) => {
                let text = self.let_in(progress, text).await?;
                let chunk = Chunk::Text { text: text.clone() };
                if let Err(error) = self.store_alone(message_id.clone(), Role::User, chunk).await {
                    let failure = Failure::of_store("what was said meanwhile could not be stored", &error);
                    return Some(fail(progress, failure));
                }
                if let Some(past) = &mut progress.past {
                    past.extend([Message::text(message_id.clone(), Role::User, text)]);
                }
            }
            // It is taken again at the next boundary.
            Err(error) => {
                tracing::warn!("what was said meanwhile has to wait: {error}");
                return None;
            }
        }
        let delivered = Delivered { conversation_id: self.claim.conversation_id().clone(), message_id };
        if let Err(error) = self.edges.steering_delivered(delivered).await {
            tracing::warn!("the queue does not know yet that a message was delivered: {error}");
        }
        None
    }

    /// What is left of a message when everybody had a say in it who has one in the message of a new turn. One that is refused stays
    /// with the queue, which tries it as a turn of its own behind this one.
    async fn let_in(&self, progress: &mut Progress, text: Text) -> Option<Text> {
        if sabotaged("steer-past-the-filters") {
            return Some(text);
        }
        let input = TurnInput {
            conversation_id: self.claim.conversation_id().clone(),
            text,
            cwd: self.terms.cwd.clone(),
            is_first: false,
        };
        let problem = match self.claim.stop().unless_suspended(self.edges.filter_input(input)).await? {
            Ok(input) if !input.text.trim().is_empty() => return Some(input.text),
            Ok(_) => "a filter left nothing of it".to_owned(),
            Err(error) => error.to_string(),
        };
        progress.is_steering_refused = true;
        let message = format!("what was said meanwhile does not reach this turn: {problem}");
        tracing::warn!("{message}");
        self.claim.tell(Failure::new("refused", message).frame());
        None
    }

    /// What the queue has for this turn; a queue that does not answer is no reason to wait.
    async fn steering(&self) -> Option<Steering> {
        let taken = self.edges.take_steering(self.claim.conversation_id()).await;
        taken.unwrap_or_else(|error| {
            tracing::warn!("the queue does not say what was said meanwhile: {error}");
            None
        })
    }

    /// Whether a message is in the log: it is given out again until the queue knows.
    async fn is_stored(&self, message_id: &Text) -> Result<bool, CallError> {
        let conversation_id = self.claim.conversation_id().clone();
        match self.edges.locate(MessageOf { conversation_id, message_id: message_id.clone() }).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == CallErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
