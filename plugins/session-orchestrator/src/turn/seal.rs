//! The end of a turn, which is the same whatever the turn came to.

use transom_agent::event::AgentEventKind;
use transom_agent::message::Chunk;
use transom_agent::turn::{EndReason, TurnRecord, TurnSettled};
use transom_plugin_api::Maybe;

use super::progress::Progress;
use super::{Turn, fact, new_id, store};
use crate::edges::Edges;
use crate::step::{Failure, between};

impl<E: Edges> Turn<E> {
    /// Stores what is left with the turn's record, then tells: `done`, `turn-sealed`, and the event.
    ///
    /// The conversation is idle before the seal is seen, so that who sees it can go on. What the store refuses for good
    /// is lost, and the turn ends with that as its failure.
    pub(super) async fn seal(mut self, progress: Progress, reason: EndReason) {
        let conversation_id = self.claim.conversation_id().clone();
        let finished = progress.finish(new_id);
        let mut record = TurnRecord {
            turn_id: self.claim.turn_id().clone(),
            model: self.terms.model.clone(),
            reason,
            usage: finished.usage,
            steps: finished.steps,
            error_class: Maybe::None,
            context_size: finished.context_size.into(),
            started_at: self.terms.accepted_at,
            duration_ms: between(self.terms.accepted_at, self.edges.now_ms()),
        };
        let end = fact(Chunk::TurnEnd { record: record.clone() });
        let append = self.of_turn(finished.messages.into_iter().chain([end]));
        if let Err(error) = store::append(&*self.edges, append).await {
            tracing::error!("the end of turn `{}` is lost: {error}", record.turn_id);
            self.claim.show(Failure::of_call("the end of the turn could not be stored", &error).frame());
            record.reason = EndReason::Error;
        }
        self.claim.show(AgentEventKind::Done {
            reason: record.reason.clone(),
            duration_ms: record.duration_ms,
            usage: record.usage,
            context_size: finished.context_size.into(),
        });
        self.claim.seal(self.edges.now_ms());
        self.edges.say_settled(&TurnSettled { conversation_id, answer: finished.words, record });
    }
}
