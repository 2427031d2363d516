//! The work of a turn: from the history to the last step.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use transom_agent::event::AgentEventKind;
use transom_agent::log::HistoryOf;
use transom_agent::message::Message;
use transom_agent::tool::{ToolAssembly, ToolDefinition};
use transom_agent::turn::{EndReason, SystemPrompt};
use transom_plugin_api::{CallError, List, Shared, Text};

use super::progress::Progress;
use super::{Turn, new_id, store};
use crate::edges::{Edges, ModelStream};
use crate::ending::{Next, after_model, after_tools};
use crate::request::Prefix;
use crate::step::Failure;
use crate::tools::Batch;

/// Events a model may have ready in a row before others get their turn.
const EVENTS_BETWEEN_BREATHS: u64 = 64;

/// What the steps of a turn begin with.
struct Prepared {
    prefix: Prefix,
    messages: Shared<List<Message>>,
}

impl<E: Edges> Turn<E> {
    /// Works until the turn ends; what came of it is in `progress`.
    pub(super) async fn run(&self, progress: &mut Progress) -> EndReason {
        let mut prepared = match self.claim.stop().race(self.prepare()).await {
            None => return EndReason::Aborted,
            Some(Err(error)) => {
                return self.fail(progress, Failure::of_call("the conversation could not be read", &error));
            }
            Some(Ok(prepared)) => prepared,
        };
        loop {
            if self.claim.stop().is_given() {
                return EndReason::Aborted;
            }
            if let Some(reason) = self.run_step(&prepared, progress).await {
                return reason;
            }
            let messages: List<Message> = progress.end_step(new_id).into();
            if let Err(error) = self.store_step(messages.clone()).await {
                return self.fail(progress, Failure::of_call("the step could not be stored", &error));
            }
            progress.stored();
            prepared.messages.to_mut().extend(messages);
        }
    }

    /// Keeps a failure and tells viewers.
    pub(super) fn fail(&self, progress: &mut Progress, failure: Failure) -> EndReason {
        self.claim.show(failure.frame());
        progress.fail(failure);
        EndReason::Error
    }

    /// Runs both filters once, so that every step begins with the same bytes, and loads the history, which ends with
    /// the person's message.
    async fn prepare(&self) -> Result<Prepared, CallError> {
        let conversation_id = self.claim.conversation_id();
        let prompt = self.system_prompt().await;
        let tools = self.offered_tools().await;
        let of = HistoryOf { conversation_id: conversation_id.clone(), after_seq: 0 };
        let history = self.edges.history(of).await?;
        let terms = &self.terms;
        let effort = terms.reasoning_effort.clone();
        let prefix = Prefix::new(conversation_id, &terms.model, &prompt, tools, effort);
        Ok(Prepared { prefix, messages: history.messages })
    }

    async fn system_prompt(&self) -> List<Text> {
        let prompt = SystemPrompt {
            conversation_id: self.claim.conversation_id().clone(),
            cwd: self.terms.cwd.clone(),
            parts: List::from([Text::from(&self.settings.system_prompt)]),
        };
        let filtered = self.edges.filter_system_prompt(prompt.clone()).await;
        filtered.unwrap_or_else(|error| unfiltered(prompt, "system prompt", &error)).parts
    }

    async fn offered_tools(&self) -> List<ToolDefinition> {
        let tools = self.edges.tools().into_iter().map(|tool| {
            // It is called by the name it is registered under, whatever its definition says.
            let mut definition = tool.about;
            definition.name = tool.name;
            definition
        });
        let assembly = ToolAssembly {
            conversation_id: self.claim.conversation_id().clone(),
            cwd: self.terms.cwd.clone(),
            tools: tools.collect(),
        };
        let filtered = self.edges.filter_tools(assembly.clone()).await;
        filtered.unwrap_or_else(|error| unfiltered(assembly, "tools", &error)).tools
    }

    /// One request and the tools it asks for; a reason when the turn ends with it.
    async fn run_step(&self, prepared: &Prepared, progress: &mut Progress) -> Option<EndReason> {
        progress.begin_step(self.claim.turn_id(), self.edges.now_ms());
        self.ask_model(prepared, progress).await;
        let step = progress.step()?;
        match after_model(step.outcome(), !step.calls().is_empty()) {
            Next::End(reason) => Some(reason),
            Next::RunTools => {
                let stopped = self.run_tools(prepared, progress).await.is_none();
                after_tools(stopped, progress.steps, self.settings.max_steps)
            }
        }
    }

    /// Streams one answer into the step. The stream is dropped when the turn is stopped, not at its next event, and
    /// nothing is read behind its end.
    async fn ask_model(&self, prepared: &Prepared, progress: &mut Progress) {
        let Some(step) = progress.step() else { return };
        let request = prepared.prefix.request(&prepared.messages);
        match self.edges.open_model(&self.terms.model, request) {
            Err(error) => self.show_all(step.take(Some(Err(error)), self.edges.now_ms())),
            Ok(mut stream) => {
                for event in 1_u64.. {
                    let Some(next) = self.claim.stop().race(stream.next()).await else { break };
                    self.show_all(step.take(next, self.edges.now_ms()));
                    if step.outcome().is_some() {
                        break;
                    }
                    if event % EVENTS_BETWEEN_BREATHS == 0 {
                        breathe().await;
                    }
                }
            }
        }
        self.show_all(step.closing_frames(self.edges.now_ms()));
    }

    /// `None` when the turn was stopped before all answers were there.
    async fn run_tools(&self, prepared: &Prepared, progress: &mut Progress) -> Option<()> {
        let timeout = self.settings.tool_timeout_s;
        let (step_id, calls, answers) = progress.calls();
        let batch = Batch {
            edges: &*self.edges,
            claim: &self.claim,
            step_id: &step_id,
            calls: &calls,
            offered: prepared.prefix.tools(),
            cwd: &self.terms.cwd,
            limit: self.settings.max_parallel_tools,
            timeout: (timeout > 0).then(|| Duration::from_secs(timeout)),
        };
        self.claim.stop().race(batch.run(answers)).await
    }

    async fn store_step(&self, messages: List<Message>) -> Result<(), CallError> {
        store::append(&*self.edges, self.of_turn(messages)).await.map(drop)
    }

    fn show_all(&self, frames: impl IntoIterator<Item = AgentEventKind>) {
        frames.into_iter().for_each(|frame| self.claim.show(frame));
    }
}

/// Lets others run on this thread: a model that always has more to say must not keep out who wants to stop it.
async fn breathe() {
    let mut breathed = false;
    poll_fn(|context| {
        if std::mem::replace(&mut breathed, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A fail-open filter whose chain is unreachable changes nothing.
fn unfiltered<T>(value: T, what: &str, error: &CallError) -> T {
    tracing::warn!("the {what} of a turn went unfiltered: {error}");
    value
}
