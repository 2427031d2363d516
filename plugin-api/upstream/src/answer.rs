//! [`Answer`]: turns the frames of a stream into events, in the order callers rely on.
//!
//! Text and thoughts come as they arrive, calls of tools when they are complete, and at the very end the tokens and
//! then the finish, or the failure. After that nothing follows.

use std::collections::VecDeque;

use transom_agent::message::{Message, ThoughtState};
use transom_agent::provider::{FailureClass, FinishReason, ProviderEvent, Usage};
use transom_plugin_api::Text;

use crate::calls::{Calls, Fragment};
use crate::failure::Failure;
use crate::format::Reader;
use crate::sse::Frame;

/// The answer to one request.
#[derive(Debug)]
pub struct Answer<R> {
    reader: R,
    told: Told,
    is_over: bool,
}

/// What a [`Reader`] has told of an answer so far.
#[derive(Debug)]
pub struct Told {
    calls: Calls,
    asked_for_tools: bool,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    verdict: Option<Result<(), Failure>>,
    events: VecDeque<Result<ProviderEvent, Failure>>,
}

impl Told {
    /// More text.
    pub fn text(&mut self, delta: impl Into<Text>) {
        self.say(ProviderEvent::TextDelta { delta: delta.into() });
    }

    /// More thoughts.
    pub fn thought(&mut self, delta: impl Into<Text>) {
        self.say(ProviderEvent::ReasoningDelta { delta: delta.into() });
    }

    /// What the provider wants to be given back with the thought that came last.
    pub fn thought_state(&mut self, state: ThoughtState) {
        self.say(ProviderEvent::ThoughtState { state });
    }

    /// A fragment of a call; too many of them end the answer.
    pub fn call(&mut self, fragment: &Fragment<'_>) {
        if self.calls.add(fragment).is_err() {
            self.fail(Failure::new(FailureClass::Protocol, "asked for more tools than fit into an answer"));
        }
    }

    /// The call of that index is complete.
    pub fn call_is_complete(&mut self, index: u64) {
        let call = self.calls.finish_one(index);
        self.emit(call);
    }

    /// All calls are complete.
    pub fn calls_are_complete(&mut self) {
        let calls = self.calls.finish();
        self.emit(calls);
    }

    /// The tokens so far; the last ones count.
    pub const fn usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// Why the model stopped. What it used may still follow.
    pub fn finish(&mut self, reason: FinishReason) {
        self.finish = Some(reason);
    }

    /// Nothing follows.
    pub fn done(&mut self) {
        self.verdict.get_or_insert(Ok(()));
    }

    /// It failed; nothing follows.
    pub fn fail(&mut self, failure: Failure) {
        self.verdict.get_or_insert(Err(failure));
    }

    /// A frame that is no JSON, and so the end of what can be understood.
    pub fn no_json(&mut self, frame: &Frame, error: &serde_json::Error) {
        self.fail(
            Failure::new(FailureClass::Protocol, format!("sent a frame that is no JSON ({error})"))
                .detail(frame.data.clone()),
        );
    }

    fn say(&mut self, event: ProviderEvent) {
        self.events.push_back(Ok(event));
    }

    fn emit(&mut self, calls: impl IntoIterator<Item = ProviderEvent>) {
        for call in calls {
            self.asked_for_tools = true;
            self.say(call);
        }
    }
}

impl<R: Reader> Answer<R> {
    /// To a request with `messages`, read by `reader`.
    pub fn to(messages: &[Message], reader: R) -> Self {
        let told = Told {
            calls: Calls::after(messages),
            asked_for_tools: false,
            usage: None,
            finish: None,
            verdict: None,
            events: VecDeque::new(),
        };
        Self { reader, told, is_over: false }
    }

    /// Takes the next frame.
    pub fn hear(&mut self, frame: &Frame) {
        if self.is_over {
            return;
        }
        self.reader.hear(frame, &mut self.told);
        match self.told.verdict.take() {
            None => {}
            Some(Ok(())) => self.close_with(self.told.finish.clone()),
            Some(Err(failure)) => self.fail(failure),
        }
    }

    /// The provider has closed the stream.
    pub fn end(&mut self) {
        if !self.is_over {
            self.close_with(self.told.finish.clone().filter(|_| !R::NEEDS_ITS_MARK));
        }
    }

    /// The stream cannot be read on. That is no failure when the model had finished and only the end was missing.
    pub fn break_off(&mut self, failure: Failure) {
        match self.told.finish.clone().filter(|_| !R::NEEDS_ITS_MARK) {
            _ if self.is_over => {}
            Some(reason) => self.conclude(reason),
            None => self.fail(failure),
        }
    }

    /// Whether everything was said.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next event; the failure is the last.
    #[allow(clippy::should_implement_trait, reason = "more may come after none")]
    pub fn next(&mut self) -> Option<Result<ProviderEvent, Failure>> {
        self.told.events.pop_front()
    }

    fn close_with(&mut self, finish: Option<FinishReason>) {
        match finish {
            Some(reason) => self.conclude(reason),
            None => self.fail(Failure::new(FailureClass::Protocol, "ended in the middle of its answer")),
        }
    }

    fn conclude(&mut self, reason: FinishReason) {
        self.told.calls_are_complete();
        // Some providers say `stop` although they ask for tools.
        let asks = self.told.asked_for_tools && reason == FinishReason::Stop;
        let reason = if asks { FinishReason::ToolCalls } else { reason };
        self.close(Ok(ProviderEvent::Finish { reason }));
    }

    fn fail(&mut self, failure: Failure) {
        let whole = self.told.calls.finish_whole();
        self.told.emit(whole);
        self.close(Err(failure));
    }

    fn close(&mut self, last: Result<ProviderEvent, Failure>) {
        if let Some(usage) = self.told.usage {
            self.told.say(ProviderEvent::Usage { usage });
        }
        self.told.events.push_back(last);
        self.is_over = true;
    }
}

#[cfg(test)]
mod tests;
