//! The plugin from outside: its filter, its tool, and what its route makes of the turns it hears of.

use transom_agent::provider::Usage;
use transom_agent::reach::{HTTP_ROUTE, HttpRequest};
use transom_agent::tool::{TOOL, ToolCall};
use transom_agent::turn::{EndReason, INPUT, SETTLED, TurnInput, TurnRecord, TurnSettled};
use transom_plugin_api::Maybe;
use transom_testkit::{both_ways, contract_check, json};
use transom_word_count::WordCount;

fn hello() -> TurnInput {
    TurnInput { conversation_id: "a".into(), text: "hello there".into(), cwd: "/".into(), is_first: true }
}

#[test]
fn a_message_is_annotated_unless_the_operator_says_no() {
    both_ways(async |stand| {
        let stand = stand.plugin::<WordCount>(json!({}));
        let input = stand.applier(INPUT);
        stand.start().await.expect("it starts");
        assert_eq!(input.apply(hello()).await.expect("it passes").text, "hello there (2 words)");

        let stand = stand.stop().await.stand().plugin::<WordCount>(json!({"annotate": false}));
        let input = stand.applier(INPUT);
        stand.start().await.expect("it starts");
        assert_eq!(input.apply(hello()).await, Ok(hello()));
        stand.stop().await;
    });
}

#[test]
fn the_tool_counts_and_the_route_tells_what_was_answered() {
    both_ways(async |stand| {
        let stand = stand.plugin::<WordCount>(json!({}));
        let (settled, tool, route) = (stand.emitter(SETTLED), stand.caller(TOOL), stand.caller(HTTP_ROUTE));
        stand.start().await.expect("it starts");
        let counted = tool.call_named("count_words", call("one two three")).await.expect("it answers");
        assert_eq!(counted.content, "3");
        settled.emit(&turn("an answer"));
        let request = HttpRequest::new("GET", "/x/word-count");
        let told = route.call_named("GET /x/word-count", request).await.expect("it answers");
        assert_eq!(told.body.value(), json!({"conversations": {"a": 2}, "total": 2}));
        stand.stop().await;
    });
}

fn call(text: &str) -> ToolCall {
    ToolCall {
        tool_call_id: "call".into(),
        input: json!({ "text": text }).into(),
        conversation_id: "a".into(),
        turn_id: "turn".into(),
        cwd: "/".into(),
    }
}

fn turn(answer: &str) -> TurnSettled {
    let record = TurnRecord {
        turn_id: "turn".into(),
        model: "scripted/echo".into(),
        reason: EndReason::Stop,
        usage: Usage::default(),
        steps: 1,
        error_class: Maybe::None,
        context_size: Maybe::None,
        started_at: 0,
        duration_ms: 0,
    };
    TurnSettled { conversation_id: "a".into(), answer: answer.into(), record }
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<WordCount>(json!({}));
}
