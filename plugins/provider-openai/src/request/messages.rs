//! The messages of a conversation as endpoints expect them.

use serde::Serialize;
use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::Json;
use transom_upstream::tool_input;

/// One message on the wire.
#[derive(Serialize)]
pub(super) struct WireMessage<'a> {
    role: &'static str,
    content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    arguments: String,
}

impl<'a> WireMessage<'a> {
    fn said(role: &'static str, content: String) -> Self {
        Self { role, content: Some(content), tool_calls: Vec::new(), tool_call_id: None }
    }
}

/// The system prompt, then the conversation. Thoughts, errors and what is not known stay at home; every result is a message of its own.
pub(super) fn wire_messages<'a>(
    system_prompt: Option<&str>,
    messages: &'a [Message],
) -> Vec<WireMessage<'a>> {
    let system = system_prompt.filter(|prompt| !prompt.is_empty());
    let system = system.map(|prompt| WireMessage::said("system", prompt.to_owned()));
    system.into_iter().chain(messages.iter().flat_map(wire)).collect()
}

fn wire(message: &Message) -> Vec<WireMessage<'_>> {
    match message.role {
        Role::System => vec![WireMessage::said("system", joined(message, "\n"))],
        Role::User => vec![WireMessage::said("user", joined(message, "\n"))],
        Role::Assistant => assistant(message).into_iter().collect(),
        Role::Tool => message.chunks.iter().filter_map(result).collect(),
    }
}

fn joined(message: &Message, between: &str) -> String {
    let texts = message.chunks.iter().filter_map(|chunk| match chunk {
        Chunk::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(between)
}

/// None for a message that holds neither words nor calls: endpoints refuse one without content.
fn assistant(message: &Message) -> Option<WireMessage<'_>> {
    // The pieces between calls are one stream of text, so nothing is put between them.
    let text = joined(message, "");
    let tool_calls: Vec<_> = message.chunks.iter().filter_map(call).collect();
    let content = (!text.is_empty()).then_some(text);
    (content.is_some() || !tool_calls.is_empty()).then_some(WireMessage {
        role: "assistant",
        content,
        tool_calls,
        tool_call_id: None,
    })
}

fn call(chunk: &Chunk) -> Option<WireCall<'_>> {
    let Chunk::ToolCall { tool_call_id, tool_name, input, .. } = chunk else { return None };
    let function = WireFunction { name: tool_name, arguments: arguments(input) };
    Some(WireCall { id: tool_call_id, r#type: "function", function })
}

/// The input as text, which is what endpoints expect.
fn arguments(input: &Json) -> String {
    serde_json::Value::Object(tool_input::object(input)).to_string()
}

fn result(chunk: &Chunk) -> Option<WireMessage<'_>> {
    let Chunk::ToolResult { tool_call_id, content, .. } = chunk else { return None };
    Some(WireMessage { tool_call_id: Some(tool_call_id), ..WireMessage::said("tool", content.into()) })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use transom_plugin_api::Maybe;

    use super::*;

    #[track_caller]
    fn check(role: Role, chunks: impl IntoIterator<Item = Chunk>, expected: Value) {
        let message = Message { id: "m".into(), role, chunks: chunks.into_iter().collect() };
        let sent = serde_json::to_value(wire_messages(None, &[message])).expect("it encodes");
        assert_eq!(sent, expected);
    }

    fn text(text: &str) -> Chunk {
        Chunk::Text { text: text.into() }
    }

    fn thought(text: &str) -> Chunk {
        Chunk::Thinking { text: text.into(), state: Maybe::None }
    }

    fn called(input: &str) -> Chunk {
        let input = Json::parse(input).expect("JSON");
        Chunk::ToolCall { tool_call_id: "c1".into(), tool_name: "look".into(), input, step_id: Maybe::None }
    }

    fn answered(id: &str, content: &str) -> Chunk {
        Chunk::ToolResult {
            tool_call_id: id.into(),
            tool_name: "look".into(),
            content: content.into(),
            is_error: false,
            step_id: Maybe::None,
            duration_ms: Maybe::None,
        }
    }

    #[test]
    fn thoughts_errors_and_what_is_not_known_are_not_sent() {
        let error = Chunk::Error { message: "broke".into(), code: Maybe::None };
        let unknown: Chunk = serde_json::from_value(json!({"type": "hologram"})).expect("a chunk");
        let chunks = [thought("hm"), text("Hel"), thought("so"), unknown.clone(), text("lo"), error];
        check(Role::Assistant, chunks, json!([{"role": "assistant", "content": "Hello"}]));
        check(Role::Assistant, [thought("hm"), unknown], json!([]));
    }

    #[test]
    fn calls_stand_beside_the_text() {
        let calls = json!([{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"b\":1,\"a\":2}"}}]);
        let input = "{ \"b\": 1, \"a\": 2 }";
        check(
            Role::Assistant,
            [text("Hm."), called(input)],
            json!([{"role": "assistant", "content": "Hm.", "tool_calls": calls}]),
        );
        check(
            Role::Assistant,
            [called(input)],
            json!([{"role": "assistant", "content": null, "tool_calls": calls}]),
        );
    }

    #[test]
    fn every_result_is_a_message() {
        let expected = json!([
            {"role": "tool", "content": "a", "tool_call_id": "c1"},
            {"role": "tool", "content": "b", "tool_call_id": "c2"},
        ]);
        check(Role::Tool, [answered("c1", "a"), answered("c2", "b")], expected);
    }

    #[test]
    fn a_person_s_words_are_one_text() {
        check(Role::User, [text("a"), text("b")], json!([{"role": "user", "content": "a\nb"}]));
        check(Role::User, [], json!([{"role": "user", "content": ""}]));
    }
}
