//! What a model says in one step, gathered from its events: chunks, calls, tokens, times, and how it ended.

mod failure;

use transom_agent::log::Entry;
use transom_agent::message::{Chunk, Message};
use transom_agent::provider::{FinishReason, ProviderEvent, Usage};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Json, Maybe, Text};

pub(crate) use self::failure::Failure;

use self::failure::word;
use crate::relay;
use crate::sheet::{MessageIds, Part, Sheet};

/// One request to a model and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    id: Text,
    ids: StepIds,
    /// When the model was asked last.
    asked_at: i64,
    first_token_at: Option<i64>,
    sheet: Sheet,
    calls: Vec<Call>,
    /// Where calls of a step that goes on stand in the log; what this step has said itself is in the sheet.
    stood: Vec<i64>,
    /// How far each of the calls has come.
    stages: Vec<Stage>,
    /// What a person has chosen, by the call it is about.
    choices: Vec<(usize, Text)>,
    /// Whether the log says that its calls may have run after a person was asked.
    gone_on: bool,
    usage: Option<Usage>,
    outcome: Option<Outcome>,
    closed: bool,
}

/// The ids of a step's messages: short, and the same whoever asks.
#[derive(Clone, Debug)]
pub(crate) struct StepIds {
    turn_id: Text,
    number: u32,
}

impl StepIds {
    /// The fact that the request is made again.
    pub(crate) fn retry(&self, attempt: u32) -> Text {
        format!("{}/{}r{attempt}", self.turn_id, self.number).into()
    }

    /// The fact that the turn goes on which had waited for a person.
    pub(crate) fn gone_on(&self) -> Text {
        format!("{}/{}g", self.turn_id, self.number).into()
    }

    /// A question about the call of that index.
    pub(crate) fn question(&self, index: usize) -> Text {
        format!("{}/{}q{index}", self.turn_id, self.number).into()
    }
}

impl MessageIds for StepIds {
    fn id_of(&self, part: Part) -> Text {
        let Self { turn_id, number } = self;
        match part {
            Part::Said => format!("{turn_id}/{number}"),
            Part::Result(index) => format!("{turn_id}/{number}.{index}"),
            Part::Facts => format!("{turn_id}/{number}f"),
            Part::Questions => format!("{turn_id}/{number}q"),
        }
        .into()
    }
}

/// How a model's answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The model was done.
    Finished(FinishReason),
    /// It, or the way to it, failed.
    Failed(Failure),
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Begun,
    Answered,
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
    /// Milliseconds it ran, when it ran to its end.
    pub(crate) duration_ms: Option<u64>,
}

impl Answer {
    /// What the model reads in place of an answer.
    pub(crate) fn instead(content: impl Into<Text>) -> Self {
        Self { content: content.into(), is_error: true, duration_ms: None }
    }
}

impl Step {
    /// A step that asks its model for the first time.
    pub(crate) fn new(turn_id: &Text, number: u32, now_ms: i64) -> Self {
        Self {
            ids: StepIds { turn_id: turn_id.clone(), number },
            id: format!("{turn_id}#{number}").into(),
            asked_at: now_ms,
            first_token_at: None,
            sheet: Sheet::default(),
            calls: Vec::new(),
            stood: Vec::new(),
            stages: Vec::new(),
            choices: Vec::new(),
            gone_on: false,
            usage: None,
            outcome: None,
            closed: false,
        }
    }

    /// A step whose model has said everything, all of it stored: what is left are calls, each with its position.
    pub(crate) fn resumed(turn_id: &Text, number: u32, calls: Vec<(Call, i64)>) -> Self {
        let stages = vec![Stage::Open; calls.len()];
        let (calls, stood) = calls.into_iter().unzip();
        Self { calls, stood, stages, closed: true, ..Self::new(turn_id, number, 0) }
    }

    /// Says that the answer to a call is in the log.
    pub(crate) fn answered_before(&mut self, index: usize) {
        self.stages[index] = Stage::Answered;
    }

    pub(crate) const fn id(&self) -> &Text {
        &self.id
    }

    /// The ids of its messages.
    pub(crate) const fn ids(&self) -> &StepIds {
        &self.ids
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

    /// What it has said, with how far that is durable and was shown.
    pub(crate) const fn sheet(&mut self) -> &mut Sheet {
        &mut self.sheet
    }

    /// Whether the model says nothing more.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the model has not given anything yet.
    pub(crate) fn is_blank(&self) -> bool {
        self.sheet.is_empty() && self.usage.is_none()
    }

    /// The model gave nothing but a failure, and is asked once more.
    pub(crate) fn forget_failure(&mut self) {
        self.outcome = None;
    }

    /// It is asked now.
    pub(crate) const fn ask_again(&mut self, now_ms: i64) {
        self.asked_at = now_ms;
    }

    /// Takes in what came next from the provider (`None`: the end).
    pub(crate) fn take(&mut self, next: Option<Result<ProviderEvent, CallError>>, now_ms: i64) {
        match next {
            Some(Ok(event)) => self.take_event(event, now_ms),
            Some(Err(error)) => self.fail(Failure::of_call("the model gave no complete answer", &error)),
            None => self.fail(Failure::new("protocol", "the model's answer ended in the middle")),
        }
    }

    fn take_event(&mut self, event: ProviderEvent, now_ms: i64) {
        match event {
            ProviderEvent::TextDelta { delta } => self.take_text(Chunk::Text { text: delta }, now_ms),
            ProviderEvent::ReasoningDelta { delta } => {
                self.take_text(Chunk::Thinking { text: delta, state: Maybe::None }, now_ms);
            }
            ProviderEvent::ToolCall { tool_call_id, tool_name, input } => {
                self.take_call(tool_call_id, tool_name, input);
            }
            ProviderEvent::ThoughtState { state } => self.sheet.end_thought(Part::Said, state),
            ProviderEvent::Usage { usage } => self.usage = Some(usage),
            ProviderEvent::Finish { reason } => self.outcome = Some(Outcome::Finished(reason)),
            ProviderEvent::Unknown(_) if sabotaged("drop-what-is-not-known") => {}
            ProviderEvent::Unknown(unknown) => {
                // Viewers see only what the log has, too.
                let shown = relay::frame(&unknown).is_some();
                if let Some(chunk) = relay::chunk(&unknown).filter(|_| shown) {
                    self.sheet.push(Part::Said, chunk);
                }
            }
            ProviderEvent::Error { message, class, retry_after_ms, .. } => {
                let failure = Failure::new(&word(&class), message);
                self.fail(Failure {
                    class: Some(class),
                    retry_after_ms: retry_after_ms.into_option(),
                    ..failure
                });
            }
        }
    }

    /// Ends the step with a failure, unless it has ended.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.outcome.get_or_insert(Outcome::Failed(failure));
    }

    fn take_text(&mut self, chunk: Chunk, now_ms: i64) {
        let (Chunk::Text { text } | Chunk::Thinking { text, .. }) = &chunk else { return };
        if !text.is_empty() {
            self.first_token_at.get_or_insert(now_ms);
            self.sheet.push(Part::Said, chunk);
        }
    }

    fn take_call(&mut self, id: Text, name: Text, input: Json) {
        // A result is found by its call's id, so two calls of a step must not share one.
        let id = if id.is_empty() || self.calls.iter().any(|call| call.id == id) {
            let StepIds { turn_id, number } = &self.ids;
            format!("call-{turn_id}-{number}-{}", self.calls.len()).into()
        } else {
            id
        };
        let call = Chunk::ToolCall {
            tool_call_id: id.clone(),
            tool_name: name.clone(),
            input: input.clone(),
            step_id: Maybe::Some(self.id.clone()),
        };
        self.sheet.push(Part::Said, call);
        self.calls.push(Call { id, name, input });
        self.stages.push(Stage::Open);
    }

    /// The model says nothing more: behind its words stand what went wrong, what it used, if that was told, and how long it
    /// took. Of an answer that is not complete nobody knows what calls it would have come to, so that those which nobody
    /// knows of yet are forgotten.
    pub(crate) fn close(&mut self, now_ms: i64) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        if !matches!(self.outcome, Some(Outcome::Finished(_))) {
            self.forget_calls();
        }
        if let Some(Outcome::Failed(failure)) = &self.outcome {
            self.sheet.push(Part::Said, failure.chunk());
        }
        if let Some(usage) = self.usage {
            self.sheet.push(Part::Facts, Chunk::Usage { step_id: self.id.clone(), usage });
        }
        let complete = Chunk::StepComplete {
            step_id: self.id.clone(),
            ttft_ms: self.first_token_at.map(|first| between(self.asked_at, first)).into(),
            decode_ms: self.first_token_at.map(|first| between(first, now_ms)).into(),
            gen_total_ms: between(self.asked_at, now_ms),
        };
        self.sheet.push(Part::Facts, complete);
    }

    fn forget_calls(&mut self) {
        self.sheet.take_out(|chunk| matches!(chunk, Chunk::ToolCall { .. }));
        let left: Vec<&Text> = self.sheet.chunks(Part::Said).filter_map(call_id).collect();
        self.calls.retain(|call| left.contains(&&call.id));
        self.stages.truncate(self.calls.len());
    }

    /// Where a call stands; 0 as long as it has no position.
    pub(crate) fn position_of(&self, index: usize) -> i64 {
        let stood = self.stood.get(index).copied().filter(|_| !sabotaged("forget-where-a-call-stands"));
        let said = || self.sheet.position_of(|chunk| call_id(chunk) == Some(&self.calls[index].id));
        stood.or_else(said).unwrap_or_default()
    }

    /// Says what a call is given instead of what the model wrote.
    pub(crate) fn change_input(&mut self, index: usize, input: Json) {
        let call = &mut self.calls[index];
        call.input = input.clone();
        let changed = Chunk::InputChanged { tool_call_id: call.id.clone(), input };
        self.sheet.push(Part::Facts, changed);
    }

    /// Says that the log knows that its calls may have run.
    pub(crate) const fn has_gone_on(&mut self) {
        self.gone_on = true;
    }

    /// Whether a person was asked, and the log does not say yet that the turn goes on.
    pub(crate) const fn waits(&self) -> bool {
        self.closed && !self.gone_on
    }

    /// Says what a person has chosen who was asked about a call.
    pub(crate) fn chose(&mut self, index: usize, choice: Text) {
        self.choices.push((index, choice));
    }

    /// What a person has chosen who was asked about a call.
    pub(crate) fn choice_of(&self, index: usize) -> Option<&Text> {
        self.choices.iter().find(|(of, _)| *of == index).map(|(_, choice)| choice)
    }

    /// Takes in the answer to a call; the first one counts.
    pub(crate) fn answer(&mut self, index: usize, answer: Answer) {
        if std::mem::replace(&mut self.stages[index], Stage::Answered) == Stage::Answered {
            return;
        }
        let call = &self.calls[index];
        let result = Chunk::ToolResult {
            tool_call_id: call.id.clone(),
            tool_name: call.name.clone(),
            content: answer.content,
            is_error: answer.is_error,
            step_id: Maybe::Some(self.id.clone()),
            duration_ms: answer.duration_ms.into(),
        };
        self.sheet.push(Part::Result(index), result);
    }

    /// Says that a call is being run. It is never run again.
    pub(crate) fn begin(&mut self, index: usize) {
        self.stages[index] = Stage::Begun;
    }

    /// Whether a call has an answer.
    pub(crate) fn is_answered(&self, index: usize) -> bool {
        self.stages[index] == Stage::Answered
    }

    /// The answer to a call, as one that asks for the same is answered.
    pub(crate) fn answer_of(&self, index: usize) -> Option<Answer> {
        self.sheet.chunks(Part::Result(index)).find_map(|chunk| match chunk {
            Chunk::ToolResult { content, is_error, .. } => {
                Some(Answer { content: content.clone(), is_error: *is_error, duration_ms: None })
            }
            _ => None,
        })
    }

    /// How many of the calls, from the first on, are durable.
    pub(crate) fn kept_calls(&self) -> usize {
        let kept = |call: &&Call| self.sheet.is_kept(|chunk| call_id(chunk) == Some(&call.id));
        self.calls.iter().take_while(kept).count()
    }

    /// Answers the calls that have no answer; what `instead` says depends on whether the call is being run.
    pub(crate) fn answer_rest(&mut self, instead: impl Fn(bool) -> Answer) {
        for index in 0..self.calls.len() {
            let begun = self.stages[index] == Stage::Begun;
            self.answer(index, instead(begun));
        }
    }

    /// The words of the step.
    pub(crate) fn words(&self) -> String {
        let words = self.sheet.chunks(Part::Said).filter_map(|chunk| match chunk {
            Chunk::Text { text } => Some(text.as_str()),
            _ => None,
        });
        words.collect()
    }

    /// Everything of it for the log.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.sheet.entries(&self.ids.turn_id, &self.ids)
    }

    /// What a model is shown of it.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.sheet.messages(&self.ids)
    }
}

fn call_id(chunk: &Chunk) -> Option<&Text> {
    match chunk {
        Chunk::ToolCall { tool_call_id, .. } => Some(tool_call_id),
        _ => None,
    }
}

/// Milliseconds from one time to a later one; 0 when the clock was set back between them.
pub(crate) fn between(earlier_ms: i64, later_ms: i64) -> u64 {
    u64::try_from(later_ms.saturating_sub(earlier_ms)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
