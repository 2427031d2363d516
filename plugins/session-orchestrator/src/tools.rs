//! Runs the tools of one step.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use transom_agent::tool::{ToolCall, ToolDefinition, ToolOutput, ToolRan};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Text};

use crate::batch::{Plan, Schedule, Work};
use crate::edges::Edges;
use crate::hub::Claim;
use crate::step::{Answer, Call, Step, between};

/// For whom the tools of a step run, and how.
pub(crate) struct Batch<'a, E> {
    pub(crate) edges: &'a E,
    pub(crate) claim: &'a Claim,
    pub(crate) offered: &'a [ToolDefinition],
    pub(crate) cwd: &'a Text,
    /// How long each may take.
    pub(crate) timeout: Option<Duration>,
}

/// Calls of a step that wait or are at work. Dropped, those at work are cancelled.
pub(crate) struct Running<'a, E> {
    batch: Batch<'a, E>,
    plan: Plan,
    /// Which calls share the answer of which.
    same: Vec<(usize, usize)>,
    /// Calls that were admitted.
    admitted: usize,
    schedule: Schedule,
    at_work: Vec<AtWork<'a>>,
}

/// A call at work: its index, and its answer to come.
type AtWork<'a> = (usize, Pin<Box<dyn Future<Output = Answer> + Send + 'a>>);

impl<'a, E: Edges> Running<'a, E> {
    /// At most `limit` run side by side.
    pub(crate) fn new(batch: Batch<'a, E>, limit: u32) -> Self {
        let schedule = Schedule::new(limit);
        Self { batch, plan: Plan::default(), same: Vec::new(), admitted: 0, schedule, at_work: Vec::new() }
    }

    /// Lets the first calls of a step run, up to `end`. Those that have an answer already are left alone, those of tools
    /// that were not offered are answered at once.
    pub(crate) fn admit(&mut self, step: &mut Step, end: usize) {
        if sabotaged("run-a-started-call-again") {
            self.admitted = 0;
        }
        for index in std::mem::replace(&mut self.admitted, end)..end {
            if step.is_answered(index) {
                continue;
            }
            let call = &step.calls()[index];
            match self.plan.of(index, call, self.batch.offered) {
                Work::Run { alone } => self.schedule.push(index, alone),
                Work::SameAs(first) => match step.answer_of(first) {
                    Some(answer) => step.answer(index, answer),
                    None => self.same.push((index, first)),
                },
                Work::Unknown => step.answer(index, unknown(&call.name, self.batch.offered)),
            }
        }
    }

    pub(crate) fn is_at_work(&self) -> bool {
        !self.at_work.is_empty()
    }

    /// Starts what may start.
    pub(crate) fn start(&mut self, step: &mut Step) {
        while let Some(index) = self.schedule.start_next() {
            step.begin(index);
            let call = step.calls()[index].clone();
            let position = step.position_of(index);
            self.at_work.push((index, Box::pin(self.batch.run_one(call, position))));
        }
    }

    /// The next answers, which belong to a call and to those that asked for the same. Nothing is lost when it is dropped.
    pub(crate) async fn next(&mut self) -> Vec<(usize, Answer)> {
        let (index, answer) = first_done(&mut self.at_work).await;
        self.schedule.ended();
        let same = self.same.iter().filter(|(_, first)| *first == index);
        // They did not run, so they took no time.
        let same = same.map(|(same, _)| (*same, Answer { duration_ms: None, ..answer.clone() }));
        let mut answers: Vec<(usize, Answer)> = same.collect();
        answers.push((index, answer));
        answers
    }
}

impl<'a, E: Edges> Batch<'a, E> {
    fn run_one(&self, call: Call, position: i64) -> impl Future<Output = Answer> + Send + use<'a, E> {
        let Self { edges, claim, cwd, timeout, .. } = *self;
        async move {
            let request = ToolCall {
                tool_call_id: call.id.clone(),
                input: call.input.clone(),
                conversation_id: claim.conversation_id().clone(),
                turn_id: claim.turn_id().clone(),
                cwd: cwd.clone(),
            };
            let began_at = edges.now_ms();
            claim.tool_began(&call.id, position);
            let _printing = Printing { claim, call: &call.id };
            let ran = ToolRan {
                conversation_id: request.conversation_id.clone(),
                turn_id: request.turn_id.clone(),
                cwd: cwd.clone(),
                tool_call_id: call.id.clone(),
                tool_name: call.name.clone(),
                input: request.input.clone(),
                output: ToolOutput::ok(""),
                duration_ms: 0,
            };
            let outcome = edges.run_tool(&call.name, request, timeout).await;
            let output = outcome.unwrap_or_else(|error| failed(&call.name, &error, timeout));
            let duration_ms = between(began_at, edges.now_ms());
            let output = filtered(edges, ToolRan { output, duration_ms, ..ran }).await;
            Answer { content: output.content, is_error: output.is_error, duration_ms: Some(duration_ms) }
        }
    }
}

/// What a tool has answered, as plugins leave it.
async fn filtered<E: Edges>(edges: &E, ran: ToolRan) -> ToolOutput {
    if !edges.are_answers_filtered() {
        return ran.output;
    }
    let name = ran.tool_name.clone();
    match edges.filter_ran(ran).await {
        Ok(ran) => ran.output,
        Err(error) => {
            tracing::warn!("what the tool `{name}` has answered is withheld: {error}");
            ToolOutput::error(format!("the answer of the tool `{name}` is withheld: {}", error.message))
        }
    }
}

/// Shows what a call prints for as long as it lives.
struct Printing<'a> {
    claim: &'a Claim,
    call: &'a Text,
}

impl Drop for Printing<'_> {
    fn drop(&mut self) {
        self.claim.tool_ended(self.call);
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
    Answer::instead(format!("there is no tool `{name}`; the tools are: {names}"))
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
