//! The messages of a conversation as the service expects them: the person and the model, in turn.
//!
//! What follows from one message never depends on a later one, so a conversation that goes on begins with the bytes that
//! were sent before; a turn only grows at its end. There is one exception, that the service demands: the words of the
//! model end without white space when nothing follows them.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value};
use transom_agent::message::{Chunk, Message, Role, ThoughtState};
use transom_upstream::tool_input;

use super::cache::Mark;

/// What one side says until the other one does.
#[derive(Debug, Serialize)]
pub(super) struct Turn<'a> {
    role: Side,
    content: Vec<Block<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Side {
    User,
    Assistant,
}

#[derive(Debug, Serialize)]
struct Block<'a> {
    #[serde(flatten)]
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Mark>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Content<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Thinking {
        thinking: &'a str,
        signature: String,
    },
    RedactedThinking {
        data: String,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Map<String, Value>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<&'a str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

impl Content<'_> {
    const fn is_thought(&self) -> bool {
        matches!(self, Self::Thinking { .. } | Self::RedactedThinking { .. })
    }

    const fn is_result(&self) -> bool {
        matches!(self, Self::ToolResult { .. })
    }
}

impl Turn<'_> {
    /// Whether the model speaks.
    pub(super) fn is_the_models(&self) -> bool {
        self.role == Side::Assistant
    }

    pub(super) fn begins_with_a_thought(&self) -> bool {
        self.content.first().is_some_and(|block| block.content.is_thought())
    }

    pub(super) fn begins_with_a_result(&self) -> bool {
        self.content.first().is_some_and(|block| block.content.is_result())
    }

    /// Marks its last block that may be marked, which thoughts may not.
    pub(super) fn mark(&mut self, mark: Mark) {
        if let Some(last) = self.content.iter_mut().rfind(|block| !block.content.is_thought()) {
            last.cache_control = Some(mark);
        }
    }

    /// The service wants the results of tools before anything else that a person says.
    fn put_results_first(&mut self) {
        self.content.sort_by_key(|block| !block.content.is_result());
    }
}

/// The turns of a conversation with a model of `provider`.
pub(super) fn turns<'a>(messages: &'a [Message], provider: &str) -> Vec<Turn<'a>> {
    let mut turns: Vec<Turn<'a>> = Vec::new();
    for message in messages {
        let role = if message.role == Role::Assistant { Side::Assistant } else { Side::User };
        let content = match role {
            Side::Assistant => said(message, provider),
            Side::User => told(message),
        };
        let blocks = content.into_iter().map(|content| Block { content, cache_control: None });
        match turns.last_mut().filter(|last| last.role == role) {
            Some(last) => last.content.extend(blocks),
            None => turns.push(Turn { role, content: blocks.collect() }),
        }
        // A turn without content is refused; the next message may be of the same side as the one before.
        if turns.last().is_some_and(|last| last.content.is_empty()) {
            turns.pop();
        }
    }
    turns.iter_mut().filter(|turn| !turn.is_the_models()).for_each(Turn::put_results_first);
    trim_the_end(&mut turns);
    turns
}

/// What the model said. Where an error or a fact stands between two pieces of text, they are one text all the same.
fn said<'a>(message: &'a Message, provider: &str) -> Vec<Content<'a>> {
    let mut content: Vec<Content<'a>> = Vec::new();
    for chunk in &message.chunks {
        match chunk {
            Chunk::Text { text: more } => match content.last_mut() {
                Some(Content::Text { text }) => text.to_mut().push_str(more),
                _ => content.push(Content::Text { text: Cow::Borrowed(more) }),
            },
            Chunk::Thinking { text, state } => {
                content.extend(state.as_ref().and_then(|state| thought(text, state, provider)));
            }
            Chunk::ToolCall { tool_call_id, tool_name, input, .. } => content.push(Content::ToolUse {
                id: wire_id(tool_call_id),
                name: tool_name,
                input: tool_input::object(input),
            }),
            _ => {}
        }
    }
    content.retain(|content| !is_blank(content));
    // A thought that leads to nothing is refused.
    while content.last().is_some_and(Content::is_thought) {
        content.pop();
    }
    content
}

/// A thought that the service knows again; without what it signed it with, it is not taken back.
fn thought<'a>(text: &'a str, state: &ThoughtState, provider: &str) -> Option<Content<'a>> {
    if state.provider != provider {
        return None;
    }
    let state = state.state.value();
    let word = |key: &str| state.get(key).and_then(Value::as_str).map(str::to_owned);
    word("signature")
        .map(|signature| Content::Thinking { thinking: text, signature })
        .or_else(|| word("redacted").map(|data| Content::RedactedThinking { data }))
}

/// What the person, a tool, or the operator told the model.
fn told(message: &Message) -> Vec<Content<'_>> {
    let content = message.chunks.iter().filter_map(|chunk| match chunk {
        Chunk::Text { text } => Some(Content::Text { text: Cow::Borrowed(text) }),
        Chunk::ToolResult { tool_call_id, content, is_error, .. } => Some(Content::ToolResult {
            tool_use_id: wire_id(tool_call_id),
            content: result(content, *is_error),
            is_error: *is_error,
        }),
        _ => None,
    });
    content.filter(|content| !is_blank(content)).collect()
}

/// A result without words is sent as such, unless it is a failure: the service refuses one that says nothing.
fn result(content: &str, is_error: bool) -> Option<&str> {
    match content {
        blank if blank.trim().is_empty() => is_error.then_some("failed without a word"),
        content => Some(content),
    }
}

/// The service refuses text of white space alone.
fn is_blank(content: &Content<'_>) -> bool {
    matches!(content, Content::Text { text } if text.trim().is_empty())
}

/// The service takes letters, digits, `_` and `-` in the ids of calls; another provider may have given others.
fn wire_id(id: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(fits) {
        return Cow::Borrowed(id);
    }
    let mut wire = String::from("call");
    for c in id.chars() {
        if fits(c) {
            wire.push(c);
        } else {
            // Writing to a string does not fail.
            let _ = write!(wire, "_{:x}_", u32::from(c));
        }
    }
    Cow::Owned(wire)
}

fn trim_the_end(turns: &mut Vec<Turn<'_>>) {
    let Some(last) = turns.last_mut().filter(|last| last.is_the_models()) else { return };
    if let Some(Block { content: Content::Text { text }, .. }) = last.content.last_mut() {
        let end = text.trim_end().len();
        if end < text.len() {
            text.to_mut().truncate(end);
        }
    }
}

#[cfg(test)]
mod tests;
