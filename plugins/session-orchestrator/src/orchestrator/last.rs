//! The last words of a conversation, when its turn is over.

use std::future::Future;
use std::time::Duration;

use transom_agent::log::{Read, StoredChunk};
use transom_agent::message::{Chunk, Role};
use transom_agent::turn::Watch;
use transom_plugin_api::{CallError, Maybe, Text};

use super::Orchestrator;
use crate::edges::Edges;
use crate::hub::Viewer;

/// How long somebody waits for the end of a turn; then he is told what there is.
const PATIENCE: Duration = Duration::from_secs(60);
/// Chunks that are read at once.
const PAGE: u32 = 32;

/// What the model said last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Last {
    /// The last text of its last message; empty when that has none.
    pub(crate) content: Text,
    /// The turn in which it said so.
    pub(crate) turn_id: Option<Text>,
}

impl<E: Edges> Orchestrator<E> {
    /// What the model said last, when the turn that runs is sealed, or after a minute.
    ///
    /// # Errors
    /// `NotFound` for an unknown conversation, `Retired` when the plugin is being replaced.
    pub(crate) async fn last(&self, conversation_id: &Text) -> Result<Last, CallError> {
        self.last_within(conversation_id, self.edges.sleep(PATIENCE)).await
    }

    pub(super) async fn last_within(
        &self,
        conversation_id: &Text,
        patience: impl Future<Output = ()>,
    ) -> Result<Last, CallError> {
        // First, so that the seal cannot come between.
        let viewer = self.watch(&Watch {
            conversation_id: conversation_id.clone(),
            turn_id: Maybe::None,
            after: Maybe::None,
        })?;
        if self.hub.is_running(conversation_id) {
            tokio::select! {
                biased;
                sealed = until_sealed(&viewer) => sealed?,
                // A turn that never began has no seal.
                () = self.hub.until_free(conversation_id) => {}
                () = patience => {}
            }
        }
        self.last_words(conversation_id).await
    }

    async fn last_words(&self, conversation_id: &Text) -> Result<Last, CallError> {
        let mut before_seq = Maybe::None;
        let mut message: Option<StoredChunk> = None;
        loop {
            let read = Read {
                conversation_id: conversation_id.clone(),
                before_seq,
                limit: Maybe::Some(PAGE),
                ..Read::default()
            };
            let page = self.edges.read(read).await?.chunks;
            let Some(first) = page.first() else { return Ok(last_of(message, Text::default())) };
            before_seq = Maybe::Some(first.seq);
            for chunk in page.into_iter().rev() {
                let is_its = message.as_ref().is_none_or(|last| last.message_id == chunk.message_id);
                match (&chunk.chunk, is_its) {
                    _ if chunk.role != Role::Assistant => {}
                    (_, false) => return Ok(last_of(message, Text::default())),
                    (Chunk::Text { text }, true) => {
                        let text = text.clone();
                        return Ok(last_of(Some(chunk), text));
                    }
                    _ => message = Some(chunk),
                }
            }
        }
    }
}

fn last_of(message: Option<StoredChunk>, content: Text) -> Last {
    Last { content, turn_id: message.and_then(|message| message.turn_id.into_option()) }
}

async fn until_sealed(viewer: &Viewer) -> Result<(), CallError> {
    while let Some(frame) = viewer.next().await {
        if frame?.is_seal() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use transom_agent::event::AgentEventKind;
    use transom_agent::provider::FinishReason;
    use transom_plugin_api::CallErrorKind;

    use super::*;
    use crate::edges::fake::scene::{rest, scene, until};
    use crate::edges::fake::{Beat, finishes, says};

    #[tokio::test]
    async fn the_last_words_of_a_turn_are_told_when_it_is_sealed() {
        let scene = scene();
        scene.world.script([says("hel"), Beat::Hang]);
        let (started, viewer) = scene.try_start("hi").await.unwrap();
        until(&viewer, |frame| matches!(frame, AgentEventKind::TextDelta { .. })).await;
        let id = "c".into();
        let mut last = Box::pin(scene.orchestrator.last_within(&id, pending()));
        tokio::select! {
            biased;
            last = &mut last => panic!("it is not over: {last:?}"),
            () = ready(()) => {}
        }
        scene.stop();
        let last = last.await.unwrap();
        assert_eq!((last.content.as_str(), last.turn_id), ("hel", Some(started.turn_id)));
    }

    #[tokio::test]
    async fn who_has_waited_enough_is_told_what_there_is() {
        let scene = scene();
        scene.world.script([says("first"), finishes(FinishReason::Stop)]);
        scene.turn("hi").await;
        scene.world.script([Beat::Hang]);
        let viewer = scene.start("more").await;
        let last = scene.orchestrator.last_within(&"c".into(), ready(())).await.unwrap();
        assert_eq!(last.content, "first");
        scene.stop();
        rest(&viewer).await;
        let last = scene.orchestrator.last(&"c".into()).await.unwrap();
        assert_eq!(last.content, "first", "the stopped turn has said nothing");
    }

    #[tokio::test]
    async fn a_turn_that_never_begins_keeps_nobody_waiting() {
        let scene = scene();
        scene.world.script([says("a"), finishes(FinishReason::Stop)]);
        scene.turn("hi").await;
        let id = Text::from("c");
        let claim = scene.orchestrator.hub.claim(&id, "turn-x".into(), 0).unwrap();
        let mut last = Box::pin(scene.orchestrator.last_within(&id, pending()));
        tokio::select! {
            biased;
            last = &mut last => panic!("it may begin: {last:?}"),
            () = ready(()) => {}
        }
        drop(claim);
        assert_eq!(last.await.unwrap().content, "a");
    }

    #[tokio::test]
    async fn an_unknown_conversation_has_no_last_words() {
        let error = scene().orchestrator.last(&"c".into()).await.unwrap_err();
        assert_eq!(error.kind, CallErrorKind::NotFound);
    }
}
