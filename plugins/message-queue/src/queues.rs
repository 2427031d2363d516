//! [`Queues`]: what the plugin serves and hears, whatever carries the request.

use std::sync::Arc;

use tokio::sync::oneshot;
use transom_agent::queue::{
    Delivered, Delivery, Enqueue, Enqueued, Queue, QueuedMessage, Requeue, Requeued, Steering, Taken,
};
use transom_agent::refusal::check_conversation_id;
use transom_agent::storage::StorageRead;
use transom_agent::turn::EndReason;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Maybe, Text};

use crate::attempt::{self, Attempt};
use crate::delivery::{Occasion, goes_on_after, start_of};
use crate::desk::{Desk, Desks, Starting};
use crate::edges::{Edges, Work};
use crate::line::{Batch, Change, Line, Waiting, Way, check_length};
use crate::rows;

/// The queues of all conversations.
pub(crate) struct Queues<E> {
    pub(crate) edges: E,
    pub(crate) desks: Arc<Desks>,
}

impl<E: Edges> Queues<E> {
    pub(crate) fn new(edges: E) -> Arc<Self> {
        Arc::new(Self { edges, desks: Arc::default() })
    }

    fn at(&self, conversation_id: &Text) -> Result<Arc<Desk>, CallError> {
        check_conversation_id("conversationId", conversation_id)?;
        Ok(self.desks.at(conversation_id))
    }

    /// Starts a turn with a message, or lets it wait. It goes on when nobody waits for the answer any more.
    ///
    /// # Errors
    /// See [`ENQUEUE`](transom_agent::queue::ENQUEUE). Then the message does not wait, unless it was the storage that gave
    /// no answer.
    pub(crate) async fn enqueue(self: Arc<Self>, message: Enqueue) -> Result<Enqueued, CallError> {
        check_text(&message.text)?;
        if let Delivery::Unknown(delivery) = &message.delivery {
            let known = "expected `queue` or `steer`";
            return Err(CallError::invalid_input(format!("`delivery` is `{}`, {known}", delivery.tag())));
        }
        let desk = self.at(&message.conversation_id)?;
        let (answer, answered) = oneshot::channel();
        let queues = Arc::clone(&self);
        let work: Work = Box::pin(async move {
            let outcome = queues.admit(&desk, message).await;
            let _ = answer.send(outcome);
        });
        self.edges.spawn(work);
        answered.await.map_err(|_| CallError::unavailable("the queue was stopped meanwhile"))?
    }

    async fn admit(self: &Arc<Self>, desk: &Arc<Desk>, message: Enqueue) -> Result<Enqueued, CallError> {
        let mut open = desk.open(&self.edges).await?;
        open.line()?.check_room(&message.text, None)?;
        let number = open.number()?;
        let waiting = Waiting {
            message: QueuedMessage {
                id: self.edges.new_id(),
                text: message.text,
                delivery: message.delivery,
                queued_at: self.edges.now_ms(),
            },
            workspace_id: message.workspace_id,
        };
        // Somebody speaks: what was held goes on.
        let mut changes = open.line()?.hold(false);
        let may_go_first = open.line()?.is_empty() || sabotaged("overtake");
        if may_go_first && !desk.leave_to_the_one_who_starts() {
            let starting = desk.starting();
            drop(open);
            return self.go_at_once(desk, starting, number, waiting).await;
        }
        let message_id = waiting.message.id.clone();
        changes.extend(open.line()?.join(number, waiting));
        open.keep(changes).await?;
        drop(open);
        let begun = Arc::clone(self).deliver(Arc::clone(desk), Occasion::Person).await;
        self.answer(desk, message_id, begun).await
    }

    /// Tries to begin a turn with a message before which nobody waits, and lets it wait when there is no room.
    async fn go_at_once(
        self: &Arc<Self>,
        desk: &Arc<Desk>,
        starting: Starting,
        number: u64,
        waiting: Waiting,
    ) -> Result<Enqueued, CallError> {
        let QueuedMessage { id, text, .. } = waiting.message.clone();
        let start = start_of(desk, id.clone(), text, waiting.workspace_id.clone());
        let attempt = attempt::start(&self.edges, start).await;
        let kept = self.keep_what_did_not_go(desk, number, waiting, &attempt).await;
        if starting.ended() {
            self.look(desk, Occasion::Room);
        }
        kept?;
        match attempt {
            Attempt::Begun(turn_id) => self.answer(desk, id, Some(turn_id)).await,
            Attempt::Busy => {
                // The one in the way may end without ever having begun, and then nobody tells.
                self.look_again_later(desk, Occasion::Room);
                self.answer(desk, id, None).await
            }
            Attempt::Unanswered(error) => {
                self.complain(desk, Occasion::Room, &error);
                self.answer(desk, id, None).await
            }
            Attempt::Refused(error) | Attempt::Failed(error) => Err(error),
        }
    }

    async fn keep_what_did_not_go(
        &self,
        desk: &Desk,
        number: u64,
        waiting: Waiting,
        attempt: &Attempt,
    ) -> Result<(), CallError> {
        let is_on_its_way = match attempt {
            Attempt::Busy => false,
            Attempt::Unanswered(_) => true,
            _ => return Ok(()),
        };
        let batch = Batch { id: waiting.message.id.clone(), messages: vec![number] };
        let mut open = desk.open(&self.edges).await?;
        let mut changes = open.line()?.join(number, waiting);
        if is_on_its_way {
            changes.push(Change::Batch(Way::Turn, Some(batch)));
        }
        open.keep(changes).await
    }

    async fn answer(
        &self,
        desk: &Desk,
        message_id: Text,
        begun: Option<Text>,
    ) -> Result<Enqueued, CallError> {
        // The message is where it belongs, whatever can be told of the others.
        let queue = match desk.open(&self.edges).await {
            Ok(mut open) => open.line()?.shown(desk.conversation_id()),
            Err(_) => Line::default().shown(desk.conversation_id()),
        };
        Ok(Enqueued { message_id, started_turn: begun.is_some(), turn_id: begun.into(), queue })
    }

    /// What waits in a conversation.
    ///
    /// # Errors
    /// `NotFound` when there is no such conversation; when the storage does not answer.
    pub(crate) async fn list(&self, conversation_id: Text) -> Result<Queue, CallError> {
        let desk = self.at(&conversation_id)?;
        let mut open = desk.open(&self.edges).await?;
        let shown = open.line()?.shown(&conversation_id);
        drop(open);
        if shown.queue.is_empty() {
            self.check_there(&conversation_id).await?;
        }
        Ok(shown)
    }

    /// Makes sure that a conversation in which nothing waits is there.
    ///
    /// # Errors
    /// `NotFound` when it is not.
    async fn check_there(&self, conversation_id: &Text) -> Result<(), CallError> {
        match self.edges.find(conversation_id).await? {
            None if !sabotaged("any-conversation-has-a-queue") => {
                Err(CallError::not_found(format!("there is no conversation `{conversation_id}`")))
            }
            _ => Ok(()),
        }
    }

    /// Changes or takes out a message that waits.
    ///
    /// # Errors
    /// `InvalidInput` for a blank text and one too long, `Conflict` when there is no room for it, `NotFound` when there is no
    /// such conversation.
    pub(crate) async fn change(&self, change: Requeue) -> Result<Requeued, CallError> {
        if let Maybe::Some(text) = &change.text {
            check_text(text)?;
        }
        let desk = self.at(&change.conversation_id)?;
        let mut open = desk.open(&self.edges).await?;
        let changes = open.line()?.change(&change.message_id, change.text.into_option())?;
        let found = !changes.is_empty();
        open.keep(changes).await?;
        let queue = open.line()?.shown(&change.conversation_id);
        drop(open);
        if !found && queue.queue.is_empty() {
            self.check_there(&change.conversation_id).await?;
        }
        Ok(Requeued { found, queue })
    }

    /// Gives the messages that steer the running turn, the same ones until it is known that they have arrived.
    ///
    /// # Errors
    /// When the storage or the log does not answer.
    pub(crate) async fn take(&self, conversation_id: Text) -> Result<Taken, CallError> {
        let desk = self.at(&conversation_id)?;
        let mut open = desk.open(&self.edges).await?;
        for way in [Way::Turn, Way::Steering] {
            let Some(batch) = open.line()?.batch(way).cloned() else { continue };
            if self.has_arrived(&desk, &batch).await? {
                let changes = open.line()?.arrived(way);
                open.keep(changes).await?;
            } else if way == Way::Turn {
                // Those behind it do not overtake it.
                return Ok(Taken { steering: Maybe::None });
            }
        }
        if open.line()?.is_held() {
            return Ok(Taken { steering: Maybe::None });
        }
        let known = open.line()?.batch(Way::Steering).cloned();
        let Some(batch) = known.clone().or_else(|| open.line().ok()?.send_steering(|| self.edges.new_id()))
        else {
            return Ok(Taken { steering: Maybe::None });
        };
        if known.is_none() {
            open.keep(vec![Change::Batch(Way::Steering, Some(batch.clone()))]).await?;
        }
        let text = open.line()?.words(&batch);
        Ok(Taken { steering: Steering { message_id: batch.id, text }.into() })
    }

    /// A batch is in the log.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub(crate) async fn delivered(&self, delivered: Delivered) -> Result<Queue, CallError> {
        let desk = self.at(&delivered.conversation_id)?;
        let mut open = desk.open(&self.edges).await?;
        for way in [Way::Turn, Way::Steering] {
            let line = open.line()?;
            if line.batch(way).is_some_and(|batch| batch.id == delivered.message_id) {
                let changes = line.arrived(way);
                open.keep(changes).await?;
            }
        }
        Ok(open.line()?.shown(&delivered.conversation_id))
    }

    /// A turn has ended.
    pub(crate) async fn settled(self: &Arc<Self>, conversation_id: &Text, reason: &EndReason) {
        let desk = self.desks.at(conversation_id);
        match self.hold(&desk, !goes_on_after(reason)).await {
            Ok(true) => self.look(&desk, Occasion::Room),
            Ok(false) => {}
            Err(error) => self.complain(&desk, Occasion::Unknown, &error),
        }
    }

    /// A conversation was closed.
    pub(crate) async fn closed(self: &Arc<Self>, conversation_id: &Text) {
        let desk = self.desks.at(conversation_id);
        if let Err(error) = self.hold(&desk, true).await {
            self.complain(&desk, Occasion::Unknown, &error);
        }
    }

    /// Holds a conversation or lets it go on; whether anything waits there, or is about to.
    async fn hold(&self, desk: &Desk, held: bool) -> Result<bool, CallError> {
        let mut open = desk.open(&self.edges).await?;
        let changes = open.line()?.hold(held);
        open.keep(changes).await?;
        Ok(!open.line()?.is_empty() || desk.leave_to_the_one_who_starts())
    }

    /// Looks after all conversations in which something waits, as after a start.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub(crate) async fn look_everywhere(self: &Arc<Self>) -> Result<(), CallError> {
        let mut after = Maybe::None;
        loop {
            let read = StorageRead { prefix: rows::ALL.into(), after, limit: 1.into() };
            let found = self.edges.read(read).await?;
            let Some(row) = found.rows.first() else { return Ok(()) };
            let Some(conversation_id) = rows::conversation_of(&row.key).map(Text::from) else {
                after = row.key.clone().into();
                continue;
            };
            drop(Arc::clone(self).deliver(self.desks.at(&conversation_id), Occasion::Unknown).await);
            after = rows::behind(&conversation_id).into();
        }
    }
}

fn check_text(text: &str) -> Result<(), CallError> {
    if text.trim().is_empty() {
        return Err(CallError::invalid_input("`text` is blank, expected a message"));
    }
    check_length(text)
}

#[cfg(test)]
pub(crate) mod scene;
#[cfg(test)]
mod tests;
