//! The beginning of a turn: what the person said is durable before anybody sees it.

use tokio::sync::oneshot;
use transom_agent::conversation::{Begun, Conversation, Status, Update};
use transom_agent::event::{AgentEventKind, Place};
use transom_agent::log::{Append, Entry};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::Usage;
use transom_agent::turn::{EndReason, TurnRecord, TurnStarted};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, List, Maybe, Shared, Text};

use super::head_start::HeadStart;
use super::progress::Progress;
use super::{Turn, patience};
use crate::edges::Edges;
use crate::hub::Places;

/// What a turn begins with.
pub(crate) struct Opening {
    /// What the person says, as the filter left it.
    pub(crate) text: Text,
    /// The id of the message in the log, when somebody has given it one.
    pub(crate) message_id: Option<Text>,
    /// What is known about the conversation.
    pub(crate) known: Option<Conversation>,
    /// What the request chose for the conversation, if that is something else than before.
    pub(crate) chosen: Option<Update>,
}

impl<E: Edges> Turn<E> {
    /// Stores the person's message, tells `accepted`, and goes on to the seal. Nothing has happened when the message could
    /// not be stored.
    pub(crate) async fn go(
        mut self,
        opening: Opening,
        accepted: oneshot::Sender<Result<TurnStarted, CallError>>,
    ) {
        let known = opening.known.as_ref();
        let mut places = known
            .map_or_else(Places::default, |known| Places::behind(known.generation, known.latest_position));
        let mut past = known.map(|known| self.common.histories.take(known)).unwrap_or_default();
        let message = self.message(&opening);
        let said_before = past.settled_seq;
        // What is not in memory has to be read before the model can be asked.
        let is_whole = said_before == known.map_or(0, |known| known.latest_seq);
        if is_whole {
            past.extend([message.clone()]);
        }
        let messages = is_whole.then(|| past.messages.clone());
        let mut head_start = self.head_start(messages);
        if sabotaged("tell-before-it-is-stored") {
            self.edges.say_started(&self.started());
        }
        let first_seq = match head_start.beside(self.open(&opening, message, &mut places)).await {
            Ok(first_seq) => first_seq,
            Err(error) => {
                if sabotaged("keep-the-request") {
                    std::mem::forget(head_start);
                } else {
                    drop(head_start);
                }
                Box::pin(self.take_back(places, accepted, error)).await;
                return;
            }
        };
        // Something may have come between.
        if is_whole && said_before + 1 != first_seq {
            head_start.forget_request();
            past = past.before_the_turn();
        }
        if let Some(update) = opening.chosen {
            match sabotaged("hear-nothing-beside-a-choice") {
                true => self.update(update).await,
                false => head_start.beside(self.update(update)).await,
            }
        }
        head_start.stored();
        // Nothing of a conversation that had this id before asks any more.
        self.common.questions.close_others(self.claim.conversation_id(), self.claim.turn_id());
        let started = self.started();
        // Who asked may have gone away; the turn goes on all the same.
        let _ = accepted.send(Ok(started.clone()));
        self.say_begun(opening.known.as_ref());
        self.edges.say_started(&started);
        let mut progress = Progress::from_now(self.terms.accepted_at);
        progress.past = Some(past);
        // Apart, so that what a whole turn needs is not made room for before the model is asked.
        Box::pin(self.go_on(progress, Some(head_start))).await;
    }

    fn head_start(&self, messages: Option<Shared<List<Message>>>) -> HeadStart<E> {
        let inquiry = self.inquiry(format!("{}#0", self.claim.turn_id()).into(), None);
        HeadStart::begin(self.prefixes(), self.claim.stop().clone(), inquiry, messages)
    }

    fn message(&self, opening: &Opening) -> Message {
        let id = opening.message_id.clone().unwrap_or_else(|| format!("{}/u", self.claim.turn_id()).into());
        Message::text(id, Role::User, opening.text.clone())
    }

    /// Stores and shows the person's message and the turn's beginning; the place of the message in the log.
    async fn open(
        &mut self,
        opening: &Opening,
        message: Message,
        places: &mut Places,
    ) -> Result<i64, CallError> {
        let generation = places.generation();
        let at = |position| Place { generation, position, offset: 0, volatile: false };
        let (said_at, began_at) = (places.fresh(), places.fresh());
        let append = self.append_of(vec![
            self.entry(message, List::from([said_at])),
            self.fact("s", began_at, self.beginning()),
        ]);
        let appended = self.append(append).await?;
        self.claim.begin(*places);
        self.claim.show_at(at(said_at), AgentEventKind::UserMessage { text: opening.text.clone() });
        self.claim.show_at(at(began_at), AgentEventKind::TurnStart { model: self.terms.model.clone() });
        self.claim.logged(began_at);
        Ok(appended.first_seq)
    }

    fn beginning(&self) -> Chunk {
        Chunk::TurnStart {
            turn_id: self.claim.turn_id().clone(),
            model: self.terms.model.clone(),
            cwd: self.terms.cwd.clone(),
            reasoning_effort: self.terms.reasoning_effort.clone(),
        }
    }

    /// Answers that the turn has not begun. Where it is not known whether the message was stored, the conversation is held
    /// until the log says that no turn of that name runs.
    async fn take_back(
        self,
        mut places: Places,
        accepted: oneshot::Sender<Result<TurnStarted, CallError>>,
        error: CallError,
    ) {
        if !patience::is_unclear(error.kind) {
            // The conversation is free again before the answer is out.
            drop(self);
            let _ = accepted.send(Err(error));
            return;
        }
        let _ = accepted.send(Err(error));
        let record = TurnRecord {
            turn_id: self.claim.turn_id().clone(),
            model: self.terms.model.clone(),
            reason: EndReason::Aborted,
            usage: Usage::default(),
            steps: 0,
            error_class: Maybe::None,
            context_size: Maybe::None,
            started_at: self.terms.accepted_at,
            duration_ms: 0,
        };
        let end = self.fact("end", places.fresh(), Chunk::TurnEnd { record });
        let _ = self.store_end(self.append_of(vec![end])).await;
    }

    /// What a listing says about a conversation is worth a warning, not the turn.
    async fn update(&self, update: Update) {
        let entries = i64::from(update.model.is_some()) + i64::from(update.cwd.is_some());
        match self.edges.update(update).await {
            Ok(known) => self.chosen(entries, known.latest_seq),
            Err(error) => {
                tracing::warn!("conversation `{}` was not updated: {error}", self.claim.conversation_id());
            }
        }
    }

    /// Says that somebody begins to work in a conversation where nothing was said before, or that was put away.
    fn say_begun(&self, known: Option<&Conversation>) {
        let was_closed = known.is_some_and(|known| known.status == Status::Closed);
        let is_new = known.is_none_or(|known| known.latest_position == 0);
        if is_new || was_closed {
            self.edges.say_begun(&Begun {
                conversation_id: self.claim.conversation_id().clone(),
                cwd: self.terms.cwd.clone(),
                model: self.terms.model.clone(),
                was_closed,
            });
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

    /// Entries of this turn, for the log.
    pub(super) fn append_of(&self, entries: Vec<Entry>) -> Append {
        Append { conversation_id: self.claim.conversation_id().clone(), entries: entries.into() }
    }

    pub(crate) fn entry(&self, message: Message, positions: List<i64>) -> Entry {
        Entry { message, turn_id: Maybe::Some(self.claim.turn_id().clone()), positions }
    }

    /// A fact at a position; `name` is what its id ends with.
    pub(super) fn fact(&self, name: &str, position: i64, chunk: Chunk) -> Entry {
        let id = format!("{}/{name}", self.claim.turn_id()).into();
        let message = Message { id, role: Role::System, chunks: List::from([chunk]) };
        self.entry(message, List::from([position]))
    }

    /// The next place of something whole.
    pub(super) fn fresh(&self) -> Place {
        self.claim.fresh()
    }
}
