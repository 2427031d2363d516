//! Turns a model request into the body that endpoints expect. The same request always becomes the same bytes.

mod messages;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};
use transom_agent::provider::{ModelRequest, ReasoningEffort};
use transom_agent::tool::ToolDefinition;
use transom_plugin_api::Json;
use transom_plugin_api::sabotage::sabotaged;
use transom_upstream::extra_body;

use messages::{WireMessage, wire_messages};

/// What differs between endpoints.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialect {
    /// Whether to ask for the tokens of a streamed answer.
    pub(crate) asks_for_usage: bool,
    /// Whether to say how hard the model is to think.
    pub(crate) sends_reasoning_effort: bool,
    /// Further fields of the body.
    pub(crate) extra: Map<String, Value>,
}

/// The fields that are not left to the setting `extra_body`.
pub(crate) const OURS: [&str; 8] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "max_tokens",
    "temperature",
    "reasoning_effort",
];

/// The body for `request`.
pub(crate) fn body(request: &ModelRequest, dialect: &Dialect) -> Result<Vec<u8>, serde_json::Error> {
    let extra = extra_body::of_request(&dialect.extra, request, &OURS);
    let dialect = &Dialect { extra, ..dialect.clone() };
    serde_json::to_vec(&Body {
        model: &request.model,
        messages: wire_messages(request.system_prompt.as_deref(), &request.messages),
        stream: true,
        stream_options: dialect.asks_for_usage.then_some(StreamOptions { include_usage: true }),
        tools: tools(request),
        tool_choice: no_choice(request, dialect).then_some("none"),
        max_tokens: request.max_tokens.into_option(),
        temperature: request.temperature.into_option(),
        reasoning_effort: effort(&request.reasoning_effort).filter(|_| dialect.sends_reasoning_effort),
        extra: &dialect.extra,
    })
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

/// Whether the model is to be kept from calling tools. They are told all the same, so that the prompt stays as it was.
fn no_choice(request: &ModelRequest, dialect: &Dialect) -> bool {
    request.no_calls && !request.tools.is_empty() && !dialect.extra.contains_key("tool_choice")
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    description: &'a str,
    parameters: Cow<'a, Json>,
}

impl<'a> Tool<'a> {
    fn of(tool: &'a ToolDefinition) -> Self {
        let ToolDefinition { name, description, parameters, .. } = tool;
        let function = Function { name, description, parameters: Cow::Borrowed(parameters) };
        Self { r#type: "function", function }
    }
}

fn tools(request: &ModelRequest) -> Vec<Tool<'_>> {
    let mut tools: Vec<_> = request.tools.iter().map(Tool::of).collect();
    if sabotaged("reorder-tool-keys") && request.messages.len() % 4 == 1 {
        tools.iter_mut().for_each(|Tool { function, .. }| {
            function.parameters = Cow::Owned(reordered(&function.parameters));
        });
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

/// Endpoints know three efforts. What is not known here is not sent, and their own default holds.
const fn effort(effort: &ReasoningEffort) -> Option<&'static str> {
    match effort {
        ReasoningEffort::Low => Some("low"),
        ReasoningEffort::Medium => Some("medium"),
        ReasoningEffort::High | ReasoningEffort::Xhigh | ReasoningEffort::Max => Some("high"),
        ReasoningEffort::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use transom_agent::message::{Chunk, Message, Role};
    use transom_plugin_api::{List, Maybe};

    use super::*;
    use transom_upstream::fixture::request;

    fn plain() -> Dialect {
        Dialect { asks_for_usage: true, ..Dialect::default() }
    }

    fn text(request: &ModelRequest, dialect: &Dialect) -> String {
        String::from_utf8(body(request, dialect).expect("it encodes")).expect("UTF-8")
    }

    #[test]
    fn the_smallest_request_has_no_field_too_many() {
        let expected = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}"#;
        assert_eq!(text(&request([Message::text("u", Role::User, "hi")]), &plain()), expected);
    }

    #[test]
    fn the_same_request_becomes_the_same_bytes() {
        let mut request = request([Message::text("u", Role::User, "hi")]);
        request.system_prompt = Maybe::Some("Be kind.".into());
        request.max_tokens = Maybe::Some(100);
        request.temperature = Maybe::Some(0.5);
        request.tools.to_mut().push(ToolDefinition {
            name: "look".into(),
            description: "Looks.".into(),
            parameters: Json::parse(r#"{"type": "object", "properties": {"b": {}, "a": {}}}"#).expect("JSON"),
            concurrency_safe: true,
            effects: Maybe::None,
        });
        let expected = concat!(
            r#"{"model":"m","messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"hi"}],"#,
            r#""stream":true,"stream_options":{"include_usage":true},"tools":[{"type":"function","function":{"#,
            r#""name":"look","description":"Looks.","parameters":{"type":"object","properties":{"b":{},"a":{}}}}}],"#,
            r#""max_tokens":100,"temperature":0.5}"#
        );
        assert_eq!(text(&request, &plain()), expected);
        assert_eq!(text(&request.clone(), &plain()), expected);
    }

    #[test]
    fn what_endpoints_may_refuse_is_only_sent_when_asked_for() {
        let mut request = request([]);
        request.reasoning_effort = ReasoningEffort::Max;
        assert_eq!(text(&request, &Dialect::default()), r#"{"model":"m","messages":[],"stream":true}"#);
        let dialect = Dialect { sends_reasoning_effort: true, ..Dialect::default() };
        assert!(text(&request, &dialect).contains(r#""reasoning_effort":"high""#));
    }

    #[test]
    fn a_model_that_may_call_no_tool_is_told_of_them_all_the_same() {
        let mut request = request([]);
        request.no_calls = true;
        assert!(!text(&request, &Dialect::default()).contains("tool_choice"));
        request.tools.to_mut().push(ToolDefinition {
            name: "look".into(),
            description: "".into(),
            parameters: Json::parse("{}").expect("JSON"),
            concurrency_safe: true,
            effects: Maybe::None,
        });
        let sent = text(&request, &Dialect::default());
        assert!(sent.contains(r#""name":"look""#) && sent.ends_with(r#""tool_choice":"none"}"#), "{sent}");
    }

    #[test]
    fn extra_fields_come_last_and_cannot_replace_ours() {
        let extra = extra_body::read(r#"{"top_p":0.9,"a":{"b":1}}"#, &OURS).expect("good");
        let sent = text(&request([]), &Dialect { extra, ..Dialect::default() });
        assert!(sent.ends_with(r#""stream":true,"top_p":0.9,"a":{"b":1}}"#), "{sent}");
        for (refused, expected) in
            [("[]", "not a JSON object"), ("{", "not a JSON object"), ("{\"stream\":1}", "`stream`")]
        {
            let error = extra_body::read(refused, &OURS).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn efforts_are_capped_and_those_of_a_later_revision_left_out() {
        let sent = |word| effort(&serde_json::from_value(json!(word)).expect("an effort may be unknown"));
        let sent = ["low", "medium", "high", "xhigh", "max", "endless"].map(sent);
        let expected = [Some("low"), Some("medium"), Some("high"), Some("high"), Some("high"), None];
        assert_eq!(sent, expected);
    }

    /// A conversation of two steps with thoughts and tools side by side, a word in between, and an answer.
    fn conversation() -> Vec<Message> {
        let step = |number: u32| {
            let call = |id: String, input: &str| Chunk::ToolCall {
                tool_call_id: id.into(),
                tool_name: "look".into(),
                input: Json::parse(input).expect("JSON"),
                step_id: Maybe::None,
            };
            let result = |id: String| Chunk::ToolResult {
                tool_call_id: id.into(),
                tool_name: "look".into(),
                content: "seen ä".into(),
                is_error: false,
                step_id: Maybe::None,
                duration_ms: Maybe::Some(u64::from(number)),
            };
            let said = [
                Chunk::Thinking { text: "hm".into(), state: Maybe::None },
                call(format!("a{number}"), r#"{"z":1,"b":{"y":2,"a":3}}"#),
                call(format!("b{number}"), r#""{\"broken""#),
            ];
            let told = [result(format!("a{number}")), result(format!("b{number}"))];
            let message =
                |role, chunks: List<Chunk>| Message { id: format!("m{number}").into(), role, chunks };
            [message(Role::Assistant, said.into()), message(Role::Tool, told.into())]
        };
        let mut messages = vec![Message::text("u", Role::User, "Look around.")];
        messages.extend((0..2).flat_map(step));
        messages.push(Message::text("u2", Role::User, "And be quick."));
        messages.extend(step(2));
        messages.extend([
            Message::text("a", Role::Assistant, "Done. \n"),
            Message::text("u3", Role::User, "Thanks."),
        ]);
        messages
    }

    #[test]
    fn a_conversation_that_goes_on_begins_with_the_bytes_that_were_sent_before() {
        let messages = conversation();
        let (mut before, mut tools) = (String::new(), None);
        for end in (1..=messages.len()).filter(|end| messages[*end - 1].role != Role::Assistant) {
            let mut request = request(messages[..end].to_vec());
            request.system_prompt = Maybe::Some("Be kind.".into());
            let parameters = r#"{"type": "object", "properties": {"b": {}, "a": {}}}"#;
            request.tools.to_mut().push(ToolDefinition {
                name: "look".into(),
                description: "Looks.".into(),
                parameters: Json::parse(parameters).expect("JSON"),
                concurrency_safe: true,
                effects: Maybe::None,
            });
            let sent = text(&request, &plain());
            let (prompt, rest) = sent.split_once("],\"stream\"").expect("messages stand first");
            assert!(prompt.len() > before.len() && prompt.starts_with(&before), "{before}\n{prompt}");
            assert_eq!(*tools.get_or_insert(rest.to_owned()), rest);
            before = prompt.to_owned();
        }
        assert_eq!(before.matches("\"role\"").count(), 14);
    }
}
