//! What a model says in one step, gathered from its events: chunks, calls, tokens, times, and how it ended.

use serde::Serialize;
use transom_agent::event::AgentEventKind;
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::provider::{FinishReason, ProviderEvent, Usage};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Json, List, Maybe, Text};

use crate::relay;

/// One request to a model and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    id: Text,
    /// What the ids of calls begin with that the provider gave none of their own.
    call_prefix: String,
    began_at: i64,
    first_token_at: Option<i64>,
    chunks: Vec<Chunk>,
    calls: Vec<Call>,
    usage: Option<Usage>,
    outcome: Option<Outcome>,
}

/// How a model's answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The model was done.
    Finished(FinishReason),
    /// It, or the way to it, failed.
    Failed(Failure),
}

/// Why a turn fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// One sentence.
    pub(crate) message: Text,
    /// The class.
    pub(crate) code: Text,
}

/// A tool the model asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: Text,
    pub(crate) name: Text,
    pub(crate) input: Json,
}

/// What a tool answered, or what is answered in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) content: Text,
    pub(crate) is_error: bool,
    /// Milliseconds it ran.
    pub(crate) duration_ms: u64,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<Text>) -> Self {
        Self { message: message.into(), code: code.into() }
    }

    /// A failed call; its kind is the class.
    pub(crate) fn of_call(what: &str, error: &CallError) -> Self {
        Self::new(&word(&error.kind), format!("{what}: {error}"))
    }

    /// The chunk that keeps it for people.
    pub(crate) fn chunk(&self) -> Chunk {
        Chunk::Error { message: self.message.clone(), code: Maybe::Some(self.code.clone()) }
    }

    /// The frame that tells viewers.
    pub(crate) fn frame(&self) -> AgentEventKind {
        AgentEventKind::Error { message: self.message.clone(), code: Maybe::Some(self.code.clone()) }
    }
}

/// The encoded form of an enum without fields.
fn word(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "failed".to_owned(),
    }
}

impl Step {
    pub(crate) fn new(turn_id: &str, number: u32, now_ms: i64) -> Self {
        Self {
            id: format!("{turn_id}#{number}").into(),
            call_prefix: format!("call-{turn_id}-{number}"),
            began_at: now_ms,
            first_token_at: None,
            chunks: Vec::new(),
            calls: Vec::new(),
            usage: None,
            outcome: None,
        }
    }

    pub(crate) fn id(&self) -> &Text {
        &self.id
    }

    pub(crate) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// How it ended; `None` while it has not, and for ever when it was interrupted.
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Takes in what came next from the provider (`None`: the end) and gives the frame to show for it.
    pub(crate) fn take(
        &mut self,
        next: Option<Result<ProviderEvent, CallError>>,
        now_ms: i64,
    ) -> Option<AgentEventKind> {
        match next {
            Some(Ok(event)) => self.take_event(event, now_ms),
            Some(Err(error)) => self.fail(Failure::of_call("the model gave no complete answer", &error)),
            None => self.fail(Failure::new("protocol", "the model's answer ended in the middle")),
        }
    }

    fn take_event(&mut self, event: ProviderEvent, now_ms: i64) -> Option<AgentEventKind> {
        match event {
            ProviderEvent::TextDelta { delta } => self.take_delta(delta, Sort::Text, now_ms),
            ProviderEvent::ReasoningDelta { delta } => self.take_delta(delta, Sort::Thinking, now_ms),
            ProviderEvent::ToolCall { tool_call_id, tool_name, input } => {
                Some(self.take_call(tool_call_id, tool_name, input))
            }
            ProviderEvent::Usage { usage } => {
                self.usage = Some(usage);
                None
            }
            ProviderEvent::Finish { reason } => {
                self.outcome = Some(Outcome::Finished(reason));
                None
            }
            ProviderEvent::Unknown(_) if sabotaged("drop-what-is-not-known") => None,
            ProviderEvent::Unknown(unknown) => {
                self.chunks.extend(relay::chunk(&unknown));
                relay::frame(&unknown)
            }
            ProviderEvent::Error { message, class, .. } => self.fail(Failure::new(&word(&class), message)),
        }
    }

    /// Ends the step with a failure, unless it has ended.
    pub(crate) fn fail(&mut self, failure: Failure) -> Option<AgentEventKind> {
        if self.outcome.is_some() {
            return None;
        }
        let frame = failure.frame();
        self.outcome = Some(Outcome::Failed(failure));
        Some(frame)
    }

    fn take_delta(&mut self, delta: Text, sort: Sort, now_ms: i64) -> Option<AgentEventKind> {
        if delta.is_empty() {
            return None;
        }
        self.first_token_at.get_or_insert(now_ms);
        match (self.chunks.last_mut(), sort) {
            (Some(Chunk::Text { text }), Sort::Text) | (Some(Chunk::Thinking { text }), Sort::Thinking) => {
                text.push_str(&delta);
            }
            (_, Sort::Text) => self.chunks.push(Chunk::Text { text: delta.clone() }),
            (_, Sort::Thinking) => self.chunks.push(Chunk::Thinking { text: delta.clone() }),
        }
        Some(match sort {
            Sort::Text => AgentEventKind::TextDelta { delta },
            Sort::Thinking => AgentEventKind::ReasoningDelta { delta },
        })
    }

    fn take_call(&mut self, id: Text, name: Text, input: Json) -> AgentEventKind {
        // A result is found by its call's id, so two calls of a step must not share one.
        let id = if id.is_empty() || self.calls.iter().any(|call| call.id == id) {
            format!("{}-{}", self.call_prefix, self.calls.len()).into()
        } else {
            id
        };
        self.chunks.push(Chunk::ToolCall {
            tool_call_id: id.clone(),
            tool_name: name.clone(),
            input: input.clone(),
            step_id: Maybe::Some(self.id.clone()),
        });
        self.calls.push(Call { id: id.clone(), name: name.clone(), input: input.clone() });
        AgentEventKind::ToolCall { step_id: self.id.clone(), tool_call_id: id, tool_name: name, input }
    }

    /// The frames behind the last event of the model: what it used, if that was told, and how long it took.
    pub(crate) fn closing_frames(&self, now_ms: i64) -> impl Iterator<Item = AgentEventKind> {
        let usage = self.usage.map(|usage| AgentEventKind::Usage { step_id: self.id.clone(), usage });
        let complete = AgentEventKind::StepComplete {
            step_id: self.id.clone(),
            ttft_ms: self.first_token_at.map(|first| between(self.began_at, first)).into(),
            decode_ms: self.first_token_at.map(|first| between(first, now_ms)).into(),
            gen_total_ms: between(self.began_at, now_ms),
        };
        usage.into_iter().chain([complete])
    }

    /// The words of the step.
    pub(crate) fn words(&self) -> String {
        let words = self.chunks.iter().filter_map(|chunk| match chunk {
            Chunk::Text { text } => Some(text.as_str()),
            _ => None,
        });
        words.collect()
    }

    /// The messages it leaves behind: one of the model's and one for each answer, in the order of the calls. Calls
    /// without an answer are left out, so that what is stored can be shown to a model again.
    pub(crate) fn into_messages(
        self,
        answers: &[Option<Answer>],
        mut new_id: impl FnMut() -> Text,
    ) -> Vec<Message> {
        let answer_of = |id: &Text| {
            let index = self.calls.iter().position(|call| call.id == *id)?;
            answers.get(index)?.as_ref()
        };
        let is_kept = |chunk: &Chunk| match chunk {
            Chunk::ToolCall { tool_call_id, .. } => answer_of(tool_call_id).is_some(),
            _ => true,
        };
        let mut said: List<Chunk> = self.chunks.iter().filter(|chunk| is_kept(chunk)).cloned().collect();
        if let Some(Outcome::Failed(failure)) = &self.outcome {
            said.push(failure.chunk());
        }
        let mut messages = Vec::new();
        if !said.is_empty() {
            messages.push(Message { id: new_id(), role: Role::Assistant, chunks: said });
        }
        for call in &self.calls {
            let Some(answer) = answer_of(&call.id) else { continue };
            let result = Chunk::ToolResult {
                tool_call_id: call.id.clone(),
                tool_name: call.name.clone(),
                content: answer.content.clone(),
                is_error: answer.is_error,
                step_id: Maybe::Some(self.id.clone()),
                duration_ms: Maybe::Some(answer.duration_ms),
            };
            messages.push(Message { id: new_id(), role: Role::Tool, chunks: List::from([result]) });
        }
        messages
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Text,
    Thinking,
}

/// Milliseconds from one time to a later one; 0 when the clock was set back between them.
pub(crate) fn between(earlier_ms: i64, later_ms: i64) -> u64 {
    u64::try_from(later_ms.saturating_sub(earlier_ms)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
