//! Runs the tools of one step.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use transom_agent::event::AgentEventKind;
use transom_agent::tool::{ToolCall, ToolDefinition, ToolOutput};
use transom_plugin_api::{CallError, CallErrorKind, Text};

use crate::batch::{Schedule, Work, plan};
use crate::edges::Edges;
use crate::hub::Claim;
use crate::step::{Answer, Call, between};

/// The tools of a step, and for whom they run.
pub(crate) struct Batch<'a, E> {
    pub(crate) edges: &'a E,
    pub(crate) claim: &'a Claim,
    pub(crate) step_id: &'a Text,
    pub(crate) calls: &'a [Call],
    pub(crate) offered: &'a [ToolDefinition],
    pub(crate) cwd: &'a Text,
    /// Calls that run side by side.
    pub(crate) limit: u32,
    /// How long each may take.
    pub(crate) timeout: Option<Duration>,
}

/// A call at work: its index, and its answer to come.
type AtWork<'a> = (usize, Pin<Box<dyn Future<Output = Answer> + Send + 'a>>);

impl<E: Edges> Batch<'_, E> {
    /// Runs all calls and shows each answer when it is there. `answers` has a place per call; when this future is
    /// dropped, calls at work are cancelled and their places stay empty.
    pub(crate) async fn run(&self, answers: &mut [Option<Answer>]) {
        let plan = plan(self.calls, self.offered);
        for (index, _) in plan.iter().enumerate().filter(|(_, work)| **work == Work::Unknown) {
            self.settle(index, unknown(&self.calls[index].name, self.offered), answers);
        }
        let mut schedule = Schedule::new(&plan, self.limit);
        let mut at_work: Vec<AtWork<'_>> = Vec::new();
        loop {
            while let Some(index) = schedule.start_next() {
                at_work.push((index, Box::pin(self.run_one(&self.calls[index]))));
            }
            if at_work.is_empty() {
                return;
            }
            let (index, answer) = first_done(&mut at_work).await;
            schedule.ended();
            for (same, _) in plan.iter().enumerate().filter(|(_, work)| **work == Work::SameAs(index)) {
                // It did not run, so it took no time.
                self.settle(same, Answer { duration_ms: 0, ..answer.clone() }, answers);
            }
            self.settle(index, answer, answers);
        }
    }

    async fn run_one(&self, call: &Call) -> Answer {
        let request = ToolCall {
            tool_call_id: call.id.clone(),
            input: call.input.clone(),
            conversation_id: self.claim.conversation_id().clone(),
            turn_id: self.claim.turn_id().clone(),
            cwd: self.cwd.clone(),
        };
        let began_at = self.edges.now_ms();
        self.claim.tool_began(&call.id, 0);
        let outcome = self.edges.run_tool(&call.name, request, self.timeout).await;
        self.claim.tool_ended(&call.id);
        let output = outcome.unwrap_or_else(|error| failed(&call.name, &error, self.timeout));
        Answer {
            content: output.content,
            is_error: output.is_error,
            duration_ms: between(began_at, self.edges.now_ms()),
        }
    }

    fn settle(&self, index: usize, answer: Answer, answers: &mut [Option<Answer>]) {
        let call = &self.calls[index];
        self.claim.show(AgentEventKind::ToolResult {
            step_id: self.step_id.clone(),
            tool_call_id: call.id.clone(),
            tool_name: call.name.clone(),
            content: answer.content.clone(),
            is_error: answer.is_error,
            duration_ms: answer.duration_ms,
        });
        answers[index] = Some(answer);
    }
}

/// Waits for whichever comes first. They are few, so that polling all of them at each wake-up is cheap.
async fn first_done(at_work: &mut Vec<AtWork<'_>>) -> (usize, Answer) {
    poll_fn(|context| {
        for place in 0..at_work.len() {
            if let Poll::Ready(answer) = at_work[place].1.as_mut().poll(context) {
                let (index, _) = at_work.remove(place);
                return Poll::Ready((index, answer));
            }
        }
        Poll::Pending
    })
    .await
}

/// What the model reads when it calls a tool it was not offered.
fn unknown(name: &str, offered: &[ToolDefinition]) -> Answer {
    let names: Vec<String> = offered.iter().map(|tool| format!("`{}`", tool.name)).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let content = format!("there is no tool `{name}`; the tools are: {names}").into();
    Answer { content, is_error: true, duration_ms: 0 }
}

/// What the model reads when a tool gave no answer.
fn failed(name: &str, error: &CallError, timeout: Option<Duration>) -> ToolOutput {
    tracing::warn!("the tool `{name}` gave no answer: {error}");
    let message = match (error.kind, timeout) {
        (CallErrorKind::NoProvider | CallErrorKind::Retired, _) => {
            format!("the tool `{name}` is not available any more")
        }
        (CallErrorKind::Deadline, Some(limit)) => {
            format!("the tool `{name}` gave no answer within {} s and was stopped", limit.as_secs())
        }
        (CallErrorKind::Panicked, _) => format!("the tool `{name}` broke down"),
        _ => format!("the tool `{name}` failed: {}", error.message),
    };
    ToolOutput::error(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_model_reads_names_the_tool_and_hides_the_inside_of_a_panic() {
        let read = |kind, timeout: Option<u64>| {
            let error = CallError::new(kind, "secret at line 3");
            failed("grep", &error, timeout.map(Duration::from_secs)).content.into_string()
        };
        assert_eq!(
            read(CallErrorKind::Deadline, Some(600)),
            "the tool `grep` gave no answer within 600 s and was stopped"
        );
        assert_eq!(read(CallErrorKind::Panicked, None), "the tool `grep` broke down");
        assert_eq!(read(CallErrorKind::NoProvider, None), "the tool `grep` is not available any more");
        assert_eq!(read(CallErrorKind::Failed, None), "the tool `grep` failed: secret at line 3");
    }

    #[test]
    fn an_unknown_tool_is_named_with_those_there_are() {
        assert_eq!(unknown("rm", &[]).content, "there is no tool `rm`; the tools are: none");
    }
}
