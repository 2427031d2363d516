//! What is streamed for which script and which request.

use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::{Json, List};

use super::*;
use crate::fixture::request;
use crate::parser::parse;

fn asked() -> Message {
    Message::text("u1", Role::User, "one two three")
}

fn called() -> Message {
    let chunk = Chunk::ToolCall {
        tool_call_id: "call-1".into(),
        tool_name: "look".into(),
        input: Json::default(),
        step_id: Maybe::None,
    };
    Message { id: "a1".into(), role: Role::Assistant, chunks: List::from([chunk]) }
}

fn answered() -> Message {
    let chunk = Chunk::ToolResult {
        tool_call_id: "call-1".into(),
        tool_name: "look".into(),
        content: "nothing there".into(),
        is_error: false,
        step_id: Maybe::None,
        duration_ms: Maybe::None,
    };
    Message { id: "t1".into(), role: Role::Tool, chunks: List::from([chunk]) }
}

/// Each beat as one short line.
#[track_caller]
fn check(script: &str, messages: impl Into<List<Message>>, attempt: u32, expected: &[&str]) {
    let script = parse(script).expect("a good script");
    let beats = perform(&script, &request(messages), 0, attempt);
    assert_eq!(beats.iter().map(line).collect::<Vec<_>>(), expected);
}

fn line(beat: &Beat) -> String {
    match beat {
        Beat::Wait(ms) => format!("wait {ms}"),
        Beat::Hang => "hang".into(),
        Beat::Send(event) => match event {
            ProviderEvent::TextDelta { delta } => format!("text {delta}"),
            ProviderEvent::ReasoningDelta { delta } => format!("thought {delta}"),
            ProviderEvent::ToolCall { tool_call_id, tool_name, input } => {
                format!("{tool_call_id} {tool_name} {input}")
            }
            ProviderEvent::Usage { usage } => format!("usage {} {}", usage.input_tokens, usage.output_tokens),
            ProviderEvent::Finish { reason } => format!("finish {reason:?}"),
            ProviderEvent::ThoughtState { state } => format!("state of {}", state.provider),
            ProviderEvent::Unknown(unknown) => format!("unknown {}", unknown.tag()),
            ProviderEvent::Error { class, retry_after_ms, .. } => {
                format!("error {class:?} {:?}", retry_after_ms.into_option())
            }
        },
    }
}

#[test]
fn words_are_streamed_one_by_one_and_counted() {
    check(
        "Hello, dear\n world!",
        [asked()],
        0,
        &["text Hello, ", "text dear\n ", "text world!", "usage 5 3", "finish Stop"],
    );
}

#[test]
fn an_empty_answer_still_finishes() {
    check("", [asked()], 0, &["usage 5 0", "finish Stop"]);
}

#[test]
fn a_step_with_tools_finishes_for_them() {
    let script = "[[think: hm]][[tool: look {\"at\":1}]][[tool: look]]";
    let expected =
        ["thought hm", "call-1 look {\"at\":1}", "call-2 look {}", "usage 5 3", "finish ToolCalls"];
    check(script, [asked()], 0, &expected);
}

#[test]
fn the_step_behind_a_tool_comes_when_the_tool_has_answered() {
    let expected = ["text Seen.", "usage 8 1", "finish Stop"];
    check("[[tool: look]]Seen.", [asked(), called(), answered()], 0, &expected);
}

#[test]
fn a_script_that_ends_with_a_tool_says_what_it_answered() {
    let expected =
        ["text `look` ", "text answered:\n", "text nothing ", "text there", "usage 8 4", "finish Stop"];
    check("[[tool: look]]", [asked(), called(), answered()], 0, &expected);
}

#[test]
fn a_step_past_the_end_without_results_says_so() {
    let expected = [
        "text The ",
        "text script ",
        "text has ",
        "text no ",
        "text more ",
        "text steps.",
        "usage 6 6",
        "finish Stop",
    ];
    check("x", [asked(), called()], 0, &expected);
}

#[test]
fn nothing_follows_a_failure_a_break_or_a_hang() {
    check("a [[fail: rate-limited 2000]] b", [asked()], 0, &["text a ", "error RateLimited Some(2000)"]);
    check("a [[break]] b", [asked()], 0, &["text a "]);
    check("a [[hang]] b", [asked()], 0, &["text a ", "hang"]);
}

#[test]
fn a_failure_with_a_count_lets_later_attempts_pass() {
    let script = "[[fail: overloaded 0 2]]fine";
    check(script, [asked()], 1, &["error Overloaded Some(0)"]);
    check(script, [asked()], 2, &["text fine", "usage 5 1", "finish Stop"]);
}

#[test]
fn numbers_and_the_reason_can_be_given() {
    check("[[usage: 7 9]][[finish: length]]", [asked()], 0, &["usage 7 9", "finish Length"]);
}

#[test]
fn the_pace_lies_between_pieces_and_lasts_into_later_steps() {
    let slow = parse("a b [[pace: 9]] c").expect("good");
    let beats = perform(&slow, &request([asked()]), 5, 0);
    let waits: Vec<_> = beats.iter().map(line).filter(|line| line.starts_with("wait")).collect();
    assert_eq!(waits, ["wait 5", "wait 9"]);
    check(
        "[[pace: 4]][[tool: look]]a b",
        [asked(), called(), answered()],
        0,
        &["text a ", "wait 4", "text b", "usage 8 2", "finish Stop"],
    );
}

#[test]
fn pieces_together_are_the_text() {
    for text in ["", " ", " a", "a ", "ä\u{2003}ö\r\n\tü  ", "a"] {
        assert_eq!(pieces(text).collect::<String>(), text);
    }
}
