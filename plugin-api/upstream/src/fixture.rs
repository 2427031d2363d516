//! The request that the tests begin with.

use transom_agent::message::Message;
use transom_agent::provider::{ModelRequest, ReasoningEffort};
use transom_plugin_api::{Json, List, Map, Maybe, Shared};

/// To model `m`, with these messages.
pub fn request(messages: impl Into<List<Message>>) -> ModelRequest {
    ModelRequest {
        model: "m".into(),
        system_prompt: Maybe::None,
        messages: Shared::new(messages.into()),
        tools: Shared::default(),
        no_calls: false,
        reasoning_effort: ReasoningEffort::High,
        max_tokens: Maybe::None,
        temperature: Maybe::None,
        conversation_id: "c1".into(),
        headers: Map::new(),
        extra_body: Json::default(),
    }
}
