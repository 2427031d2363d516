//! [`Events`]: what the events of an answer say.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use transom_agent::message::ThoughtState;
use transom_agent::provider::{FailureClass, FinishReason, Usage};
use transom_plugin_api::Maybe;
use transom_upstream::{Failure, Fragment, Frame, Reader, Told};

use crate::class::class;
use crate::delta::{Delta, delta};

/// Blocks that may be open at once.
const MAX_BLOCKS: usize = 1_000;
/// Bytes that the signatures of an answer may hold together.
const MAX_SIGNATURES: usize = 16 * 1024 * 1024;

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct Events {
    /// Whose thoughts they are.
    provider: String,
    /// Whether only the tokens of the prompt are wanted.
    counts_only: bool,
    open: BTreeMap<u64, Block>,
    signature_bytes: usize,
    tokens: Tokens,
}

/// A block that is under way, of the kinds that are more than what they add.
#[derive(Debug)]
enum Block {
    Thought { signature: String },
    Call,
}

/// Tokens as they were told so far.
#[derive(Debug, Default)]
struct Tokens {
    input: u64,
    output: u64,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
}

impl Events {
    /// Of a model of that service. One that only counts ends where the tokens of the prompt are told.
    pub(crate) fn of(provider: &str, counts_only: bool) -> Self {
        Self {
            provider: provider.to_owned(),
            counts_only,
            open: BTreeMap::new(),
            signature_bytes: 0,
            tokens: Tokens::default(),
        }
    }

    fn take(&mut self, event: &Value, told: &mut Told) {
        let index = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        match event.get("type").and_then(Value::as_str).unwrap_or_default() {
            "message_start" => self.used(event.pointer("/message/usage"), told),
            "content_block_start" => self.start(index, event.get("content_block"), told),
            "content_block_delta" => self.add(index, event.get("delta"), told),
            "content_block_stop" => self.stop(index, told),
            "message_delta" => {
                self.used(event.get("usage"), told);
                if let Some(theirs) = event.pointer("/delta/stop_reason").and_then(Value::as_str) {
                    told.finish(reason(theirs));
                }
            }
            "message_stop" => told.done(),
            "error" => told.fail(Failure::of_frame(event.get("error").unwrap_or(event), class)),
            // A `ping`, or what a later version says besides.
            _ => {}
        }
    }

    /// Ends the answer as soon as its prompt is counted, and before anything is said in any case, so that nobody pays for thoughts.
    fn count(&mut self, event: &Value, told: &mut Told) {
        match event.get("type").and_then(Value::as_str).unwrap_or_default() {
            "error" => return self.take(event, told),
            "message_start" => self.used(event.pointer("/message/usage"), told),
            "message_delta" => self.used(event.get("usage"), told),
            "content_block_start" | "content_block_delta" | "message_stop" => {}
            // A `ping`, or what a later version says besides.
            _ => return,
        }
        let is_beginning = event.get("type").is_some_and(|kind| kind == "message_start");
        if !is_beginning || self.tokens.usage().input_tokens > 0 {
            told.finish(FinishReason::Length);
            told.done();
        }
    }

    fn start(&mut self, index: u64, block: Option<&Value>, told: &mut Told) {
        let word = |key: &str| block.and_then(|block| block.get(key)?.as_str()).unwrap_or_default();
        match word("type") {
            "text" if !word("text").is_empty() => told.text(word("text")),
            "thinking" => {
                if !word("thinking").is_empty() {
                    told.thought(word("thinking"));
                }
                self.open(index, Block::Thought { signature: String::new() }, told);
                self.sign(index, word("signature"), told);
            }
            "redacted_thinking" => told.thought_state(self.state(json!({"redacted": word("data")}))),
            "tool_use" => {
                self.open(index, Block::Call, told);
                let input = block.and_then(|block| block.get("input")?.as_object());
                // It is empty as a rule, and comes in pieces.
                let whole = input.filter(|input| !input.is_empty()).map(|input| json!(input).to_string());
                let arguments = whole.unwrap_or_default().into();
                told.call(&Fragment { index: Some(index), id: word("id"), name: word("name"), arguments });
            }
            _ => {}
        }
    }

    fn open(&mut self, index: u64, block: Block, told: &mut Told) {
        self.open.insert(index, block);
        if self.open.len() > MAX_BLOCKS {
            told.fail(Failure::new(FailureClass::Protocol, "began more blocks than fit into an answer"));
        }
    }

    fn add(&mut self, index: u64, delta: Option<&Value>, told: &mut Told) {
        let word = |key: &str| delta.and_then(|delta| delta.get(key)?.as_str()).unwrap_or_default();
        match word("type") {
            "text_delta" if !word("text").is_empty() => told.text(word("text")),
            "thinking_delta" if !word("thinking").is_empty() => told.thought(word("thinking")),
            "signature_delta" => self.sign(index, word("signature"), told),
            "input_json_delta" if matches!(self.open.get(&index), Some(Block::Call)) => {
                let arguments = word("partial_json").into();
                told.call(&Fragment { index: Some(index), id: "", name: "", arguments });
            }
            _ => {}
        }
    }

    fn sign(&mut self, index: u64, more: &str, told: &mut Told) {
        self.signature_bytes += more.len();
        if self.signature_bytes > MAX_SIGNATURES {
            let what = format!("signed its thoughts with more than {MAX_SIGNATURES} bytes");
            told.fail(Failure::new(FailureClass::Protocol, what));
        } else if let Some(Block::Thought { signature }) = self.open.get_mut(&index) {
            signature.push_str(more);
        }
    }

    fn stop(&mut self, index: u64, told: &mut Told) {
        match self.open.remove(&index) {
            Some(Block::Thought { signature }) if !signature.is_empty() => {
                told.thought_state(self.state(json!({"signature": signature})));
            }
            Some(Block::Call) => told.call_is_complete(index),
            _ => {}
        }
    }

    fn state(&self, state: Value) -> ThoughtState {
        ThoughtState { provider: self.provider.as_str().into(), state: state.into() }
    }

    fn used(&mut self, usage: Option<&Value>, told: &mut Told) {
        if let Some(usage) = usage.filter(|usage| usage.is_object()) {
            self.tokens.hear(usage);
            told.usage(self.tokens.usage());
        }
    }
}

impl Reader for Events {
    // The service always says when it is over; without that, something is missing.
    const NEEDS_ITS_MARK: bool = true;

    fn hear(&mut self, frame: &Frame, told: &mut Told) {
        if self.counts_only {
            return match serde_json::from_str(&frame.data) {
                Ok(event) => self.count(&event, told),
                Err(error) => told.no_json(frame, &error),
            };
        }
        match delta(&frame.data) {
            Some(Delta::Text(text)) if !text.is_empty() => return told.text(text.as_ref()),
            Some(Delta::Thought(thought)) if !thought.is_empty() => return told.thought(thought.as_ref()),
            Some(_) => return,
            None => {}
        }
        match serde_json::from_str(&frame.data) {
            Ok(event) => self.take(&event, told),
            Err(error) => told.no_json(frame, &error),
        }
    }
}

impl Tokens {
    /// Some repeat what was told at the beginning, others say 0 there; the larger number is the one.
    fn hear(&mut self, usage: &Value) {
        let number = |key: &str| usage.get(key).and_then(Value::as_u64);
        self.input = self.input.max(number("input_tokens").unwrap_or(0));
        self.output = self.output.max(number("output_tokens").unwrap_or(0));
        self.cache_read = self.cache_read.max(number("cache_read_input_tokens"));
        self.cache_write = self.cache_write.max(number("cache_creation_input_tokens"));
    }

    /// The service counts what is cached apart; our prompt is the whole.
    fn usage(&self) -> Usage {
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0));
        Usage {
            input_tokens: self.input.saturating_add(cached),
            output_tokens: self.output,
            cache_read_tokens: Maybe::from(self.cache_read),
            cache_write_tokens: Maybe::from(self.cache_write),
        }
    }
}

/// The reason in our words. One that nobody knows is an end like any other.
fn reason(theirs: &str) -> FinishReason {
    match theirs {
        "tool_use" => FinishReason::ToolCalls,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}

#[cfg(test)]
mod tests;
