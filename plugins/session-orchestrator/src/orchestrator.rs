//! What the orchestrator serves, whatever carries the request.

mod last;
mod put_away;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use transom_agent::conversation::{Conversation, Status};
use transom_agent::provider::ModelInfo;
use transom_agent::tool::ToolPrinted;
use transom_agent::turn::{StartTurn, Stopped, TurnInput, TurnStarted, TurnStatus, Watch};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Provided, Text};

pub(crate) use self::last::Last;

use crate::admission::{self, ModelWishes};
use crate::edges::Edges;
use crate::hub::{Claim, Hub, Kept, Viewer};
use crate::turn::{Terms, Turn};
use crate::{SessionOrchestrator, folder};

/// Starts turns, and shows and stops those that run.
pub(crate) struct Orchestrator<E> {
    edges: Arc<E>,
    hub: Arc<Hub>,
    settings: Arc<SessionOrchestrator>,
}

impl<E: Edges> Orchestrator<E> {
    pub(crate) fn new(edges: E, settings: SessionOrchestrator) -> Self {
        let edges = Arc::new(edges);
        let hub = Hub::new(Arc::<E>::clone(&edges));
        Self { edges, hub, settings: Arc::new(settings) }
    }

    /// Begins a turn, with a viewer that sees all of it.
    ///
    /// The conversation is claimed first, so that of two messages at a time one is refused before any filter or store
    /// has seen it. Until the person's message is stored, dropping this future or failing leaves no trace.
    ///
    /// # Errors
    /// See [`START`](transom_agent::turn::START).
    pub(crate) async fn start(&self, request: StartTurn) -> Result<(TurnStarted, Viewer), CallError> {
        admission::check_conversation_id(&request.conversation_id)?;
        admission::check_text(&request.text)?;
        let now_ms = self.edges.now_ms();
        let claim = self.hub.claim(&request.conversation_id, new_turn_id(), now_ms)?;
        let terms = self.agree(&claim, request, now_ms).await?;
        let viewer = claim.viewer();
        let (accepted, answer) = oneshot::channel();
        let (edges, settings) = (Arc::clone(&self.edges), Arc::clone(&self.settings));
        self.edges.spawn(Turn { edges, settings, claim, terms }.go(accepted));
        let started =
            answer.await.map_err(|_| CallError::unavailable("the turn was broken off by the host"))??;
        Ok((started, viewer))
    }

    async fn agree(&self, claim: &Claim, request: StartTurn, now_ms: i64) -> Result<Terms, CallError> {
        let known = self.known(claim.conversation_id()).await?;
        let known = known.as_ref();
        let served: Vec<Text> = self.edges.models().into_iter().map(|model| model.name).collect();
        let wishes = ModelWishes {
            asked: request.model.as_deref(),
            stored: known.and_then(|known| known.model.as_deref()),
            configured: self.settings.default_model.as_deref(),
        };
        let model = admission::choose_model(wishes, &served)?;
        let stored_cwd = known.and_then(|known| known.cwd.as_deref());
        let cwd = folder::choose(request.cwd.as_deref(), stored_cwd, &self.edges.roots())?;
        let input = TurnInput { conversation_id: request.conversation_id, text: request.text };
        let text = self.edges.filter_input(input).await?.text;
        if text.trim().is_empty() {
            return Err(CallError::new(CallErrorKind::Refused, "a filter left nothing of the message"));
        }
        Ok(Terms {
            text,
            reasoning_effort: request.reasoning_effort.into_option().unwrap_or_default(),
            chosen_model: request.model.is_some().then(|| model.clone()).into(),
            chosen_cwd: request.cwd.is_some().then(|| cwd.clone()).into(),
            model,
            cwd,
            accepted_at: now_ms,
        })
    }

    /// What the store knows about a conversation, if anything.
    async fn known(&self, conversation_id: &str) -> Result<Option<Conversation>, CallError> {
        match self.edges.find(conversation_id).await {
            Ok(conversation) => Ok(Some(conversation)),
            Err(error) if error.kind == CallErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The turn for which a conversation takes no other: it runs, or waits for a person.
    pub(crate) async fn turn_of(&self, conversation_id: &Text) -> Option<Text> {
        if let Some(turn_id) = self.hub.running_turn(conversation_id) {
            return Some(turn_id);
        }
        let known = self.edges.find(conversation_id).await.ok()?;
        known.turn.into_option().map(|turn| turn.turn_id)
    }

    /// Attaches a viewer.
    ///
    /// # Errors
    /// See [`WATCH`](transom_agent::turn::WATCH).
    pub(crate) fn watch(&self, request: &Watch) -> Result<Viewer, CallError> {
        admission::check_conversation_id(&request.conversation_id)?;
        self.hub.watch(request, self.edges.now_ms())
    }

    /// Stops the running turn of a conversation, if there is one.
    pub(crate) fn stop(&self, conversation_id: &Text) -> Stopped {
        Stopped { conversation_id: conversation_id.clone(), aborted_turn: self.hub.stop(conversation_id) }
    }

    /// As [`stop`](Self::stop), for a conversation that must be there.
    ///
    /// # Errors
    /// `NotFound` for an unknown conversation.
    pub(crate) async fn stop_known(&self, conversation_id: &Text) -> Result<Stopped, CallError> {
        let stopped = self.stop(conversation_id);
        if !stopped.aborted_turn {
            self.edges.find(conversation_id).await?;
        }
        Ok(stopped)
    }

    /// What a conversation is doing.
    ///
    /// # Errors
    /// `NotFound` for an unknown conversation.
    pub(crate) async fn status(&self, conversation_id: &Text) -> Result<TurnStatus, CallError> {
        let is_active = self.hub.is_running(conversation_id);
        let status = match (is_active, self.edges.find(conversation_id).await) {
            (true, _) => Status::Active,
            // Nothing runs, whatever a status that could not be updated says.
            (false, Ok(Conversation { status: Status::Active, .. })) => Status::Idle,
            (false, found) => found?.status,
        };
        Ok(TurnStatus { conversation_id: conversation_id.clone(), is_active, status })
    }

    /// The models there are, and the name of the default one.
    pub(crate) fn models(&self) -> (Vec<Provided<ModelInfo>>, Option<Text>) {
        let models = self.edges.models();
        let names: Vec<Text> = models.iter().map(|model| model.name.clone()).collect();
        let default = admission::default_model(self.settings.default_model.as_deref(), &names);
        (models, default)
    }

    /// Shows what a running tool printed.
    pub(crate) fn printed(&self, printed: &ToolPrinted) {
        self.hub.printed(printed);
    }

    /// Waits until no turn runs, at most `patience`; with none left it stops them and waits until they are sealed. Then
    /// nobody watches any more. Everything works on, in case nobody comes after all.
    pub(crate) async fn drain(&self, patience: Duration) {
        if sabotaged("reload-under-turns") {
            return;
        }
        if patience.is_zero() {
            self.hub.stop_all();
            self.hub.until_idle().await;
        } else {
            tokio::select! {
                biased;
                () = self.hub.until_idle() => {}
                () = self.edges.sleep(patience) => {}
            }
        }
        if self.hub.running() == 0 {
            self.hub.retire_viewers();
        }
    }

    /// As in a reload, while turns run.
    #[cfg(test)]
    pub(crate) fn retire_viewers(&self) {
        self.hub.retire_viewers();
    }

    /// What the next generation is to go on with.
    ///
    /// # Errors
    /// `Conflict` while turns run: they cannot be handed over.
    pub(crate) fn hand_over(&self) -> Result<Kept, CallError> {
        match self.hub.running() {
            1.. if !sabotaged("reload-under-turns") => Err(CallError::conflict(format!(
                "turns that run: {}; give them more time with `--drain`, or end them with `--now`",
                self.hub.running()
            ))),
            _ => Ok(self.hub.kept(self.edges.now_ms())),
        }
    }

    /// Goes on with what the generation before has handed over.
    pub(crate) fn restore(&self, kept: Kept) {
        self.hub.restore(kept);
    }

    /// Stops all turns and waits until they are sealed.
    pub(crate) async fn shut_down(&self) {
        self.hub.close().await;
    }
}

fn new_turn_id() -> Text {
    format!("turn-{}", uuid::Uuid::new_v4()).into()
}

#[cfg(test)]
mod tests;
