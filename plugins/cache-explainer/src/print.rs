//! [`Print`]: what is kept of a request, to compare the next one with.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use transom_agent::cache::PrefixChange;
use transom_agent::message::{Chunk, Message};
use transom_agent::provider::ModelAsked;
use transom_agent::tool::ToolDefinition;
use transom_plugin_api::Text;

/// What all requests of a conversation begin with, as texts that can be compared byte by byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beginning {
    /// The model's full name.
    pub(crate) model: String,
    /// How hard it is to think, as its word.
    pub(crate) effort: String,
    /// Empty when there is none.
    pub(crate) system_prompt: String,
    /// In their order.
    pub(crate) tools: Vec<Tool>,
}

/// A tool as models are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The whole of it as JSON, its parameters with their own bytes.
    pub(crate) text: String,
}

/// What is kept of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Print {
    pub(crate) beginning: Beginning,
    /// Of the messages that belong to the conversation, in order.
    pub(crate) messages: Vec<MessagePrint>,
}

/// A message, by what is said in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessagePrint {
    pub(crate) id: Text,
    /// Only compared with those of the same process.
    pub(crate) hash: u64,
}

impl Print {
    pub(crate) fn of(asked: &ModelAsked) -> Self {
        let request = &asked.request;
        let behind = usize::try_from(asked.behind).unwrap_or(usize::MAX);
        let messages = &request.messages[..request.messages.len().saturating_sub(behind)];
        Self {
            beginning: Beginning {
                model: asked.model.to_string(),
                effort: word_of(&request.reasoning_effort),
                system_prompt: request.system_prompt.as_deref().unwrap_or_default().to_owned(),
                tools: request.tools.iter().map(Tool::of).collect(),
            },
            messages: messages.iter().map(MessagePrint::of).collect(),
        }
    }
}

impl Print {
    /// What the next request is compared with: where this one only ended earlier than the one before, that one's messages.
    pub(crate) fn or_longer(mut self, before: Option<Self>, changes: &[PrefixChange]) -> Self {
        if let Some(before) = before.filter(|before| before.messages.len() > self.messages.len())
            && changes.is_empty()
        {
            self.messages = before.messages;
        }
        self
    }
}

/// What a request begins with, in short: two requests with the same numbers begin with the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprints {
    pub(crate) tools: u64,
    pub(crate) system_prompt: u64,
    pub(crate) history: u64,
    /// Messages in the history.
    pub(crate) messages: usize,
}

impl Print {
    pub(crate) fn fingerprints(&self) -> Fingerprints {
        let tools: Vec<&str> = self.beginning.tools.iter().map(|tool| tool.text.as_str()).collect();
        let messages: Vec<u64> = self.messages.iter().map(|message| message.hash).collect();
        Fingerprints {
            tools: hash_of(&tools),
            system_prompt: hash_of(&self.beginning.system_prompt),
            history: hash_of(&messages),
            messages: messages.len(),
        }
    }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Tool {
    fn of(definition: &ToolDefinition) -> Self {
        // By hand, since the parameters are to keep the bytes that providers send.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let text = format!(
            "{{\"name\":{},\"description\":{},\"parameters\":{}}}",
            quoted(&definition.name),
            quoted(&definition.description),
            definition.parameters.as_str()
        );
        Self { name: definition.name.to_string(), text }
    }
}

impl MessagePrint {
    fn of(message: &Message) -> Self {
        let mut hasher = DefaultHasher::new();
        std::mem::discriminant(&message.role).hash(&mut hasher);
        message.chunks.iter().for_each(|chunk| add(chunk, &mut hasher));
        Self { id: message.id.clone(), hash: hasher.finish() }
    }
}

/// Adds what a provider may be told of a chunk.
fn add(chunk: &Chunk, hasher: &mut DefaultHasher) {
    std::mem::discriminant(chunk).hash(hasher);
    match chunk {
        Chunk::Text { text } => text.as_str().hash(hasher),
        Chunk::Thinking { text, state } => {
            text.as_str().hash(hasher);
            state.as_ref().map(|state| state.state.as_str()).hash(hasher);
        }
        Chunk::ToolCall { tool_call_id, tool_name, input, .. } => {
            (tool_call_id.as_str(), tool_name.as_str(), input.as_str()).hash(hasher);
        }
        Chunk::ToolResult { tool_call_id, content, is_error, .. } => {
            (tool_call_id.as_str(), content.as_str(), is_error).hash(hasher);
        }
        Chunk::Unknown(unknown) => (unknown.tag(), unknown.content().as_str()).hash(hasher),
        // No model is shown the others.
        _ => {}
    }
}

fn word_of(effort: &transom_agent::provider::ReasoningEffort) -> String {
    serde_json::to_value(effort).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
