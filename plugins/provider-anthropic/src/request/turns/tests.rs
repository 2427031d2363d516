//! What becomes of messages.

use serde_json::json;
use transom_plugin_api::{Json, Maybe};

use super::*;

fn message(role: Role, chunks: impl IntoIterator<Item = Chunk>) -> Message {
    Message { id: "m".into(), role, chunks: chunks.into_iter().collect() }
}

fn wire(messages: &[Message]) -> Value {
    serde_json::to_value(turns(messages, "anthropic")).expect("it encodes")
}

#[track_caller]
fn check(messages: &[Message], expected: &Value) {
    assert_eq!(wire(messages).to_string(), expected.to_string());
}

fn text(text: &str) -> Chunk {
    Chunk::Text { text: text.into() }
}

fn thought(text: &str, provider: &str, state: Value) -> Chunk {
    let state = ThoughtState { provider: provider.into(), state: state.into() };
    Chunk::Thinking { text: text.into(), state: Maybe::Some(state) }
}

fn called(id: &str, input: &str) -> Chunk {
    let input = Json::parse(input).expect("JSON");
    Chunk::ToolCall { tool_call_id: id.into(), tool_name: "look".into(), input, step_id: Maybe::None }
}

fn answered(id: &str, content: &str, is_error: bool) -> Chunk {
    Chunk::ToolResult {
        tool_call_id: id.into(),
        tool_name: "look".into(),
        content: content.into(),
        is_error,
        step_id: Maybe::None,
        duration_ms: Maybe::None,
    }
}

#[test]
fn messages_of_one_side_are_one_turn() {
    check(
        &[
            message(Role::System, [text("Be brief.")]),
            message(Role::User, [text("a"), text("b")]),
            message(Role::Assistant, [text("c")]),
            message(Role::Assistant, [text("d")]),
            message(Role::User, [text("e")]),
        ],
        &json!([
            {"role": "user", "content": [
                {"type": "text", "text": "Be brief."}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"},
            ]},
            {"role": "assistant", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]},
            {"role": "user", "content": [{"type": "text", "text": "e"}]},
        ]),
    );
}

#[test]
fn results_of_a_step_stand_in_one_turn_and_in_front_of_what_the_person_says() {
    check(
        &[
            message(Role::Assistant, [called("a", "{}"), called("b", "{\"z\": 1, \"y\": 2}")]),
            message(Role::Tool, [answered("a", "1", false)]),
            message(Role::User, [text("hurry")]),
            message(Role::Tool, [answered("b", "no", true)]),
        ],
        &json!([
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "a", "name": "look", "input": {}},
                {"type": "tool_use", "id": "b", "name": "look", "input": {"z": 1, "y": 2}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {"type": "tool_result", "tool_use_id": "b", "content": "no", "is_error": true},
                {"type": "text", "text": "hurry"},
            ]},
        ]),
    );
}

#[test]
fn thoughts_go_back_to_the_service_that_signed_them_only() {
    let error = Chunk::Error { message: "broke".into(), code: Maybe::None };
    let unknown: Chunk = serde_json::from_value(json!({"type": "hologram"})).expect("a chunk");
    check(
        &[message(
            Role::Assistant,
            [
                thought("hm", "anthropic", json!({"signature": "s"})),
                thought("", "anthropic", json!({"redacted": "r"})),
                thought("no", "another", json!({"signature": "s"})),
                thought("no", "anthropic", json!({"other": 1})),
                Chunk::Thinking { text: "no".into(), state: Maybe::None },
                text("Hel"),
                unknown,
                error,
                text("lo"),
            ],
        )],
        &json!([{"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "r"},
            {"type": "text", "text": "Hello"},
        ]}]),
    );
}

#[test]
fn a_thought_that_leads_to_nothing_is_not_sent() {
    let hm = || thought("hm", "anthropic", json!({"signature": "s"}));
    check(
        &[
            message(Role::User, [text("a")]),
            message(Role::Assistant, [hm()]),
            message(Role::User, [text("b")]),
        ],
        &json!([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]),
    );
    check(
        &[message(Role::Assistant, [text("a"), hm()])],
        &json!([{"role": "assistant", "content": [{"type": "text", "text": "a"}]}]),
    );
}

#[test]
fn what_says_nothing_is_not_sent() {
    check(&[message(Role::User, [text(""), text(" \n")]), message(Role::Assistant, [])], &json!([]));
    check(
        &[message(Role::Tool, [answered("a", "", false), answered("b", " ", true)])],
        &json!([{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a"},
            {"type": "tool_result", "tool_use_id": "b", "content": "failed without a word", "is_error": true},
        ]}]),
    );
}

#[test]
fn the_last_words_of_the_model_end_without_white_space_and_only_when_they_are_the_last() {
    let said = message(Role::Assistant, [text("a \n")]);
    let turn = |text: &str| json!({"role": "assistant", "content": [{"type": "text", "text": text}]});
    check(std::slice::from_ref(&said), &json!([turn("a")]));
    let person = json!({"role": "user", "content": [{"type": "text", "text": "b"}]});
    check(&[said, message(Role::User, [text("b")])], &json!([turn("a \n"), person]));
}

#[test]
fn the_input_of_a_call_is_an_object_whatever_the_model_wrote() {
    let input =
        |input| wire(&[message(Role::Assistant, [called("a", input)])])[0]["content"][0]["input"].clone();
    assert_eq!(input("null"), json!({}));
    assert_eq!(input(r#""{\"a\"""#), json!({"malformed": "{\"a\""}));
    assert_eq!(input("[1]"), json!({"malformed": "[1]"}));
}

#[test]
fn ids_that_the_service_would_refuse_are_written_in_another_way_and_stay_apart() {
    for (id, expected) in
        [("toolu_1-a", "toolu_1-a"), ("f.look:0", "callf_2e_look_3a_0"), ("", "call"), ("ä", "call_e4_")]
    {
        assert_eq!(wire_id(id), expected);
    }
    let messages =
        [message(Role::Assistant, [called("a.b", "{}")]), message(Role::Tool, [answered("a.b", "1", false)])];
    let wire = wire(&messages);
    assert_eq!(wire[0]["content"][0]["id"], wire[1]["content"][0]["tool_use_id"]);
}
