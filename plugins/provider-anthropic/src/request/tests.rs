//! What a request becomes.

use serde_json::json;
use transom_agent::message::{Chunk, Message, Role, ThoughtState};
use transom_agent::provider::ReasoningEffort;
use transom_plugin_api::{List, Maybe};
use transom_upstream::fixture::request;

use super::*;

fn dialect() -> Dialect {
    Dialect { max_tokens: 32_000, thinks: true, ..Dialect::default() }
}

fn sent(request: &ModelRequest, dialect: &Dialect) -> Value {
    let target = Target { provider: "anthropic", max_output_tokens: None };
    serde_json::from_slice(&body(request, dialect, &target).expect("it encodes")).expect("JSON")
}

fn text(request: &ModelRequest, dialect: &Dialect) -> String {
    sent(request, dialect).to_string()
}

fn tool(name: &str) -> ToolDefinition {
    ToolDefinition {
        name: name.into(),
        description: "Looks.".into(),
        parameters: Json::parse(r#"{"type": "object", "properties": {"b": {}, "a": {}}}"#).expect("JSON"),
        concurrency_safe: true,
        effects: Maybe::None,
    }
}

#[test]
fn the_smallest_request_has_no_field_too_many() {
    let dialect = Dialect { cache: CacheLife::Off, thinks: false, ..dialect() };
    let expected = concat!(
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"#,
        r#""max_tokens":32000,"stream":true}"#
    );
    assert_eq!(text(&request([Message::text("u", Role::User, "hi")]), &dialect), expected);
}

#[test]
fn the_same_request_becomes_the_same_bytes() {
    let mut request = request([Message::text("u", Role::User, "hi")]);
    request.system_prompt = Maybe::Some("Be kind.".into());
    request.temperature = Maybe::Some(1.5);
    request.reasoning_effort = ReasoningEffort::Low;
    request.tools.to_mut().extend([tool("look"), tool("read")]);
    let mark = r#""cache_control":{"type":"ephemeral","ttl":"1h"}"#;
    let schema = r#""description":"Looks.","input_schema":{"type":"object","properties":{"b":{},"a":{}}}"#;
    let expected = format!(
        "{}{}{}",
        format_args!(
            r#"{{"model":"m","tools":[{{"name":"look",{schema}}},{{"name":"read",{schema},{mark}}}],"#
        ),
        format_args!(
            r#""system":[{{"type":"text","text":"Be kind.",{mark}}}],"messages":[{{"role":"user","content":"#
        ),
        format_args!(
            r#"[{{"type":"text","text":"hi",{mark}}}]}}],"max_tokens":32000,"thinking":{{"type":"enabled","budget_tokens":4096}},"stream":true}}"#
        ),
    );
    let dialect = Dialect { cache: CacheLife::OneHour, ..dialect() };
    assert_eq!(text(&request, &dialect), expected);
    assert_eq!(text(&request.clone(), &dialect), expected);
}

#[test]
fn a_temperature_is_sent_where_nobody_thinks_and_at_most_1() {
    let mut request = request([]);
    request.temperature = Maybe::Some(1.5);
    assert_eq!(sent(&request, &dialect())["temperature"], Value::Null);
    let dialect = Dialect { thinks: false, ..dialect() };
    assert_eq!(sent(&request, &dialect)["temperature"], json!(1.0));
    request.temperature = Maybe::Some(0.5);
    assert_eq!(sent(&request, &dialect)["temperature"], json!(0.5));
}

#[test]
fn a_way_to_think_that_an_operator_sets_is_the_only_one() {
    let extra =
        transom_upstream::extra_body::read(r#"{"thinking":{"type":"adaptive"}}"#, &OURS).expect("good");
    let dialect = Dialect { extra, ..dialect() };
    let target = Target { provider: "anthropic", max_output_tokens: None };
    let bytes = body(&request([]), &dialect, &target).expect("it encodes");
    assert_eq!(String::from_utf8_lossy(&bytes).matches("thinking").count(), 1);
}

/// A conversation of several steps: thoughts, tools side by side, a word in between, a failure.
fn conversation() -> Vec<Message> {
    let step = |number: usize| {
        let state = ThoughtState {
            provider: "anthropic".into(),
            state: json!({"signature": format!("s{number}")}).into(),
        };
        let call = |id: String, input: &str| Chunk::ToolCall {
            tool_call_id: id.into(),
            tool_name: "look".into(),
            input: Json::parse(input).expect("JSON"),
            step_id: Maybe::None,
        };
        let result = |id: String, is_error| Chunk::ToolResult {
            tool_call_id: id.into(),
            tool_name: "look".into(),
            content: "seen ä".into(),
            is_error,
            step_id: Maybe::None,
            duration_ms: Maybe::Some(number as u64),
        };
        let said = [
            Chunk::Thinking { text: "hm".into(), state: Maybe::Some(state) },
            Chunk::Text { text: "Looking. ".into() },
            call(format!("a{number}"), r#"{"z":1,"b":{"y":2,"a":3}}"#),
            call(format!("b{number}"), r#""{\"broken""#),
        ];
        let told = [result(format!("a{number}"), false), result(format!("b{number}"), true)];
        let message = |role, chunks: List<Chunk>| Message { id: format!("m{number}").into(), role, chunks };
        [message(Role::Assistant, said.into()), message(Role::Tool, told.into())]
    };
    let mut messages = vec![Message::text("u", Role::User, "Look around.")];
    messages.extend((0..3).flat_map(step));
    messages.push(Message::text("u2", Role::User, "And be quick."));
    messages.extend(step(3));
    messages.push(Message::text("a", Role::Assistant, "Done. \n"));
    messages.push(Message::text("s", Role::System, "The folder is another now."));
    messages.push(Message::text("u3", Role::User, "Thanks."));
    messages
}

/// The request that goes before the model's `n`th answer.
fn requests() -> Vec<ModelRequest> {
    let messages = conversation();
    let ends =
        (1..=messages.len()).filter(|end| messages.get(*end).is_none_or(|next| next.role == Role::Assistant));
    let of = |end: usize| {
        let mut request = request(messages[..end].to_vec());
        request.system_prompt = Maybe::Some("Be kind.".into());
        request.tools.to_mut().extend([tool("look"), tool("read")]);
        request
    };
    ends.map(of).collect()
}

/// Tools, system prompt and blocks, each as its bytes and without its mark; a block with who speaks.
fn prefix(body: &[u8]) -> Vec<String> {
    let body = String::from_utf8(body.to_vec()).expect("UTF-8");
    let bare = body.replace(r#","cache_control":{"type":"ephemeral"}"#, "");
    let value: Value = serde_json::from_str(&bare).expect("JSON");
    let turns = value["messages"].as_array().expect("messages").iter();
    let blocks = turns.flat_map(|turn| {
        let blocks = turn["content"].as_array().expect("blocks").iter();
        blocks.map(|block| format!("{} {block}", turn["role"]))
    });
    [value["tools"].to_string(), value["system"].to_string()].into_iter().chain(blocks).collect()
}

#[test]
fn a_conversation_that_goes_on_begins_with_the_bytes_that_were_sent_before() {
    let target = Target { provider: "anthropic", max_output_tokens: None };
    let mut before: Vec<String> = Vec::new();
    let mut count = 0;
    for request in requests() {
        let bytes = body(&request, &dialect(), &target).expect("it encodes");
        let now = prefix(&bytes);
        assert!(now.len() > before.len() && now.starts_with(&before), "{before:#?}\n{now:#?}");
        // Parsed and written again, it is what was sent: nothing above could have put keys into another order.
        let again = serde_json::from_slice::<Value>(&bytes).expect("JSON").to_string();
        assert_eq!(again.as_bytes(), bytes);
        before = now;
        count += 1;
    }
    assert_eq!(count, 6);
}

#[test]
fn a_request_for_one_token_is_the_one_that_it_keeps_warm() {
    let target = Target { provider: "anthropic", max_output_tokens: None };
    for request in requests() {
        let mut warm = request.clone();
        warm.max_tokens = Maybe::Some(1);
        let bytes = |request| body(request, &dialect(), &target).expect("it encodes");
        assert_eq!(bytes(&warm), bytes(&request), "the service has messages for each way to think");
    }
}

#[test]
fn a_short_probe_has_the_same_prompt_as_a_long_request() {
    let target = Target { provider: "anthropic", max_output_tokens: None };
    for request in requests() {
        let mut probe = request.clone();
        probe.max_tokens = Maybe::Some(2);
        let [long, short] = [&request, &probe].map(|request| sent(request, &dialect()));
        assert_eq!((&short["thinking"], &short["max_tokens"]), (&Value::Null, &json!(2)));
        assert_eq!(long["thinking"]["budget_tokens"], json!(16_384));
        let prompt = |request| {
            let bytes = body(request, &dialect(), &target).expect("it encodes");
            let text = String::from_utf8(bytes).expect("UTF-8");
            text[..text.find("\"max_tokens\"").expect("it has a length")].to_owned()
        };
        assert_eq!(prompt(&request), prompt(&probe));
    }
}

#[test]
fn one_mark_stays_where_the_request_before_ended() {
    let place = |body: &Value, which: usize| {
        let turns = body["messages"].as_array().expect("messages").iter().enumerate();
        let marked = turns.flat_map(|(at, turn)| {
            let blocks = turn["content"].as_array().expect("blocks").iter().enumerate();
            blocks
                .filter(|(_, block)| block.get("cache_control").is_some())
                .map(move |(block, _)| (at, block))
        });
        marked.collect::<Vec<_>>().get(which).copied()
    };
    let mut ended = None;
    for request in requests() {
        let body = sent(&request, &dialect());
        let all = body.to_string().matches("cache_control").count();
        match ended {
            None => assert_eq!((all, place(&body, 1)), (3, None)),
            Some(ended) => assert_eq!((all, place(&body, 0)), (4, Some(ended))),
        }
        let turns = body["messages"].as_array().expect("messages");
        let last = turns.len() - 1;
        let end = (last, turns[last]["content"].as_array().expect("blocks").len() - 1);
        assert_eq!(place(&body, usize::from(ended.is_some())), Some(end));
        ended = Some(end);
    }
}

#[test]
fn nobody_thinks_where_the_service_would_refuse_it() {
    let mut messages = conversation();
    messages.truncate(3);
    let thinks =
        |messages: &[Message]| sent(&request(messages.to_vec()), &dialect()).get("thinking").is_some();
    assert!(thinks(&messages));
    // The call of another model, which signed nothing, waits for its result.
    messages[1].chunks = messages[1].chunks.iter().skip(1).cloned().collect();
    assert!(!thinks(&messages));
    messages
        .extend([Message::text("a", Role::Assistant, "Done."), Message::text("u", Role::User, "And now?")]);
    assert!(thinks(&messages));
    // The model is to go on with its own words.
    assert!(!thinks(&messages[..messages.len() - 1]));
}

#[test]
fn a_model_that_may_call_no_tool_is_told_of_them_all_the_same() {
    let mut request = request([Message::text("u", Role::User, "hi")]);
    request.no_calls = true;
    assert_eq!(sent(&request, &dialect()).get("tool_choice"), None);
    request.tools.to_mut().push(tool("look"));
    let may_not = sent(&request, &dialect());
    assert_eq!(may_not["tool_choice"], json!({"type": "none"}));
    request.no_calls = false;
    let may = sent(&request, &dialect());
    assert_eq!(
        (&may["tools"], &may["messages"], may.get("tool_choice")),
        (&may_not["tools"], &may_not["messages"], None)
    );
}
