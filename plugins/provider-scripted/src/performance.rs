//! Turns one step of a script into what is streamed, and when.

use transom_agent::provider::{FailureClass, FinishReason, ModelRequest, ProviderEvent, Usage};
use transom_plugin_api::{Maybe, Text};

use crate::script::{Action, Fail, Script, asks_for_tools};
use crate::turn;

/// One beat of a performance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Beat {
    /// Streams an event.
    Send(ProviderEvent),
    /// Waits for so many milliseconds.
    Wait(u64),
    /// Waits until nobody listens any more.
    Hang,
}

/// What `script` does in answer to `request`. `pace_ms` lies between two pieces unless the script says otherwise;
/// `attempt` counts from 0 how often this very request has been made.
pub(crate) fn perform(script: &Script, request: &ModelRequest, pace_ms: u64, attempt: u32) -> Vec<Beat> {
    let number = turn::step_number(&request.messages);
    let pace_ms = script.pace_before(number).unwrap_or(pace_ms);
    let mut performance = Performance::new(request, pace_ms);
    match script.step(number) {
        Some(step) => performance.follow(step, attempt),
        None => performance.follow(&[after_the_script(request)], attempt),
    }
    performance.beats
}

/// What is said when the script has no more steps: nearly always a tool has just answered its last one.
fn after_the_script(request: &ModelRequest) -> Action {
    if turn::results(&request.messages).is_empty() {
        return Action::Say("The script has no more steps.".into());
    }
    Action::SayResults
}

/// An error event.
pub(crate) fn failure(
    class: FailureClass,
    message: impl Into<Text>,
    retry_after_ms: Option<u64>,
) -> ProviderEvent {
    ProviderEvent::Error {
        message: message.into(),
        class,
        code: Maybe::None,
        retry_after_ms: Maybe::from(retry_after_ms),
    }
}

struct Performance<'a> {
    request: &'a ModelRequest,
    beats: Vec<Beat>,
    pace_ms: u64,
    written: u64,
    spoke: bool,
}

impl<'a> Performance<'a> {
    fn new(request: &'a ModelRequest, pace_ms: u64) -> Self {
        Self { request, beats: Vec::new(), pace_ms, written: 0, spoke: false }
    }

    fn follow(&mut self, step: &[Action], attempt: u32) {
        let mut usage = None;
        let mut reason = if asks_for_tools(step) { FinishReason::ToolCalls } else { FinishReason::Stop };
        let mut call_ids = turn::free_call_ids(&self.request.messages);
        for action in step {
            match action {
                Action::Say(text) => self.say(text),
                Action::SayResults => self.say(&turn::results(&self.request.messages)),
                Action::Think(text) => self.speak(text, |delta| ProviderEvent::ReasoningDelta { delta }),
                Action::Call { tool, input } => {
                    self.written += turn::words(input.as_str());
                    self.pause();
                    self.send(ProviderEvent::ToolCall {
                        tool_call_id: call_ids.next().unwrap_or_default().into(),
                        tool_name: tool.into(),
                        input: input.clone(),
                    });
                }
                Action::Use(numbers) => usage = Some(*numbers),
                Action::Pace(ms) => self.pace_ms = *ms,
                Action::Finish(given) => reason = given.clone(),
                Action::Fail(fail) if fail.times.is_none_or(|times| attempt < times) => {
                    return self.fail(fail);
                }
                Action::Fail(_) => {}
                Action::Hang => return self.beats.push(Beat::Hang),
                Action::Break => return,
            }
        }
        let usage = usage.unwrap_or_else(|| self.counted());
        self.send(ProviderEvent::Usage { usage });
        self.send(ProviderEvent::Finish { reason });
    }

    fn send(&mut self, event: ProviderEvent) {
        self.beats.push(Beat::Send(event));
    }

    fn say(&mut self, text: &str) {
        self.speak(text, |delta| ProviderEvent::TextDelta { delta });
    }

    fn speak(&mut self, text: &str, event: impl Fn(Text) -> ProviderEvent) {
        self.written += turn::words(text);
        for piece in pieces(text) {
            self.pause();
            self.send(event(piece.into()));
        }
    }

    /// Between two pieces, not before the first.
    fn pause(&mut self) {
        if self.spoke && self.pace_ms > 0 {
            self.beats.push(Beat::Wait(self.pace_ms));
        }
        self.spoke = true;
    }

    fn fail(&mut self, fail: &Fail) {
        self.send(failure(fail.class.clone(), "the script says to fail here", fail.retry_after_ms));
    }

    fn counted(&self) -> Usage {
        Usage { input_tokens: turn::words_of(self.request), output_tokens: self.written, ..Usage::default() }
    }
}

/// Words, each with the white space behind it; together they are the text.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let word = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        let space = rest[word..].find(char::is_whitespace).map_or(rest.len(), |at| word + at);
        let end = rest[space..].find(|c: char| !c.is_whitespace()).map_or(rest.len(), |at| space + at);
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests;
