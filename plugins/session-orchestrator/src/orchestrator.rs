//! What the orchestrator serves, whatever carries the request.

mod beginning;
mod beside;
mod choosing;
mod last;
mod parked;
mod reload;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use transom_agent::conversation::{Conversation, Opened, Status, Update};
use transom_agent::provider::ModelInfo;
use transom_agent::refusal::check_conversation_id;
use transom_agent::tool::ToolPrinted;
use transom_agent::turn::{Closed, Stopped, TURNS_ENDED, TurnStatus, Watch};
use transom_plugin_api::hosting::Figures;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Map, Maybe, Provided, Text};

pub(crate) use self::choosing::Chosen;
pub(crate) use self::last::Last;

use crate::common::Common;
use crate::edges::Edges;
use crate::hub::{Claim, Hub, Viewer};
use crate::turn::{Activity, LogEnd, Prefixes, Terms, Turn};
use crate::{SessionOrchestrator, admission};

/// Starts turns, and shows and stops those that run.
pub(crate) struct Orchestrator<E> {
    edges: Arc<E>,
    hub: Arc<Hub>,
    settings: Arc<SessionOrchestrator>,
    common: Arc<Common>,
    /// Whether what the last run has left is in order.
    repaired: watch::Sender<bool>,
}

impl<E: Edges> Orchestrator<E> {
    pub(crate) fn new(edges: E, settings: SessionOrchestrator) -> Self {
        let edges = Arc::new(edges);
        Self {
            hub: Hub::new(Arc::<E>::clone(&edges)),
            edges,
            settings: Arc::new(settings),
            common: Arc::default(),
            repaired: watch::Sender::new(false),
        }
    }

    /// What makes the requests of a conversation begin as they do.
    fn prefixes(&self, conversation_id: &Text, terms: Terms) -> Prefixes<E> {
        Prefixes::new(Arc::clone(&self.edges), Arc::clone(&self.settings), terms, conversation_id.clone())
    }

    fn turn(&self, claim: Claim, terms: Terms) -> Turn<E> {
        let (edges, settings) = (Arc::clone(&self.edges), Arc::clone(&self.settings));
        let common = Arc::clone(&self.common);
        let activity = Activity::new(claim.turn_id().clone(), self.edges.now_ms(), common.stalls.clone());
        Turn { edges, settings, common, claim, terms, activity, log_end: LogEnd::default() }
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

    /// Makes sure that a conversation is there, or is just being made by a turn.
    ///
    /// # Errors
    /// `NotFound` when it is not.
    pub(crate) async fn until_known(&self, conversation_id: &Text) -> Result<(), CallError> {
        check_conversation_id("conversationId", conversation_id)?;
        if self.hub.is_running(conversation_id) || sabotaged("watch-whatever-is-named") {
            return Ok(());
        }
        if let Some(parked) = self.common.questions.parked_turn(conversation_id) {
            self.check_parked(conversation_id, &parked).await;
        }
        self.edges.find(conversation_id).await.map(drop)
    }

    /// Attaches a viewer.
    ///
    /// # Errors
    /// See [`WATCH`](transom_agent::turn::WATCH).
    pub(crate) fn watch(&self, request: &Watch) -> Result<Viewer, CallError> {
        check_conversation_id("conversationId", &request.conversation_id)?;
        let parked = self.common.questions.parked_turn(&request.conversation_id);
        self.hub.watch(request, parked.as_ref(), self.edges.now_ms())
    }

    #[cfg(test)]
    pub(crate) fn stop_running(&self, conversation_id: &str) -> bool {
        self.hub.stop(conversation_id)
    }

    #[cfg(test)]
    pub(crate) fn runs(&self, conversation_id: &str) -> bool {
        self.hub.is_running(conversation_id)
    }

    #[cfg(test)]
    pub(crate) fn is_repaired(&self) -> bool {
        *self.repaired.borrow()
    }

    #[cfg(test)]
    pub(crate) fn assume_repaired(&self) {
        self.repaired.send_replace(true);
    }

    /// Stops the running turn of a conversation, or the one that waits for a person, if there is one.
    ///
    /// # Errors
    /// `NotFound` for an unknown conversation, and when the store cannot be asked.
    pub(crate) async fn stop(&self, conversation_id: &Text) -> Result<Stopped, CallError> {
        let aborted_turn = self.hub.stop(conversation_id)
            || self.stop_parked(&self.edges.find(conversation_id).await?).await?;
        Ok(Stopped { conversation_id: conversation_id.clone(), aborted_turn })
    }

    /// Stops the turn of a conversation, if there is one, and puts the conversation away.
    ///
    /// # Errors
    /// See [`CLOSE`](transom_agent::turn::CLOSE).
    pub(crate) async fn close(&self, conversation_id: &Text) -> Result<Closed, CallError> {
        let known = self.edges.find(conversation_id).await?;
        let aborted_turn = self.hub.stop(conversation_id) || self.stop_parked(&known).await?;
        let update = Update {
            conversation_id: conversation_id.clone(),
            status: Maybe::Some(Status::Closed),
            ..Update::default()
        };
        if known.status != Status::Closed || aborted_turn {
            self.edges.update(update).await?;
            self.edges.say_closed(conversation_id);
        }
        Ok(Closed { conversation_id: conversation_id.clone(), aborted_turn })
    }

    /// Says that somebody wants a conversation to be seen.
    ///
    /// # Errors
    /// `NotFound` for an unknown conversation.
    pub(crate) async fn open(&self, conversation_id: &Text) -> Result<Conversation, CallError> {
        let known = self.edges.find(conversation_id).await?;
        let workspace_id = known.workspace_id.clone();
        self.edges.say_opened(&Opened { conversation_id: conversation_id.clone(), workspace_id });
        Ok(known)
    }

    /// What a conversation is doing.
    ///
    /// # Errors
    /// `NotFound` for an unknown conversation.
    pub(crate) async fn status(&self, conversation_id: &Text) -> Result<TurnStatus, CallError> {
        let running = self.hub.running_turn(conversation_id);
        let stalled = running.as_ref().and_then(|turn_id| self.common.stalls.of(turn_id)).into();
        let is_active = running.is_some();
        let status = match (is_active, self.edges.find(conversation_id).await) {
            (true, _) => Status::Active,
            // Nothing runs and nothing waits, whatever a status says that was left behind.
            (false, Ok(Conversation { status: Status::Active, turn: Maybe::None, .. })) => Status::Idle,
            (false, found) => found?.status,
        };
        Ok(TurnStatus { conversation_id: conversation_id.clone(), is_active, status, stalled })
    }

    /// The models there are, and the name of the default one.
    pub(crate) fn models(&self) -> (Vec<Provided<ModelInfo>>, Option<Text>) {
        let models = self.edges.models();
        let names: Vec<Text> = models.iter().map(|model| model.name.clone()).collect();
        let default = admission::default_model(self.settings.default_model.as_deref(), &names);
        (models, default)
    }

    /// What is counted for the host.
    pub(crate) fn figures(&self) -> Figures {
        let turns = *self.hub.claims().borrow() as u64;
        let stalled = self.common.stalls.count();
        let ended = self.common.ended.load(Ordering::Relaxed);
        let figures = [("turns", turns), ("stalled", stalled), (TURNS_ENDED, ended)];
        Figures { figures: Map::from_iter(figures) }
    }

    /// Shows what a running tool printed.
    pub(crate) fn printed(&self, printed: &ToolPrinted) {
        self.hub.printed(printed);
    }

    /// As in a reload, while turns run.
    #[cfg(test)]
    pub(crate) fn retire_viewers(&self) {
        self.hub.retire_viewers(0);
    }
}

#[cfg(test)]
mod reload_tests;
#[cfg(test)]
mod start_tests;
#[cfg(test)]
mod tests;
