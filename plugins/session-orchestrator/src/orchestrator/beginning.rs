//! The beginning of a turn, up to its acceptance.

use std::time::Duration;

use tokio::sync::oneshot;
use transom_agent::conversation::{Conversation, Update};
use transom_agent::log::MessageOf;
use transom_agent::provider::ReasoningEffort;
use transom_agent::refusal::check_conversation_id;
use transom_agent::turn::{ModelChoice, StartTurn, TurnInput, TurnStarted, TurnState};
use transom_agent::workspace::DEFAULT_WORKSPACE;
use transom_plugin_api::{CallError, CallErrorKind, Maybe, Text};

use super::Orchestrator;
use crate::admission::{self, ModelWishes};
use crate::edges::Edges;
use crate::hub::{Claim, Viewer};
use crate::turn::{Opening, Terms};
use crate::{folder, ids};

/// How long a start waits until what the last run has left is in order.
const REPAIR_PATIENCE: Duration = Duration::from_secs(20);

/// What is asked for, for one turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes<'a> {
    model: Option<&'a str>,
    cwd: Option<&'a str>,
    reasoning_effort: Option<&'a ReasoningEffort>,
    workspace_id: Option<&'a str>,
}

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
        let claim = self.hub.claim(&request.conversation_id, ids::fresh("turn", now_ms), now_ms)?;
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
        let wishes = Wishes {
            model: request.model.as_deref(),
            cwd: request.cwd.as_deref(),
            reasoning_effort: request.reasoning_effort.as_ref(),
            workspace_id: request.workspace_id.as_deref(),
        };
        let terms = self.terms(&request.conversation_id, wishes, stored, now_ms).await?;
        let chosen = chosen(&request, stored, &terms.model, &terms.cwd);
        let input = TurnInput {
            conversation_id: request.conversation_id.clone(),
            text: request.text,
            cwd: terms.cwd.clone(),
            is_first: known.as_ref().is_none_or(|known| known.latest_position == 0),
        };
        let text = self.edges.filter_input(input).await?.text;
        if text.trim().is_empty() {
            return Err(CallError::new(CallErrorKind::Refused, "a filter left nothing of the message"));
        }
        if let (None, Maybe::Some(workspace_id)) = (&known, &request.workspace_id) {
            known = Some(self.make(&request.conversation_id, workspace_id).await?);
        }
        Ok((terms, Opening { text, message_id: request.message_id.into_option(), known, chosen }))
    }

    /// What a turn of a conversation works with: what is asked for, else what was chosen for the conversation, else what there
    /// is.
    ///
    /// # Errors
    /// When a turn cannot begin with that.
    pub(super) async fn terms(
        &self,
        conversation_id: &Text,
        wishes: Wishes<'_>,
        known: Option<&Conversation>,
        now_ms: i64,
    ) -> Result<Terms, CallError> {
        let served: Vec<Text> = self.edges.models().into_iter().map(|model| model.name).collect();
        let of_model = ModelWishes {
            asked: wishes.model,
            stored: known.and_then(|known| known.model.as_deref()),
            configured: self.settings.default_model.as_deref(),
        };
        let model = admission::choose_model(of_model, &served)?;
        let cwd = self.choose_folder(wishes, known).await?;
        let choice = ModelChoice {
            conversation_id: conversation_id.clone(),
            cwd: cwd.clone(),
            model,
            before: known.map_or(Maybe::None, |known| known.model.clone()),
            is_asked_for: wishes.model.is_some(),
        };
        let model = self.edges.filter_model(choice).await?.model;
        admission::check_model(&model, &served)?;
        let stored_effort = || known.and_then(|known| known.reasoning_effort.as_ref());
        let reasoning_effort = wishes.reasoning_effort.or_else(stored_effort).cloned().unwrap_or_default();
        Ok(Terms { model, cwd, reasoning_effort, accepted_at: now_ms })
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
            let _ = self.repair_once().await?;
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
        wishes: Wishes<'_>,
        known: Option<&Conversation>,
    ) -> Result<Text, CallError> {
        let asked = wishes.cwd;
        let stored = known.and_then(|known| known.cwd.as_deref());
        let roots = self.edges.roots();
        if asked.is_some() || stored.is_some() {
            return folder::choose(asked, stored, None, &roots);
        }
        let workspace_id = match known {
            Some(known) => known.workspace_id.as_str(),
            None => wishes.workspace_id.unwrap_or(DEFAULT_WORKSPACE),
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
