//! What a person says while the turn runs: the model reads it with its next request.

use transom_agent::log::MessageOf;
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::queue::{Delivered, Steering};
use transom_plugin_api::{CallError, CallErrorKind};

use super::Turn;
use super::progress::Progress;
use super::run::{Flow, fail};
use crate::edges::Edges;
use crate::step::Failure;

impl<E: Edges> Turn<E> {
    /// Takes what was said meanwhile into the log and into the next request; how the turn goes on when that could not be
    /// stored.
    pub(super) async fn steer(&self, progress: &mut Progress) -> Option<Flow> {
        let Steering { message_id, text } = self.steering().await?;
        match self.is_stored(&message_id).await {
            Ok(true) => {}
            Ok(false) => {
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

    /// What the queue has for this turn; a queue that does not answer is no reason to wait.
    async fn steering(&self) -> Option<Steering> {
        let taken = self.edges.take_steering(self.claim.conversation_id()).await;
        taken.unwrap_or_else(|error| {
            tracing::warn!("the queue does not say what was said meanwhile: {error}");
            None
        })
    }

    /// Whether a message is in the log: it is given out again until the queue knows.
    async fn is_stored(&self, message_id: &transom_plugin_api::Text) -> Result<bool, CallError> {
        let conversation_id = self.claim.conversation_id().clone();
        match self.edges.locate(MessageOf { conversation_id, message_id: message_id.clone() }).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == CallErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
