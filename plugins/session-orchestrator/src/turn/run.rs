//! The work of a turn: step by step, until it ends, waits for a person, or leaves itself to another generation.

use transom_agent::log::HistoryOf;
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::turn::{Awaited, EndReason};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, List, Maybe};

use super::head_start::{Asked, HeadStart};
use super::limit::Limit;
use super::progress::Progress;
use super::{Turn, supervise};
use crate::edges::Edges;
use crate::ending::{Next, after_model};
use crate::histories::Past;
use crate::request::Prefix;
use crate::step::{Answer, Failure, Step};

/// How the work of a turn is over.
#[derive(Debug)]
pub(super) enum Flow {
    /// The turn ends.
    End(EndReason),
    /// It waits for a person.
    Parked,
    /// Another generation goes on with it.
    Suspended,
    /// Its conversation was deleted while it waited for a person.
    Gone,
}

/// What interrupts the work of a turn, or does not.
enum Came {
    Stop,
    OutOfTime,
    Flow(Result<Flow, String>),
}

impl<E: Edges> Turn<E> {
    /// Works until the turn is over, or somebody else's.
    pub(crate) async fn go_on(self, mut progress: Progress, head_start: Option<HeadStart<E>>) {
        let mut head_start = head_start;
        loop {
            match self.until_over(&mut progress, head_start.take()).await {
                Flow::End(reason) => return self.seal(progress, reason).await,
                Flow::Parked => return self.claim.park(),
                Flow::Gone => return self.forget(),
                Flow::Suspended if self.leave(&progress) => return self.claim.park(),
                // Nobody comes after us.
                Flow::Suspended => {}
            }
        }
    }

    /// Works until the turn is over, or is interrupted.
    async fn until_over(&self, progress: &mut Progress, head_start: Option<HeadStart<E>>) -> Flow {
        let out_of_time = self.out_of_time(progress.began_at);
        let came = tokio::select! {
            biased;
            () = self.claim.stop().given() => Came::Stop,
            () = out_of_time => Came::OutOfTime,
            never = self.watch_stalls() => match never {},
            flow = supervise::caught(self.work(progress, head_start)) => Came::Flow(flow),
        };
        match came {
            Came::Stop => Flow::End(EndReason::Aborted),
            Came::OutOfTime => fail(progress, self.settings.timeout_failure()),
            Came::Flow(Ok(flow)) => flow,
            Came::Flow(Err(panic)) => {
                tracing::error!("turn `{}` panicked: {panic}", self.claim.turn_id());
                let message = "the turn was broken off by a fault in the host; its log says more";
                fail(progress, Failure::new("internal", message))
            }
        }
    }

    /// Works until the turn is over; what came of it is in `progress`.
    async fn work(&self, progress: &mut Progress, head_start: Option<HeadStart<E>>) -> Flow {
        let stop = self.claim.stop();
        // One that waits is found in the log by the next generation.
        let waits = progress.step.as_ref().is_some_and(Step::waits);
        let left = || if waits { Flow::Parked } else { Flow::Suspended };
        let Some((prefix, mut asked)) = stop.unless_suspended(self.prefix(head_start)).await else {
            return left();
        };
        if progress.step.is_some()
            && let Some(flow) = self.go_on_answered(&prefix, progress).await
        {
            return flow;
        }
        match stop.unless_suspended(self.load(progress)).await {
            None => return Flow::Suspended,
            Some(Err(error)) => {
                return fail(progress, Failure::of_store("the conversation could not be read", &error));
            }
            Some(Ok(())) => {}
        }
        loop {
            if stop.is_suspended() {
                return Flow::Suspended;
            }
            if let Err(error) = self.load_again(progress).await {
                return fail(progress, Failure::of_store("the conversation could not be read", &error));
            }
            if let Some(flow) = self.run_step(&prefix, asked.take(), progress).await {
                return flow;
            }
        }
    }

    /// Runs what a person was asked about, who has answered: it was so when that was asked, and has to be so now. How the turn goes
    /// on, unless it is with a further step.
    async fn go_on_answered(&self, prefix: &Prefix, progress: &mut Progress) -> Option<Flow> {
        let step = progress.step.as_ref()?;
        if step.waits() {
            if let Some(flow) = self.gate_again(prefix, progress).await {
                return Some(flow);
            }
            if let Err(error) = self.store_gone_on(progress).await {
                if self.is_gone_by(&error).await {
                    return Some(Flow::Gone);
                }
                let failure = Failure::of_store("that the turn goes on could not be stored", &error);
                return Some(fail(progress, failure));
            }
        }
        self.run_calls(&mut self.running(prefix), progress).await
    }

    /// Makes durable that the calls of a step may run from now on, so that none of them runs twice.
    async fn store_gone_on(&self, progress: &mut Progress) -> Result<(), CallError> {
        let Progress { step: Some(step), witness, .. } = progress else { return Ok(()) };
        let chunk = Chunk::GoneOn { step_id: step.id().clone() };
        let message = Message { id: step.ids().gone_on(), role: Role::System, chunks: List::from([chunk]) };
        let entry = self.entry(message, List::new());
        if sabotaged("run-before-it-is-known") {
            return Ok(());
        }
        // Nobody is shown it, so that the messages that go along take their position from each other.
        let (append, alone) = self.appends_of(entry, witness, 1);
        match self.append(append).await {
            Err(error) if self.is_unknown_by(&error).await => self.append(alone).await?,
            appended => appended?,
        };
        step.has_gone_on();
        Ok(())
    }

    /// One request and the tools it asks for; how the turn goes on, unless it is with a further step.
    async fn run_step(
        &self,
        prefix: &Prefix,
        asked: Option<Asked<E>>,
        progress: &mut Progress,
    ) -> Option<Flow> {
        let limit = Limit::reached(&self.settings, progress);
        let asked_at = asked.as_ref().map_or_else(|| self.edges.now_ms(), |asked| asked.at);
        progress.begin_step(self.claim.turn_id(), asked_at);
        self.say_step_started(progress);
        let mut running = self.running(prefix);
        if self.ask_model(prefix, limit, asked, &mut running, progress).await.is_none() {
            return Some(self.suspend_step(&mut running, progress).await);
        }
        let step = progress.step.as_mut()?;
        step.close(self.edges.now_ms());
        match (after_model(step.outcome(), !step.calls().is_empty()), limit) {
            (Next::RunTools, Some(limit)) => {
                step.answer_rest(|_| Answer::instead("no tool runs any more: this was the last request"));
                Some(limit.end(progress))
            }
            (Next::End(EndReason::Stop), Some(limit)) => Some(limit.end(progress)),
            (Next::End(EndReason::Stop), None) => self.end_or_go_on(progress).await,
            (Next::End(reason), _) => Some(Flow::End(reason)),
            (Next::RunTools, None) => {
                if let Err(error) = self.keep(step).await {
                    let failure = Failure::of_store("what the model said could not be kept", &error);
                    return Some(fail(progress, failure));
                }
                match self.gate(prefix, progress).await {
                    Some(flow) => Some(flow),
                    None => self.run_calls(&mut running, progress).await,
                }
            }
        }
    }

    /// Stores the step under way and ends it.
    ///
    /// # Errors
    /// How the turn goes on when it could not be stored.
    pub(super) async fn store_step(&self, progress: &mut Progress) -> Result<(), Flow> {
        let Some(step) = &mut progress.step else { return Ok(()) };
        self.awaits(Some(Awaited::Host), progress.steps);
        step.sheet().place(&mut self.claim.places());
        let stored = self.append(self.append_of(step.entries())).await;
        if let Err(error) = stored {
            return Err(fail(progress, Failure::of_store("the step could not be stored", &error)));
        }
        step.sheet().keep_all();
        self.show(step);
        if let Some(position) = step.sheet().last_position() {
            self.claim.logged(position);
        }
        progress.end_step();
        Ok(())
    }

    /// What every request begins with, and the first of them, where it was made already.
    async fn prefix(&self, head_start: Option<HeadStart<E>>) -> (Prefix, Option<Asked<E>>) {
        let made = match head_start {
            Some(head_start) => head_start.made().await,
            None => None,
        };
        match made {
            Some(made) => made,
            None => (self.prefixes().make().await, None),
        }
    }

    /// Loads it once more when somebody else has written into the log.
    async fn load_again(&self, progress: &mut Progress) -> Result<(), CallError> {
        if !self.log_end.take_outdated() {
            return Ok(());
        }
        progress.past = None;
        self.load(progress).await
    }

    /// Loads what the model is to be shown, unless it is there: what is known of ended turns is not read again.
    async fn load(&self, progress: &mut Progress) -> Result<(), CallError> {
        let past = progress.past.get_or_insert_default();
        if past.messages.len() > past.settled {
            return Ok(());
        }
        let of = HistoryOf {
            conversation_id: self.claim.conversation_id().clone(),
            after_seq: past.settled_seq,
            before_seq: Maybe::None,
        };
        let history = match self.edges.history(of.clone()).await {
            // What was known before is summed up by now.
            Err(error) if error.kind == CallErrorKind::Conflict && of.after_seq > 0 => {
                *past = Past::default();
                self.edges.history(HistoryOf { after_seq: 0, ..of }).await?
            }
            history => history?,
        };
        if past.settled == 0 {
            past.messages = history.messages;
        } else {
            past.extend(history.messages.into_inner().into_iter().collect::<Vec<Message>>());
        }
        Ok(())
    }
}

/// Keeps a failure; the turn ends with it.
pub(super) fn fail(progress: &mut Progress, failure: Failure) -> Flow {
    progress.fail(failure);
    Flow::End(EndReason::Error)
}
