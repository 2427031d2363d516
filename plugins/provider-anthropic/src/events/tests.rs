//! Which events come out of which frames; whole exchanges stand in `tests/exchanges`.

use transom_agent::provider::ProviderEvent;
use transom_upstream::Answer;

use super::*;

fn heard(frames: &[Value]) -> Vec<String> {
    read(Events::of("anthropic", false), frames)
}

fn read(events: Events, frames: &[Value]) -> Vec<String> {
    let mut answer = Answer::to(&[], events);
    for frame in frames {
        answer.hear(&Frame { event: String::new(), data: frame.to_string() });
    }
    answer.end();
    std::iter::from_fn(|| answer.next()).map(line).collect()
}

fn line(event: Result<ProviderEvent, Failure>) -> String {
    match event {
        Ok(ProviderEvent::TextDelta { delta }) => format!("text {delta}"),
        Ok(ProviderEvent::ReasoningDelta { delta }) => format!("thought {delta}"),
        Ok(ProviderEvent::ThoughtState { state }) => format!("{} {}", state.provider, state.state),
        Ok(ProviderEvent::ToolCall { tool_call_id, tool_name, input }) => {
            format!("{tool_call_id} {tool_name} {input}")
        }
        Ok(ProviderEvent::Usage { usage }) => format!(
            "usage {} {} {:?} {:?}",
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens.into_option(),
            usage.cache_write_tokens.into_option()
        ),
        Ok(ProviderEvent::Finish { reason }) => format!("finish {reason:?}"),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => format!("{:?} {}", failure.class, failure.what),
    }
}

fn start(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn add(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn end(reason: &str) -> [Value; 2] {
    [json!({"type": "message_delta", "delta": {"stop_reason": reason}}), json!({"type": "message_stop"})]
}

#[track_caller]
fn check(frames: &[Value], reason: &str, expected: &[&str]) {
    assert_eq!(heard(&[frames, &end(reason)].concat()), expected);
}

#[test]
fn a_signature_in_pieces_belongs_to_its_thought() {
    check(
        &[
            start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
            add(0, json!({"type": "thinking_delta", "thinking": "hm"})),
            add(0, json!({"type": "signature_delta", "signature": "ab"})),
            add(0, json!({"type": "signature_delta", "signature": "cd"})),
            stop(0),
            start(1, json!({"type": "redacted_thinking", "data": "xyz"})),
            stop(1),
        ],
        "end_turn",
        &[
            "thought hm",
            r#"anthropic {"signature":"abcd"}"#,
            r#"anthropic {"redacted":"xyz"}"#,
            "finish Stop",
        ],
    );
}

#[test]
fn a_call_is_told_when_its_block_ends_and_never_as_less_than_was_written() {
    let call = |index, id: &str, input: Value| {
        start(index, json!({"type": "tool_use", "id": id, "name": "look", "input": input}))
    };
    let more = |index, json: &str| add(index, json!({"type": "input_json_delta", "partial_json": json}));
    check(
        &[
            call(0, "a", json!({})),
            more(0, "{\"x\":"),
            call(1, "b", json!({})),
            more(1, "{\"broken"),
            more(0, " 1}"),
            stop(1),
            stop(0),
            call(2, "c", json!({})),
            stop(2),
            call(3, "d", json!({"whole": true})),
            stop(3),
        ],
        "tool_use",
        &[
            r#"b look "{\"broken""#,
            r#"a look {"x":1}"#,
            "c look {}",
            r#"d look {"whole":true}"#,
            "finish ToolCalls",
        ],
    );
}

#[test]
fn what_a_tool_of_the_service_is_told_is_no_call() {
    check(
        &[
            start(0, json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
            add(0, json!({"type": "input_json_delta", "partial_json": "{}"})),
            stop(0),
            start(1, json!({"type": "hologram"})),
            json!({"type": "fanfare"}),
            json!({"type": "ping"}),
        ],
        "pause_turn",
        &["finish Stop"],
    );
}

#[test]
fn tokens_are_the_whole_prompt_and_lies_about_them_do_no_harm() {
    let started = |usage: Value| json!({"type": "message_start", "message": {"usage": usage}});
    let so_far = |usage: Value| json!({"type": "message_delta", "delta": {}, "usage": usage});
    let cached = json!({"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 1});
    check(
        &[started(cached), so_far(json!({"output_tokens": 7, "input_tokens": 0}))],
        "end_turn",
        &["usage 125 7 Some(100) Some(20)", "finish Stop"],
    );
    let most = json!({"input_tokens": u64::MAX, "cache_read_input_tokens": u64::MAX, "output_tokens": -1});
    check(
        &[started(most), so_far(json!({"output_tokens": "many"})), so_far(json!(7))],
        "end_turn",
        &[&format!("usage {0} 0 Some({0}) None", u64::MAX), "finish Stop"],
    );
}

#[test]
fn who_only_counts_hears_nothing_behind_the_prompt() {
    let counted = |frames: &[Value]| read(Events::of("anthropic", true), frames);
    let started =
        |tokens: u64| json!({"type": "message_start", "message": {"usage": {"input_tokens": tokens}}});
    let thought = start(0, json!({"type": "thinking", "thinking": "hm"}));
    let used =
        json!({"type": "message_delta", "delta": {}, "usage": {"input_tokens": 7, "output_tokens": 1}});
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "x"}});
    let ping = json!({"type": "ping"});
    for (frames, expected) in [
        (vec![ping.clone(), started(5), thought.clone()], vec!["usage 5 0 None None", "finish Length"]),
        // Some tell it late; that they begin to think is not waited for.
        (vec![started(0), ping, used], vec!["usage 7 1 None None", "finish Length"]),
        (vec![started(0), thought], vec!["usage 0 0 None None", "finish Length"]),
        (vec![started(0)], vec!["usage 0 0 None None", "Protocol ended in the middle of its answer"]),
        (vec![overloaded], vec!["Overloaded broke its answer off"]),
    ] {
        assert_eq!(counted(&frames), expected, "{frames:?}");
    }
}

#[test]
fn reasons_are_translated() {
    for (theirs, ours) in [
        ("end_turn", "finish Stop"),
        ("stop_sequence", "finish Stop"),
        ("pause_turn", "finish Stop"),
        ("max_tokens", "finish Length"),
        ("model_context_window_exceeded", "finish Length"),
        ("refusal", "finish ContentFilter"),
        ("something_new", "finish Stop"),
    ] {
        check(&[], theirs, &[ours]);
    }
}

#[test]
fn a_truncated_answer_keeps_its_whole_calls_and_fails() {
    let call = |index: u64, id: &str, json: &str| {
        let block = json!({"type": "tool_use", "id": id, "name": "look", "input": {}});
        [start(index, block), add(index, json!({"type": "input_json_delta", "partial_json": json}))]
    };
    let frames = [call(0, "a", "{}"), call(1, "b", "{\"at")].concat();
    assert_eq!(heard(&frames), ["a look {}", "Protocol ended in the middle of its answer"]);
    let finished = [&frames[..2], &end("tool_use")[..1]].concat();
    assert_eq!(heard(&finished), ["a look {}", "Protocol ended in the middle of its answer"]);
    assert_eq!(heard(&[json!({"type": "message_stop"})]), ["Protocol ended in the middle of its answer"]);
}

#[test]
fn frames_of_any_shape_are_survived() {
    let frames = [
        json!(null),
        json!(7),
        json!([]),
        json!({}),
        json!({"type": 7}),
        json!({"type": "message_start"}),
        json!({"type": "message_delta", "delta": 7, "usage": []}),
        json!({"type": "content_block_start"}),
        json!({"type": "content_block_start", "index": -1, "content_block": {"type": "thinking"}}),
        json!({"type": "content_block_delta", "index": u64::MAX, "delta": {"type": "input_json_delta"}}),
        json!({"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": {}}}),
        json!({"type": "content_block_stop", "index": 99}),
    ];
    check(&frames, "end_turn", &["finish Stop"]);
}

#[test]
fn there_is_an_end_to_blocks_and_signatures() {
    let thinking = |index| start(index, json!({"type": "thinking"}));
    let blocks: Vec<_> = (0..=MAX_BLOCKS as u64).map(thinking).collect();
    assert_eq!(heard(&blocks), ["Protocol began more blocks than fit into an answer"]);
    let half = "x".repeat(MAX_SIGNATURES / 2 + 1);
    let sign = || add(0, json!({"type": "signature_delta", "signature": half}));
    let last = heard(&[thinking(0), sign(), sign()]).pop().expect("a failure");
    assert_eq!(last, "Protocol signed its thoughts with more than 16777216 bytes");
}

#[test]
fn an_error_inside_the_stream_ends_it() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let text = add(0, json!({"type": "text_delta", "text": "a"}));
    assert_eq!(heard(&[text.clone(), error, text]), ["text a", "Overloaded broke its answer off"]);
}
