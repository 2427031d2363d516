//! Which events come out of which frames.

use serde_json::json;
use transom_agent::provider::ProviderEvent;
use transom_upstream::{Answer, Decoder};

use super::*;

/// How a stream ends.
enum End {
    Closed,
    Broken,
}

/// Each event as one short line.
#[track_caller]
fn check(frames: &[&str], end: End, expected: &[&str]) {
    let mut answer = Answer::to(&[], Chunks);
    for data in frames {
        answer.hear(&Frame { event: String::new(), data: (*data).to_owned() });
    }
    match end {
        End::Closed => answer.end(),
        End::Broken => answer.break_off(Failure::new(FailureClass::Network, "broke")),
    }
    assert!(answer.is_over());
    assert_eq!(lines(&mut answer), expected);
}

fn lines(answer: &mut Answer<Chunks>) -> Vec<String> {
    std::iter::from_fn(|| answer.next()).map(line).collect()
}

fn line(event: Result<ProviderEvent, Failure>) -> String {
    match event {
        Ok(ProviderEvent::TextDelta { delta }) => format!("text {delta}"),
        Ok(ProviderEvent::ReasoningDelta { delta }) => format!("thought {delta}"),
        Ok(ProviderEvent::ToolCall { tool_call_id, tool_name, input }) => {
            format!("{tool_call_id} {tool_name} {input}")
        }
        Ok(ProviderEvent::Usage { usage }) => format!("usage {} {}", usage.input_tokens, usage.output_tokens),
        Ok(ProviderEvent::Finish { reason }) => format!("finish {reason:?}"),
        Ok(ProviderEvent::Error { .. }) => "error as event".into(),
        Ok(ProviderEvent::ThoughtState { state }) => format!("state of {}", state.provider),
        Ok(ProviderEvent::Unknown(unknown)) => format!("unknown {}", unknown.tag()),
        Err(failure) => format!("{:?} {}", failure.class, failure.what),
    }
}

const HELLO: &str = r#"{"choices":[{"delta":{"role":"assistant","content":"Hello"}}]}"#;
const HMM: &str = r#"{"choices":[{"delta":{"reasoning_content":"Hm"}}]}"#;
const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;
const CALL: &str = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"look","arguments":"{}"}}]}}]}"#;
const HALF_A_CALL: &str = r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"look","arguments":"{\"at"}}]}}]}"#;
const CALLED: &str = r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#;

#[test]
fn the_finish_waits_for_the_tokens() {
    check(
        &[HMM, HELLO, STOP, USAGE, "[DONE]"],
        End::Closed,
        &["thought Hm", "text Hello", "usage 9 2", "finish Stop"],
    );
}

#[test]
fn the_last_usage_counts() {
    let early =
        r#"{"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;
    check(&[early, STOP, USAGE, "[DONE]"], End::Closed, &["text x", "usage 9 2", "finish Stop"]);
}

#[test]
fn an_answer_may_end_without_done() {
    check(&[HELLO, STOP], End::Closed, &["text Hello", "finish Stop"]);
    check(&[HELLO, STOP, USAGE], End::Broken, &["text Hello", "usage 9 2", "finish Stop"]);
}

#[test]
fn nothing_follows_the_end() {
    check(&[HELLO, STOP, "[DONE]", HELLO, "nonsense"], End::Broken, &["text Hello", "finish Stop"]);
}

#[test]
fn calls_come_before_the_finish_whatever_its_reason() {
    check(&[CALL, CALLED, "[DONE]"], End::Closed, &["a look {}", "finish ToolCalls"]);
    check(&[CALL, STOP, "[DONE]"], End::Closed, &["a look {}", "finish ToolCalls"]);
    check(&[STOP, CALL, "[DONE]"], End::Closed, &["a look {}", "finish ToolCalls"]);
}

#[test]
fn a_truncated_answer_keeps_its_whole_calls_and_fails() {
    let expected = ["text Hello", "a look {}", "usage 9 2", "Protocol ended in the middle of its answer"];
    check(&[HELLO, CALL, HALF_A_CALL, USAGE], End::Closed, &expected);
    check(&[CALL, "[DONE]"], End::Closed, &["a look {}", "Protocol ended in the middle of its answer"]);
    check(&[], End::Closed, &["Protocol ended in the middle of its answer"]);
}

#[test]
fn a_broken_connection_is_told_as_such() {
    check(&[HELLO], End::Broken, &["text Hello", "Network broke"]);
}

#[test]
fn an_error_inside_the_stream_ends_it() {
    let error = r#"{"error":{"message":"busy","code":503}}"#;
    check(&[HELLO, error, HELLO, STOP], End::Closed, &["text Hello", "Overloaded broke its answer off"]);
    let reason = r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#;
    check(&[HELLO, reason], End::Closed, &["text Hello", "Overloaded ended its answer with an error"]);
}

#[test]
fn an_event_of_type_error_is_one() {
    let mut answer = Answer::to(&[], Chunks);
    let data = r#"{"message":"slow down","type":"rate_limit_error"}"#.to_owned();
    answer.hear(&Frame { event: "error".into(), data });
    assert_eq!(lines(&mut answer), ["RateLimited broke its answer off"]);
}

#[test]
fn a_frame_that_is_no_json_fails_with_its_text() {
    let mut answer = Answer::to(&[], Chunks);
    answer.hear(&Frame { event: String::new(), data: "{oops".into() });
    let Some(Err(failure)) = answer.next() else { panic!("no failure") };
    assert_eq!((failure.class, failure.detail.as_str()), (FailureClass::Protocol, "{oops"));
}

#[test]
fn reasons_are_translated() {
    for (theirs, ours) in [
        ("length", "finish Length"),
        ("content_filter", "finish ContentFilter"),
        ("eos", "finish Stop"),
        ("function_call", "finish ToolCalls"),
    ] {
        let frame = format!("{{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"{theirs}\"}}]}}");
        check(&[&frame, "[DONE]"], End::Closed, &[ours]);
    }
}

#[test]
fn an_empty_reason_is_none() {
    let frame = r#"{"choices":[{"delta":{"content":"a"},"finish_reason":""}]}"#;
    check(&[frame, HELLO, STOP], End::Closed, &["text a", "text Hello", "finish Stop"]);
}

#[test]
fn the_same_events_come_out_wherever_the_bytes_are_cut() {
    let stream: String =
        [HMM, "{\"choices\":[{\"delta\":{\"content\":\"äß😀\"}}]}", CALL, CALLED, USAGE, "[DONE]"]
            .iter()
            .map(|data| format!(": alive\r\ndata: {data}\r\n\r\n"))
            .collect();
    let expected = ["thought Hm", "text äß😀", "a look {}", "usage 9 2", "finish ToolCalls"];
    for cut in 0..=stream.len() {
        let (mut decoder, mut answer) = (Decoder::new(10_000), Answer::to(&[], Chunks));
        for bytes in [&stream.as_bytes()[..cut], &stream.as_bytes()[cut..]] {
            decoder.push(bytes).expect("small enough");
            std::iter::from_fn(|| decoder.next()).for_each(|frame| answer.hear(&frame));
        }
        assert_eq!(lines(&mut answer), expected, "cut at {cut}");
    }
}

#[test]
fn fragments_of_any_shape_are_survived() {
    let mut answer = Answer::to(&[], Chunks);
    for call in [
        json!(null),
        json!(7),
        json!([]),
        json!({"index": -1}),
        json!({"index": u64::MAX}),
        json!({"function": 1}),
        json!({"id": "z"}),
    ] {
        let data = json!({"choices": [{"delta": {"tool_calls": [call]}}]}).to_string();
        answer.hear(&Frame { event: String::new(), data });
    }
    answer.end();
    assert_eq!(lines(&mut answer), ["Protocol ended in the middle of its answer"]);
}

#[test]
fn arguments_may_come_as_an_object() {
    let call = json!({"id": "b", "function": {"name": "y", "arguments": {"n": 2}}});
    let data = json!({"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": "stop"}]}).to_string();
    check(&[&data], End::Closed, &["b y {\"n\":2}", "finish ToolCalls"]);
}

#[test]
fn there_is_an_end_to_the_calls_that_are_collected() {
    let call = |index: u64| json!({"index": index, "id": "", "function": {"name": "x", "arguments": "{"}});
    let calls: Vec<_> = (0..1_001).map(call).collect();
    let data = json!({"choices": [{"delta": {"tool_calls": calls}}]}).to_string();
    check(&[&data], End::Closed, &["Protocol asked for more tools than fit into an answer"]);
}
