//! Asking the model of a step.

use std::task::Poll;
use std::time::Duration;

use transom_agent::event::AgentEventKind;
use transom_agent::log::Entry;
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::{ProviderEvent, purpose};
use transom_agent::turn::Awaited;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, List, Maybe, Text};

use super::Turn;
use super::head_start::Asked;
use super::keep::Keeper;
use super::limit::Limit;
use super::patience::is_unclear;
use super::progress::Progress;
use crate::asking::Inquiry;
use crate::edges::{Edges, Items};
use crate::poll::{breathe, polled_once};
use crate::request::Prefix;
use crate::shown::frame;
use crate::step::{Failure, Outcome, Step};
use crate::tools::Running;

/// Events a model may have ready in a row before others get their turn.
const EVENTS_BETWEEN_BREATHS: usize = 64;
/// Bytes of text that are shown together at most, when a model has said more at once: as many as one draft takes.
const BYTES_AT_ONCE: usize = 2 * 1024;
/// Milliseconds between two events of a model that says much at once.
const FLOWS_MS: i64 = 1;

impl<E: Edges> Turn<E> {
    /// Streams one answer into the step under way. A request that fails before the model has given anything is made again
    /// after a while, when such a failure may pass. `None` when the turn is to be left to another generation.
    pub(super) async fn ask_model(
        &self,
        prefix: &Prefix,
        limit: Option<Limit>,
        mut asked: Option<Asked<E>>,
        running: &mut Running<'_, E>,
        progress: &mut Progress,
    ) -> Option<()> {
        loop {
            self.until_due(progress).await?;
            if asked.is_none() {
                asked = self.ask(prefix, limit, progress).await?;
            }
            self.stream(limit, asked.take(), running, progress).await?;
            let Some(delay) = self.retry(progress).await else { return Some(()) };
            let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            progress.retries.due_at = Some(self.edges.now_ms().saturating_add(delay_ms));
            progress.step.as_mut()?.forget_failure();
        }
    }

    /// Waits until the request may be made, where one failed before, in this generation or in the one before it.
    async fn until_due(&self, progress: &mut Progress) -> Option<()> {
        let Some(left) = progress.retries.left(self.edges.now_ms()) else { return Some(()) };
        self.awaits(None, progress.steps);
        self.claim.stop().unless_suspended(self.edges.sleep(left)).await?;
        progress.retries.due_at = None;
        progress.step.as_mut()?.ask_again(self.edges.now_ms());
        Some(())
    }

    /// One request. The stream is dropped when the turn is interrupted, not at its next event, and nothing is read behind
    /// its end.
    async fn stream(
        &self,
        limit: Option<Limit>,
        asked: Option<Asked<E>>,
        running: &mut Running<'_, E>,
        progress: &mut Progress,
    ) -> Option<()> {
        let number = progress.steps;
        self.awaits(Some(Awaited::Model), number);
        let step = progress.step.as_mut()?;
        // Without one the step says why.
        let Some(mut stream) = asked else { return Some(()) };
        let eager = self.settings.eager && limit.is_none();
        let mut keeper = Keeper::new(self);
        let (mut events, mut heard_at) = (0, 0);
        while step.outcome().is_none() {
            keeper.look(step);
            if eager {
                self.start_early(running, &mut keeper, step);
            }
            self.awaits((!running.is_at_work()).then_some(Awaited::Model), number);
            tokio::select! {
                biased;
                () = self.claim.stop().suspended() => return None,
                beat = keeper.beat() => keeper.take(beat, step),
                answers = running.next(), if running.is_at_work() => {
                    answers.into_iter().for_each(|(index, answer)| step.answer(index, answer));
                }
                next = stream.next() => {
                    self.moved();
                    let now_ms = self.edges.now_ms();
                    let flows = now_ms - heard_at <= FLOWS_MS;
                    heard_at = now_ms;
                    step.take(next, now_ms);
                    events += 1 + self.take_what_is_there(&mut stream, flows, now_ms, step).await;
                    self.show(step);
                    if events >= EVENTS_BETWEEN_BREATHS {
                        events = 0;
                        breathe().await;
                    }
                }
            }
        }
        drop(stream);
        self.awaits(Some(Awaited::Host), number);
        // Where everything is stored next, what is under way makes no difference.
        if !step.calls().is_empty() {
            keeper.rest(step).await;
        }
        Some(())
    }

    /// Makes the request of the step under way as soon as there is room for it. `None` in `Some` when nobody can be asked,
    /// which the step then says; `None` when the turn is to be left to another generation.
    async fn ask(
        &self,
        prefix: &Prefix,
        limit: Option<Limit>,
        progress: &mut Progress,
    ) -> Option<Option<Asked<E>>> {
        let inquiry = self.inquiry(progress.step.as_ref()?.id().clone(), limit);
        self.awaits(None, progress.steps);
        let room = inquiry.until_room(&*self.edges, |ahead, paused_until| {
            self.claim.tell(AgentEventKind::Queued { ahead, paused_until });
        });
        let room = self.claim.stop().unless_suspended(room).await?;
        let now_ms = self.edges.now_ms();
        let step = progress.step.as_mut()?;
        step.ask_again(now_ms);
        let messages = &progress.past.get_or_insert_default().messages;
        let request = match limit {
            None => prefix.request(messages),
            Some(limit) => prefix.last_request(messages, limit.line()),
        };
        let asked = self.claim.stop().unless_suspended(inquiry.ask(&self.edges, room, request)).await?;
        Some(match asked {
            Ok(stream) => Some(Asked::now(stream, now_ms)),
            Err(error) => {
                step.take(Some(Err(error)), now_ms);
                None
            }
        })
    }

    /// A request of a step.
    pub(super) fn inquiry(&self, step_id: Text, limit: Option<Limit>) -> Inquiry {
        Inquiry {
            conversation_id: self.claim.conversation_id().clone(),
            model: self.terms.model.clone(),
            purpose: purpose::TURN.into(),
            turn_id: Some(self.claim.turn_id().clone()),
            step_id: Some(step_id),
            since: self.terms.accepted_at,
            // The line that says so.
            behind: limit.map_or(0, |_| 1),
        }
    }

    /// Takes in what else is there, within bounds; answers how many events. What a model has said at one time is shown at one
    /// time, which costs a viewer as much as a single word.
    async fn take_what_is_there(
        &self,
        stream: &mut impl Items<ProviderEvent>,
        flows: bool,
        now_ms: i64,
        step: &mut Step,
    ) -> usize {
        let (mut taken, mut has_breathed) = (0, !flows);
        while step.outcome().is_none()
            && taken < EVENTS_BETWEEN_BREATHS
            && step.sheet().unshown() < BYTES_AT_ONCE
        {
            match polled_once(stream.next()).await {
                Poll::Ready(next) => {
                    step.take(next, now_ms);
                    (taken, has_breathed) = (taken + 1, false);
                }
                // What was received with it may have to be brought by another task of this thread.
                Poll::Pending if !has_breathed => {
                    breathe().await;
                    has_breathed = true;
                }
                Poll::Pending => break,
            }
        }
        taken
    }

    /// Runs calls before the model has come to its end, once they are durable, as long as nobody has a say in it.
    fn start_early(&self, running: &mut Running<'_, E>, keeper: &mut Keeper<'_, E>, step: &mut Step) {
        if step.calls().is_empty() || self.edges.is_gated() || self.asks_unguarded(step) {
            return;
        }
        keeper.hurry(step);
        running.admit(step, step.kept_calls());
        running.start(step);
    }

    /// How long to wait before the request of this step is made again, which is durable and shown; `None` when it is not
    /// made again.
    async fn retry(&self, progress: &mut Progress) -> Option<Duration> {
        let step = progress.step.as_ref()?;
        let Some(Outcome::Failed(failure)) = step.outcome() else { return None };
        if !step.is_blank() && !sabotaged("retry-after-content") {
            return None;
        }
        let (attempt, failure) = (progress.retries.attempts, failure.clone());
        let delay = progress.retries.next(&failure)?;
        match self.tell_retry(step, attempt, delay, &failure).await {
            Ok(()) => Some(delay),
            Err(failure) => {
                progress.failure = Some(failure);
                None
            }
        }
    }

    async fn tell_retry(
        &self,
        step: &Step,
        attempt: u32,
        delay: Duration,
        failure: &Failure,
    ) -> Result<(), Failure> {
        let chunk = Chunk::ProviderRetry {
            step_id: step.id().clone(),
            attempt,
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            message: failure.message.clone(),
            code: Maybe::Some(failure.code.clone()),
        };
        let stored = self.store_alone(step.ids().retry(attempt), Role::System, chunk).await;
        stored.map_err(|error| Failure::of_store("that the model is asked again could not be stored", &error))
    }

    /// Stores a chunk as a message of its own, and shows it.
    ///
    /// # Errors
    /// When it could not be stored. Its position is used again, unless it may be in the log all the same.
    pub(super) async fn store_alone(&self, id: Text, role: Role, chunk: Chunk) -> Result<(), CallError> {
        let at = self.claim.fresh();
        let frame = match (role, chunk.clone()) {
            (Role::User, Chunk::Text { text }) => Some(frame::of_person(text, true)),
            (_, other) => frame::of(other),
        };
        let entry = Entry {
            message: Message { id, role, chunks: List::from([chunk]) },
            turn_id: Maybe::Some(self.claim.turn_id().clone()),
            positions: List::from([at.position]),
        };
        if let Err(error) = self.append(self.append_of(vec![entry])).await {
            if !is_unclear(error.kind) {
                self.claim.give_back(at);
            }
            return Err(error);
        }
        if let Some(frame) = frame {
            self.claim.show_at(at, frame);
        }
        self.claim.logged(at.position);
        Ok(())
    }
}
