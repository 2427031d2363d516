//! Delivery: what waits in a conversation goes into a turn of its own, once, as soon as there is room for it.
//!
//! 1. What was on its way is looked for in the log. What arrived is taken out; messages that steered a turn which is over
//!    return to the others.
//! 2. Everything that waits becomes a *batch* with an id, which is durable before the orchestrator is asked.
//! 3. The orchestrator is asked to begin a turn with the batch. It alone decides whether there is room.
//! 4. What began is taken out. A batch without an answer keeps its id until the log tells what became of it, so that it is
//!    never there twice.

use std::sync::Arc;

use transom_agent::conversation::Status;
use transom_agent::log::MessageOf;
use transom_agent::turn::{EndReason, StartTurn};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Maybe, Text};

use crate::attempt::{self, Attempt};
use crate::desk::{Desk, Open, Starting};
use crate::edges::{Edges, Work};
use crate::line::{Batch, Change, Way};
use crate::queues::Queues;

/// Why one looks what can be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Somebody sent a message.
    Person,
    /// A turn has ended, or an attempt is due again.
    Room,
    /// Nobody knows what happened meanwhile.
    Unknown,
}

/// A batch on its way to the orchestrator.
struct Sent {
    start: StartTurn,
    /// Whether the orchestrator has never been asked for it.
    is_new: bool,
    starting: Starting,
}

/// Whether what waits is delivered behind a turn that ended like this. What nobody saw coming needs somebody to look at it.
pub(crate) const fn goes_on_after(reason: &EndReason) -> bool {
    matches!(reason, EndReason::Stop | EndReason::Length | EndReason::ContentFilter | EndReason::MaxSteps)
}

impl<E: Edges> Queues<E> {
    /// Delivers what can be delivered now; the turn that this began. What fails is tried again some time later.
    pub(crate) async fn deliver(self: Arc<Self>, desk: Arc<Desk>, occasion: Occasion) -> Option<Text> {
        let mut begun = None;
        loop {
            let sent = match self.send(&desk, occasion).await {
                Ok(Some(sent)) => sent,
                Ok(None) => return begun,
                Err(error) => {
                    self.complain(&desk, occasion, &error);
                    return begun;
                }
            };
            let attempt = attempt::start(&self.edges, sent.start).await;
            if let Attempt::Begun(turn_id) = &attempt {
                begun = Some(turn_id.clone());
            }
            match self.settle(&desk, sent.starting, sent.is_new, &attempt).await {
                Ok(true) => {}
                Ok(false) => return begun,
                Err(error) => {
                    self.complain(&desk, Occasion::Room, &error);
                    return begun;
                }
            }
        }
    }

    /// Makes a batch of what waits, if it may go.
    async fn send(self: &Arc<Self>, desk: &Arc<Desk>, occasion: Occasion) -> Result<Option<Sent>, CallError> {
        let mut open = desk.open(&self.edges).await?;
        if open.line()?.is_empty() || desk.leave_to_the_one_who_starts() {
            return Ok(None);
        }
        if !self.is_idle(desk, &mut open, occasion).await? {
            if occasion == Occasion::Unknown && !sabotaged("look-once-after-a-start") {
                // It may be a turn that an earlier run has left: it is ended as lost, and nobody tells.
                self.look_again_later(desk, occasion);
            } else {
                desk.succeeded();
            }
            return Ok(None);
        }
        self.take_back_what_steered(desk, &mut open).await?;
        self.take_out_what_arrived(desk, &mut open).await?;
        if open.line()?.is_held() && !sabotaged("deliver-after-close") {
            return Ok(None);
        }
        let known = open.line()?.batch(Way::Turn).cloned();
        let is_new = known.is_none();
        let Some(batch) = known.or_else(|| open.line().ok()?.send_all(|| self.edges.new_id())) else {
            return Ok(None);
        };
        if is_new {
            open.keep(vec![Change::Batch(Way::Turn, Some(batch.clone()))]).await?;
        }
        let line = open.line()?;
        let start = start_of(desk, batch.id.clone(), line.words(&batch), line.workspace_of(&batch));
        Ok(Some(Sent { start, is_new, starting: desk.starting() }))
    }

    /// Whether no turn runs, as far as the log tells. A conversation that must not go on by itself is held.
    async fn is_idle(
        &self,
        desk: &Desk,
        open: &mut Open<'_, E>,
        occasion: Occasion,
    ) -> Result<bool, CallError> {
        let Some(conversation) = self.edges.find(desk.conversation_id()).await? else { return Ok(true) };
        if conversation.turn.is_some() {
            return Ok(false);
        }
        let is_closed = conversation.status == Status::Closed && occasion != Occasion::Person;
        let ended_badly = occasion == Occasion::Unknown
            && open.line()?.batch(Way::Turn).is_none()
            && self
                .edges
                .last_end(desk.conversation_id())
                .await?
                .is_some_and(|reason| !goes_on_after(&reason));
        if is_closed || ended_badly {
            let changes = open.line()?.hold(true);
            open.keep(changes).await?;
        }
        Ok(true)
    }

    /// What was given to a turn that is over has arrived, or never will.
    async fn take_back_what_steered(&self, desk: &Desk, open: &mut Open<'_, E>) -> Result<(), CallError> {
        let Some(batch) = open.line()?.batch(Way::Steering).cloned() else { return Ok(()) };
        let changes = if self.has_arrived(desk, &batch).await? {
            open.line()?.arrived(Way::Steering)
        } else {
            vec![Change::Batch(Way::Steering, None)]
        };
        open.keep(changes).await
    }

    /// A batch whose answer was lost may be in the log.
    async fn take_out_what_arrived(&self, desk: &Desk, open: &mut Open<'_, E>) -> Result<(), CallError> {
        let Some(batch) = open.line()?.batch(Way::Turn).cloned() else { return Ok(()) };
        if self.has_arrived(desk, &batch).await? {
            let changes = open.line()?.arrived(Way::Turn);
            open.keep(changes).await?;
        }
        Ok(())
    }

    /// Whether a batch is in the log.
    pub(crate) async fn has_arrived(&self, desk: &Desk, batch: &Batch) -> Result<bool, CallError> {
        if sabotaged("deliver-again") {
            return Ok(false);
        }
        let conversation_id = desk.conversation_id().clone();
        let message = MessageOf { conversation_id, message_id: batch.id.clone() };
        Ok(self.edges.locate(message).await?.is_some())
    }

    /// Keeps what became of a batch; whether to look at once what can be delivered.
    async fn settle(
        self: &Arc<Self>,
        desk: &Arc<Desk>,
        starting: Starting,
        is_new: bool,
        attempt: &Attempt,
    ) -> Result<bool, CallError> {
        let mut open = desk.open(&self.edges).await?;
        let mut changes = match attempt {
            Attempt::Begun(_) => open.line()?.arrived(Way::Turn),
            Attempt::Unanswered(_) => Vec::new(),
            // It is certain that nothing of it is under way.
            _ if is_new => vec![Change::Batch(Way::Turn, None)],
            // An attempt before may yet succeed, or be the very turn that is in the way.
            _ => Vec::new(),
        };
        if let Attempt::Refused(error) = attempt {
            tracing::warn!(
                conversation = %desk.conversation_id(),
                "what waits was refused, and is held until somebody sends a message: {error}"
            );
            changes.extend(open.line()?.hold(true));
        }
        open.keep(changes).await?;
        match attempt {
            Attempt::Begun(_) => desk.succeeded(),
            Attempt::Refused(_) => {}
            // The one in the way may end without ever having begun, and then nobody tells.
            Attempt::Busy => self.look_again_later(desk, Occasion::Room),
            Attempt::Failed(error) | Attempt::Unanswered(error) => self.complain(desk, Occasion::Room, error),
        }
        Ok(starting.ended())
    }

    /// Says what went wrong, and looks again some time later.
    pub(crate) fn complain(self: &Arc<Self>, desk: &Arc<Desk>, occasion: Occasion, error: &CallError) {
        tracing::warn!(conversation = %desk.conversation_id(), "what waits could not be delivered yet: {error}");
        // Nobody stands behind a further attempt.
        let occasion = if occasion == Occasion::Person { Occasion::Room } else { occasion };
        self.look_again_later(desk, occasion);
    }

    /// Looks again some time later, unless somebody does so already.
    pub(crate) fn look_again_later(self: &Arc<Self>, desk: &Arc<Desk>, occasion: Occasion) {
        let Some(pause) = desk.wait_to_look_again() else { return };
        let (queues, desk) = (Arc::clone(self), Arc::clone(desk));
        let work: Work = Box::pin(async move {
            queues.edges.sleep(pause).await;
            // Whoever deletes a conversation takes the rows out and does not tell.
            if !sabotaged("trust-the-book-behind-a-pause") {
                desk.forget().await;
            }
            desk.waited();
            queues.look(&desk, occasion);
        });
        self.edges.spawn(work);
    }

    /// Delivers in the background.
    pub(crate) fn look(self: &Arc<Self>, desk: &Arc<Desk>, occasion: Occasion) {
        let (queues, desk) = (Arc::clone(self), Arc::clone(desk));
        let work: Work = Box::pin(async move { drop(queues.deliver(desk, occasion).await) });
        self.edges.spawn(work);
    }
}

/// The request for a turn that begins with queued words.
pub(crate) fn start_of(desk: &Desk, message_id: Text, text: Text, workspace_id: Maybe<Text>) -> StartTurn {
    StartTurn {
        conversation_id: desk.conversation_id().clone(),
        text,
        model: Maybe::None,
        cwd: Maybe::None,
        reasoning_effort: Maybe::None,
        workspace_id,
        message_id: message_id.into(),
    }
}
