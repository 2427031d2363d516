//! The calls of a step: their running, and what comes behind their answers.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use transom_agent::turn::{StepCompleted, StepStarted};

use super::Turn;
use super::keep::Keeper;
use super::progress::Progress;
use super::run::Flow;
use crate::edges::Edges;
use crate::ending::after_tools;
use crate::request::Prefix;
use crate::step::{Answer, Step};
use crate::tools::{Batch, Running};

/// How long tools at work may go on when the turn is to be left to another generation.
const GRACE: Duration = Duration::from_secs(5);

impl<E: Edges> Turn<E> {
    /// Where the calls of a step run.
    pub(super) fn running<'a>(&'a self, prefix: &'a Prefix) -> Running<'a, E> {
        let timeout = self.settings.tool_timeout_s;
        let batch = Batch {
            edges: &*self.edges,
            claim: &self.claim,
            offered: prefix.tools(),
            cwd: &self.terms.cwd,
            timeout: (timeout > 0).then(|| Duration::from_secs(timeout)),
        };
        Running::new(batch, self.settings.max_parallel_tools)
    }

    /// Runs the calls of the step under way that have no answer yet, and stores the step; how the turn goes on, unless it
    /// is with a further step.
    pub(super) async fn run_calls(
        &self,
        running: &mut Running<'_, E>,
        progress: &mut Progress,
    ) -> Option<Flow> {
        let number = progress.steps;
        let step = progress.step.as_mut()?;
        running.admit(step, step.calls().len());
        self.awaits(None, number);
        self.run_tools(running, step).await;
        step.answer_rest(interrupted);
        if let Err(flow) = self.store_step(progress).await {
            return Some(flow);
        }
        self.say_completed(progress);
        if let Some(reason) = after_tools(progress.steps, self.settings.max_steps) {
            return Some(Flow::End(reason));
        }
        if self.claim.stop().is_suspended() {
            return Some(Flow::Suspended);
        }
        self.steer(progress).await
    }

    /// Says that a step begins.
    pub(super) fn say_step_started(&self, progress: &Progress) {
        self.edges.say_step_started(&StepStarted {
            conversation_id: self.claim.conversation_id().clone(),
            turn_id: self.claim.turn_id().clone(),
            step: progress.steps,
            model: self.terms.model.clone(),
        });
    }

    pub(super) fn say_completed(&self, progress: &Progress) {
        self.edges.say_step_completed(&StepCompleted {
            conversation_id: self.claim.conversation_id().clone(),
            turn_id: self.claim.turn_id().clone(),
            step: progress.steps,
            model: self.terms.model.clone(),
            context_size: progress.context_size().into(),
        });
    }

    /// Runs tools until each has answered. When the turn is to be left to another generation no further one is started, and
    /// those at work have a while to answer.
    pub(super) async fn run_tools(&self, running: &mut Running<'_, E>, step: &mut Step) {
        let mut keeper = Keeper::new(self);
        let mut grace: Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = None;
        loop {
            if !self.claim.stop().is_suspended() {
                running.start(step);
            }
            if !running.is_at_work() {
                return;
            }
            keeper.hurry(step);
            let leaving = grace.is_some();
            let over = async {
                match &mut grace {
                    Some(grace) => grace.as_mut().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                () = over => return,
                () = self.claim.stop().suspended(), if !leaving => {
                    let patience = self.common.suspended.patience();
                    grace = Some(Box::pin(self.edges.sleep(GRACE.min(patience))));
                }
                beat = keeper.beat() => keeper.take(beat, step),
                answers = running.next() => {
                    answers.into_iter().for_each(|(index, answer)| step.answer(index, answer));
                }
            }
        }
    }
}

/// What the model reads of a call that another generation cannot go on with.
pub(super) fn interrupted(begun: bool) -> Answer {
    Answer::instead(if begun {
        "interrupted by a reload of the host; it may have had effects"
    } else {
        "a reload of the host came before this could run"
    })
}
