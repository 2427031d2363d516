//! Turns a model request into the body that the service expects. The same request always becomes the same bytes.

mod cache;
mod thinking;
mod turns;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};
use transom_agent::provider::ModelRequest;
use transom_agent::tool::ToolDefinition;
use transom_plugin_api::Json;
use transom_plugin_api::sabotage::sabotaged;
use transom_upstream::{Target, extra_body};

pub(crate) use cache::CacheLife;
use cache::Mark;
pub(crate) use thinking::is_for_the_cache;
use thinking::{Length, Thinking};
use turns::{Turn, turns};

/// What the settings say about requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialect {
    /// The most tokens of an answer where the request does not say it.
    pub(crate) max_tokens: u64,
    /// Whether models think.
    pub(crate) thinks: bool,
    /// How long the service keeps what was sent.
    pub(crate) cache: CacheLife,
    /// Further fields of the body.
    pub(crate) extra: Map<String, Value>,
}

/// The fields that are not left to the setting `extra_body`.
pub(crate) const OURS: [&str; 7] =
    ["model", "system", "tools", "messages", "max_tokens", "temperature", "stream"];

/// The body for `request`. What belongs to the prompt stands first, in the order in which the service caches it, and does
/// not depend on how long the answer may be or how hard the model is to think.
pub(crate) fn body(
    request: &ModelRequest,
    dialect: &Dialect,
    target: &Target<'_>,
) -> Result<Vec<u8>, serde_json::Error> {
    let extra = extra_body::of_request(&dialect.extra, request, &OURS);
    let dialect = &Dialect { extra, ..dialect.clone() };
    let mark = dialect.cache.mark();
    let mut messages = turns(&request.messages, target.provider);
    let length = Length::of(request, dialect, target, &messages);
    cache::mark_turns(&mut messages, mark);
    let is_thinking = length.budget.is_some() || dialect.extra.contains_key("thinking");
    serde_json::to_vec(&Body {
        model: &request.model,
        system: system(request, mark),
        tools: tools(request, mark),
        messages,
        tool_choice: no_choice(request, dialect).then_some(Choice { r#type: "none" }),
        max_tokens: length.max_tokens,
        thinking: length.budget.map(Thinking::of),
        // The service refuses one beside thoughts, and one above 1.
        temperature: request.temperature.into_option().filter(|_| !is_thinking).map(|wanted| wanted.min(1.0)),
        stream: true,
        extra: &dialect.extra,
    })
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<SystemText<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice>,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    stream: bool,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

/// What the model may do with its tools.
#[derive(Serialize)]
struct Choice {
    r#type: &'static str,
}

/// Whether the model is to be kept from calling tools. They are told all the same, so that the prompt stays as it was.
fn no_choice(request: &ModelRequest, dialect: &Dialect) -> bool {
    request.no_calls && !request.tools.is_empty() && !dialect.extra.contains_key("tool_choice")
}

#[derive(Serialize)]
struct SystemText<'a> {
    r#type: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Mark>,
}

fn system(request: &ModelRequest, mark: Option<Mark>) -> Vec<SystemText<'_>> {
    let prompt = request.system_prompt.as_deref().filter(|prompt| !prompt.trim().is_empty());
    prompt.map(|text| SystemText { r#type: "text", text, cache_control: mark }).into_iter().collect()
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: Cow<'a, Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Mark>,
}

impl<'a> Tool<'a> {
    fn of(tool: &'a ToolDefinition) -> Self {
        let ToolDefinition { name, description, parameters, .. } = tool;
        Self { name, description, input_schema: Cow::Borrowed(parameters), cache_control: None }
    }
}

fn tools(request: &ModelRequest, mark: Option<Mark>) -> Vec<Tool<'_>> {
    let reorders = sabotaged("reorder-tool-keys") && request.messages.len() % 4 == 1;
    let mut tools: Vec<_> = request.tools.iter().map(Tool::of).collect();
    if let Some(last) = tools.last_mut() {
        last.cache_control = mark;
    }
    if reorders {
        tools.iter_mut().for_each(|tool| tool.input_schema = Cow::Owned(reordered(&tool.input_schema)));
    }
    tools
}

/// The same object with its keys the other way round.
fn reordered(schema: &Json) -> Json {
    match schema.value() {
        Value::Object(keys) => Value::Object(keys.into_iter().rev().collect()).into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests;
