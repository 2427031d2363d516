//! [`Answer`]: turns the frames of a stream into events, in the order callers rely on.
//!
//! Text and thoughts come as they arrive, calls of tools when they are complete, and at the very end the tokens and
//! then the finish, or the failure. After that nothing follows.

use std::collections::VecDeque;

use transom_agent::message::Message;
use transom_agent::provider::{FailureClass, FinishReason, ProviderEvent, Usage};

use crate::calls::Calls;
use crate::failure::Failure;
use crate::piece::{Piece, only_text};
use crate::sse::Frame;

/// The answer to one request.
#[derive(Debug)]
pub(crate) struct Answer {
    calls: Calls,
    asked_for_tools: bool,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    is_over: bool,
    events: VecDeque<Result<ProviderEvent, Failure>>,
}

impl Answer {
    /// To a request with `messages`.
    pub(crate) fn to(messages: &[Message]) -> Self {
        Self {
            calls: Calls::after(messages),
            asked_for_tools: false,
            usage: None,
            finish: None,
            is_over: false,
            events: VecDeque::new(),
        }
    }

    /// Takes the next frame.
    pub(crate) fn hear(&mut self, frame: &Frame) {
        if self.is_over {
            return;
        }
        if frame.data.trim() == "[DONE]" {
            return self.end();
        }
        if frame.event != "error"
            && let Some(text) = only_text(&frame.data)
        {
            return self.say(ProviderEvent::TextDelta { delta: text.as_ref().into() });
        }
        match Piece::read(&frame.data) {
            Ok(piece) if frame.event == "error" && piece.error().is_none() => {
                self.fail(Failure::of_frame(&piece.into_value()));
            }
            Ok(piece) => self.take(&piece),
            Err(error) => self.fail(
                Failure::new(FailureClass::Protocol, format!("sent a frame that is no JSON ({error})"))
                    .detail(frame.data.clone()),
            ),
        }
    }

    /// The provider has closed the stream, or said that it is done.
    pub(crate) fn end(&mut self) {
        match self.finish.take() {
            _ if self.is_over => {}
            Some(reason) => self.conclude(reason),
            None => self.fail(Failure::new(FailureClass::Protocol, "ended in the middle of its answer")),
        }
    }

    /// The stream cannot be read on. That is no failure when the model had finished and only the end was missing.
    pub(crate) fn break_off(&mut self, failure: Failure) {
        match self.finish.take() {
            _ if self.is_over => {}
            Some(reason) => self.conclude(reason),
            None => self.fail(failure),
        }
    }

    /// Whether everything was said.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next event; the failure is the last.
    pub(crate) fn next(&mut self) -> Option<Result<ProviderEvent, Failure>> {
        self.events.pop_front()
    }

    fn take(&mut self, piece: &Piece) {
        if let Some(usage) = piece.usage() {
            self.usage = Some(usage);
        }
        if let Some(error) = piece.error() {
            return self.fail(Failure::of_frame(error));
        }
        if let Some(thought) = piece.thought() {
            self.say(ProviderEvent::ReasoningDelta { delta: thought.into() });
        }
        if let Some(text) = piece.text() {
            self.say(ProviderEvent::TextDelta { delta: text.into() });
        }
        for fragment in piece.calls() {
            if self.calls.add(fragment).is_err() {
                return self.fail(Failure::new(
                    FailureClass::Protocol,
                    "asked for more tools than fit into an answer",
                ));
            }
        }
        match piece.finish_reason().map(reason) {
            None => {}
            Some(Some(reason)) => {
                let calls = self.calls.finish();
                self.call(calls);
                self.finish = Some(reason);
            }
            Some(None) => self.fail(Failure::new(FailureClass::Overloaded, "ended its answer with an error")),
        }
    }

    fn say(&mut self, event: ProviderEvent) {
        self.events.push_back(Ok(event));
    }

    fn call(&mut self, calls: Vec<ProviderEvent>) {
        self.asked_for_tools |= !calls.is_empty();
        self.events.extend(calls.into_iter().map(Ok));
    }

    fn conclude(&mut self, reason: FinishReason) {
        let calls = self.calls.finish();
        self.call(calls);
        // Some providers say `stop` although they ask for tools.
        let asks = self.asked_for_tools && reason == FinishReason::Stop;
        let reason = if asks { FinishReason::ToolCalls } else { reason };
        self.close(Ok(ProviderEvent::Finish { reason }));
    }

    fn fail(&mut self, failure: Failure) {
        let calls = self.calls.finish_whole();
        self.call(calls);
        self.close(Err(failure));
    }

    fn close(&mut self, last: Result<ProviderEvent, Failure>) {
        if let Some(usage) = self.usage {
            self.say(ProviderEvent::Usage { usage });
        }
        self.events.push_back(last);
        self.is_over = true;
    }
}

/// The reason in our words; none when it is an error. One that nobody knows is an end like any other.
fn reason(theirs: &str) -> Option<FinishReason> {
    match theirs {
        "error" | "insufficient_system_resource" => None,
        "tool_calls" | "function_call" => Some(FinishReason::ToolCalls),
        "length" | "max_tokens" | "model_length" => Some(FinishReason::Length),
        "content_filter" => Some(FinishReason::ContentFilter),
        _ => Some(FinishReason::Stop),
    }
}

#[cfg(test)]
mod tests;
