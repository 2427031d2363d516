//! The request that the tests begin with.

use transom_agent::message::Message;
use transom_agent::provider::{ModelRequest, ReasoningEffort};
use transom_plugin_api::{Json, List, Map, Maybe, Shared};

pub(crate) fn request(messages: impl Into<List<Message>>) -> ModelRequest {
    ModelRequest {
        model: "echo".into(),
        system_prompt: Maybe::Some("Be kind.".into()),
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
