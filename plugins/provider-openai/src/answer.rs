//! [`Chunks`]: what the frames of an answer say.

use std::borrow::Cow;

use serde_json::Value;
use transom_agent::provider::{FailureClass, FinishReason};
use transom_upstream::{Failure, Fragment, Frame, Reader, Told};

use crate::class::class;
use crate::piece::{Piece, only_text};

/// Reads one answer. It keeps nothing: each frame says everything about itself.
#[derive(Debug)]
pub(crate) struct Chunks;

impl Reader for Chunks {
    // Many endpoints close the stream behind the finish, without their `[DONE]`.
    const NEEDS_ITS_MARK: bool = false;

    fn hear(&mut self, frame: &Frame, told: &mut Told) {
        if frame.data.trim() == "[DONE]" {
            return told.done();
        }
        if frame.event != "error"
            && let Some(text) = only_text(&frame.data)
        {
            return told.text(text.as_ref());
        }
        match Piece::read(&frame.data) {
            Ok(piece) if frame.event == "error" && piece.error().is_none() => {
                told.fail(Failure::of_frame(&piece.into_value(), class));
            }
            Ok(piece) => take(&piece, told),
            Err(error) => told.no_json(frame, &error),
        }
    }
}

fn take(piece: &Piece, told: &mut Told) {
    if let Some(usage) = piece.usage() {
        told.usage(usage);
    }
    if let Some(error) = piece.error() {
        return told.fail(Failure::of_frame(error, class));
    }
    if let Some(thought) = piece.thought() {
        told.thought(thought);
    }
    if let Some(text) = piece.text() {
        told.text(text);
    }
    piece.calls().iter().for_each(|call| told.call(&fragment(call)));
    match piece.finish_reason().map(reason) {
        None => {}
        Some(Some(reason)) => {
            told.calls_are_complete();
            told.finish(reason);
        }
        Some(None) => told.fail(Failure::new(FailureClass::Overloaded, "ended its answer with an error")),
    }
}

/// Of any shape; what is not there is empty.
fn fragment(call: &Value) -> Fragment<'_> {
    let text = |path: &str| call.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let arguments = match call.pointer("/function/arguments") {
        Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
        Some(whole @ Value::Object(_)) => Cow::Owned(whole.to_string()),
        _ => Cow::Borrowed(""),
    };
    let index = call.get("index").and_then(Value::as_u64);
    Fragment { index, id: text("/id"), name: text("/function/name"), arguments }
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
