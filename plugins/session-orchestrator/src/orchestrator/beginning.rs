//! The beginning of a turn, up to its acceptance.

use std::time::Duration;

use tokio::sync::oneshot;
use transom_agent::conversation::{Conversation, Update};
use transom_agent::log::MessageOf;
use transom_agent::refusal::check_conversation_id;
use transom_agent::turn::{StartTurn, TurnInput, TurnStarted, TurnState};
use transom_agent::workspace::DEFAULT_WORKSPACE;
use transom_plugin_api::{CallError, CallErrorKind, Maybe, Text};

use super::Orchestrator;
use crate::admission::{self, ModelWishes};
use crate::edges::Edges;
use crate::folder;
use crate::hub::{Claim, Viewer};
use crate::turn::{Opening, Terms};

/// How long a start waits until what the last run has left is in order.
const REPAIR_PATIENCE: Duration = Duration::from_secs(20);
/// Letters of a turn's id that are random.
const RANDOM_LETTERS: usize = 6;

impl<E: Edges> Orchestrator<E> {
    /// Begins a turn, with a viewer that sees all of it.
    ///
    /// The conversation is claimed first, so that of two messages at a time one is refused before any filter or store
    /// has seen it. Until the person's message is stored, dropping this future or failing leaves no trace.
    ///
    /// # Errors
    /// See [`START`](transom_agent::turn::START).
    pub(crate) async fn start(&self, request: StartTurn) -> Result<(TurnStarted, Viewer), CallError> {
        check_conversation_id("conversationId", &request.conversation_id)?;
        admission::check_text(&request.text)?;
        self.until_repaired().await?;
        let now_ms = self.edges.now_ms();
        let claim = self.hub.claim(&request.conversation_id, new_turn_id(now_ms), now_ms)?;
        let (terms, opening) = self.agree(&claim, request, now_ms).await?;
        let viewer = claim.viewer();
        let (accepted, answer) = oneshot::channel();
        self.edges.spawn(self.turn(claim, terms).go(opening, accepted));
        let started =
            answer.await.map_err(|_| CallError::unavailable("the turn was broken off by the host"))??;
        Ok((started, viewer))
    }

    /// Waits until what the last run has left is in order.
    ///
    /// # Errors
    /// `Unavailable` when that takes too long.
    pub(crate) async fn until_repaired(&self) -> Result<(), CallError> {
        let mut repaired = self.repaired.subscribe();
        tokio::select! {
            biased;
            _ = repaired.wait_for(|repaired| *repaired) => Ok(()),
            () = self.edges.sleep(REPAIR_PATIENCE) => Err(CallError::unavailable(
                "turns that the last run has left are still being ended; try again soon",
            )),
        }
    }

    async fn agree(
        &self,
        claim: &Claim,
        request: StartTurn,
        now_ms: i64,
    ) -> Result<(Terms, Opening), CallError> {
        let mut known = self.known_idle(claim).await?;
        if let Maybe::Some(message_id) = &request.message_id {
            self.check_new(claim.conversation_id(), message_id).await?;
        }
        let stored = known.as_ref();
        let served: Vec<Text> = self.edges.models().into_iter().map(|model| model.name).collect();
        let wishes = ModelWishes {
            asked: request.model.as_deref(),
            stored: stored.and_then(|known| known.model.as_deref()),
            configured: self.settings.default_model.as_deref(),
        };
        let model = admission::choose_model(wishes, &served)?;
        let cwd = self.choose_folder(&request, stored).await?;
        let stored_effort = || stored.and_then(|known| known.reasoning_effort.clone().into_option());
        let effort = request.reasoning_effort.clone().into_option().or_else(stored_effort);
        let chosen = chosen(&request, stored, &model, &cwd);
        let input = TurnInput { conversation_id: request.conversation_id.clone(), text: request.text };
        let text = self.edges.filter_input(input).await?.text;
        if text.trim().is_empty() {
            return Err(CallError::new(CallErrorKind::Refused, "a filter left nothing of the message"));
        }
        if let (None, Maybe::Some(workspace_id)) = (&known, &request.workspace_id) {
            known = Some(self.make(&request.conversation_id, workspace_id).await?);
        }
        let terms = Terms { model, cwd, reasoning_effort: effort.unwrap_or_default(), accepted_at: now_ms };
        Ok((terms, Opening { text, message_id: request.message_id.into_option(), known, chosen }))
    }

    /// What is known about a conversation that we hold, and in which therefore no turn can run.
    ///
    /// # Errors
    /// `Conflict` when a turn waits for a person.
    async fn known_idle(&self, claim: &Claim) -> Result<Option<Conversation>, CallError> {
        let id = claim.conversation_id();
        let mut known = self.known(id).await?;
        if turn_in(known.as_ref()) == Some(&TurnState::Running) {
            // Whatever ran it is gone.
            self.repair_once().await?;
            known = self.known(id).await?;
        }
        match known.as_ref().and_then(|known| known.turn.as_ref()) {
            None => Ok(known),
            Some(turn) if turn.state == TurnState::Parked => Err(CallError::conflict(format!(
                "conversation `{id}` is already active: turn `{}` waits for an answer; answer its questions or stop it",
                turn.turn_id
            ))),
            Some(turn) => Err(CallError::conflict(format!(
                "conversation `{id}` is already active: turn `{}` runs; wait for its end or stop it",
                turn.turn_id
            ))),
        }
    }

    /// Refuses a message that is in the log already: its turn has begun.
    async fn check_new(&self, conversation_id: &Text, message_id: &Text) -> Result<(), CallError> {
        let message = MessageOf { conversation_id: conversation_id.clone(), message_id: message_id.clone() };
        match self.edges.locate(message).await {
            Ok(_) => Err(CallError::conflict(format!(
                "message `{message_id}` is in conversation `{conversation_id}` already; nothing is left to do for it"
            ))),
            Err(error) if error.kind == CallErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn choose_folder(
        &self,
        request: &StartTurn,
        known: Option<&Conversation>,
    ) -> Result<Text, CallError> {
        let asked = request.cwd.as_deref();
        let stored = known.and_then(|known| known.cwd.as_deref());
        let roots = self.edges.roots();
        if asked.is_some() || stored.is_some() {
            return folder::choose(asked, stored, None, &roots);
        }
        let workspace_id = match known {
            Some(known) => known.workspace_id.as_str(),
            None => request.workspace_id.as_deref().unwrap_or(DEFAULT_WORKSPACE),
        };
        let default = self.edges.workspace_folder(workspace_id).await?;
        folder::choose(None, None, default.as_deref(), &roots)
    }

    async fn make(&self, conversation_id: &Text, workspace_id: &Text) -> Result<Conversation, CallError> {
        let update = Update {
            conversation_id: conversation_id.clone(),
            workspace_id: Maybe::Some(workspace_id.clone()),
            ..Update::default()
        };
        self.edges.update(update).await
    }
}

fn turn_in(known: Option<&Conversation>) -> Option<&TurnState> {
    known.and_then(|known| known.turn.as_ref()).map(|turn| &turn.state)
}

/// What a request chose for its conversation that was not chosen before.
fn chosen(request: &StartTurn, known: Option<&Conversation>, model: &Text, cwd: &Text) -> Option<Update> {
    let new = |asked: bool, stored: Option<&Text>, choice: &Text| {
        (asked && stored != Some(choice)).then(|| choice.clone()).into()
    };
    let update = Update {
        conversation_id: request.conversation_id.clone(),
        model: new(request.model.is_some(), known.and_then(|known| known.model.as_ref()), model),
        cwd: new(request.cwd.is_some(), known.and_then(|known| known.cwd.as_ref()), cwd),
        ..Update::default()
    };
    (update.model.is_some() || update.cwd.is_some()).then_some(update)
}

/// `turn-<time>-<letters>`, in digits and small letters: short, since every message of the turn carries it.
fn new_turn_id(now_ms: i64) -> Text {
    let time = u128::try_from(now_ms).unwrap_or(0);
    let letters = base36(uuid::Uuid::new_v4().as_u128());
    format!("turn-{}-{}", base36(time), &letters[letters.len().saturating_sub(RANDOM_LETTERS)..]).into()
}

fn base36(mut number: u128) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(u32::try_from(number % 36).unwrap_or(0), 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_turns_are_short_plain_and_each_another() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| new_turn_id(1_700_000_000_000)).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert!(id.starts_with("turn-loyw3v28-") && id.len() == 20, "{id}");
        }
        assert_eq!(base36(0), "0");
    }
}
