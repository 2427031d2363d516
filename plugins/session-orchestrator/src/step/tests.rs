//! What a step makes of a provider's events.

use transom_agent::message::Role;
use transom_agent::provider::FailureClass;

use super::*;
use crate::hub::Places;

fn step() -> Step {
    Step::new(&"turn-x".into(), 2, 100)
}

fn text(delta: &str) -> ProviderEvent {
    ProviderEvent::TextDelta { delta: delta.into() }
}

fn thought(delta: &str) -> ProviderEvent {
    ProviderEvent::ReasoningDelta { delta: delta.into() }
}

fn call(id: &str) -> ProviderEvent {
    ProviderEvent::ToolCall { tool_call_id: id.into(), tool_name: "grep".into(), input: Json::default() }
}

fn finish(reason: FinishReason) -> ProviderEvent {
    ProviderEvent::Finish { reason }
}

fn fed(events: impl IntoIterator<Item = ProviderEvent>) -> Step {
    let mut step = step();
    events.into_iter().for_each(|event| step.take(Some(Ok(event)), 100));
    step
}

/// What the log has of a step once all of it is placed.
fn stored(mut step: Step) -> Vec<Message> {
    step.sheet().place(&mut Places::default());
    step.entries().into_iter().map(|entry| entry.message).collect()
}

fn answer(content: &str) -> Answer {
    Answer { content: content.into(), is_error: false, duration_ms: Some(1) }
}

fn words_of(message: &Message) -> Vec<(&'static str, String)> {
    let words = message.chunks.iter().map(|chunk| match chunk {
        Chunk::Text { text } => ("text", text.to_string()),
        Chunk::Thinking { text, .. } => ("thinking", text.to_string()),
        Chunk::ToolCall { tool_call_id, .. } => ("call", tool_call_id.to_string()),
        Chunk::ToolResult { content, .. } => ("result", content.to_string()),
        Chunk::Error { code, .. } => ("error", code.as_deref().unwrap_or_default().to_owned()),
        Chunk::Unknown(unknown) => ("unknown", unknown.tag().to_owned()),
        fact => panic!("{fact:?}"),
    });
    words.collect()
}

fn pairs(expected: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    expected.iter().map(|(kind, words)| (*kind, (*words).to_owned())).collect()
}

#[test]
fn deltas_of_one_kind_become_one_chunk() {
    let step = fed([thought("a"), thought("b"), text("c"), text("d"), thought("e"), text("")]);
    assert_eq!(step.words(), "cd");
    let messages = stored(step);
    assert_eq!(words_of(&messages[0]), pairs(&[("thinking", "ab"), ("text", "cd"), ("thinking", "e")]));
    assert_eq!(messages[0].role, Role::Assistant);
}

#[test]
fn results_follow_in_the_order_of_the_calls_and_facts_behind_them() {
    let mut step = fed([text("look"), call("1"), call("2"), finish(FinishReason::ToolCalls)]);
    step.close(100);
    step.answer(1, answer("two"));
    assert_eq!((step.is_answered(0), step.is_answered(1)), (false, true));
    assert_eq!(step.answer_of(1), Some(Answer { duration_ms: None, ..answer("two") }));
    step.begin(0);
    step.answer_rest(|begun| answer(if begun { "broken off" } else { "never ran" }));
    step.answer(0, answer("late"));
    let messages = stored(step);
    assert_eq!(words_of(&messages[0]), pairs(&[("text", "look"), ("call", "1"), ("call", "2")]));
    assert_eq!(words_of(&messages[1]), pairs(&[("result", "broken off")]));
    assert_eq!(words_of(&messages[2]), pairs(&[("result", "two")]));
    let ids: Vec<_> = messages.iter().map(|message| (message.id.as_str(), message.role)).collect();
    let expected = [
        ("turn-x/2", Role::Assistant),
        ("turn-x/2.0", Role::Tool),
        ("turn-x/2.1", Role::Tool),
        ("turn-x/2f", Role::System),
    ];
    assert_eq!(ids, expected);
}

#[test]
fn of_an_answer_that_broke_off_the_calls_that_nobody_has_seen_are_forgotten() {
    let mut step = fed([text("a"), call("seen")]);
    step.sheet().place(&mut Places::default());
    step.take(Some(Ok(call("unseen"))), 100);
    step.close(100);
    let calls: Vec<_> = step.calls().iter().map(|call| call.id.as_str()).collect();
    assert_eq!(calls, ["seen"]);
    assert_eq!(words_of(&stored(step)[0]), pairs(&[("text", "a"), ("call", "seen")]));
}

#[test]
fn a_model_is_shown_neither_facts_nor_failures_nor_thoughts_alone() {
    let mut step = fed([thought("hm"), text("a")]);
    step.fail(Failure::new("network", "gone"));
    step.close(100);
    let messages = step.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(words_of(&messages[0]), pairs(&[("thinking", "hm"), ("text", "a")]));
    assert!(fed([thought("hm")]).messages().is_empty());
}

#[test]
fn calls_without_an_id_or_with_one_that_is_taken_get_one_of_their_own() {
    let step = fed([call("1"), call(""), call("1")]);
    let ids: Vec<_> = step.calls().iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids, ["1", "call-turn-x-2-1", "call-turn-x-2-2"]);
}

#[test]
fn what_is_not_known_keeps_its_place_among_what_is() {
    let unknown: ProviderEvent =
        serde_json::from_value(serde_json::json!({ "type": "citation", "url": "x" })).unwrap();
    let step = fed([text("a"), unknown, text("b")]);
    let expected = pairs(&[("text", "a"), ("unknown", "citation"), ("text", "b")]);
    assert_eq!(words_of(&stored(step)[0]), expected);
}

#[test]
fn what_viewers_cannot_be_shown_is_not_stored_either() {
    let addressed = serde_json::json!({ "type": "citation", "turnId": "other" });
    assert!(fed([serde_json::from_value(addressed).unwrap()]).is_blank());
}

#[test]
fn a_failure_of_a_later_class_is_told_by_that_name() {
    let error = serde_json::json!({ "type": "error", "message": "no", "class": "moonstruck" });
    let step = fed([serde_json::from_value(error).unwrap()]);
    assert!(matches!(step.outcome(), Some(Outcome::Failed(failure)) if failure.code == "moonstruck"));
}

#[test]
fn a_failure_is_kept_for_people_with_its_class() {
    let error = ProviderEvent::Error {
        message: "slow down".into(),
        class: FailureClass::RateLimited,
        code: Maybe::None,
        retry_after_ms: Maybe::Some(7),
    };
    let mut step = fed([text("a"), call("1"), error]);
    let Some(Outcome::Failed(failure)) = step.outcome() else { panic!() };
    assert_eq!((failure.class.clone(), failure.retry_after_ms), (Some(FailureClass::RateLimited), Some(7)));
    step.close(100);
    assert_eq!(words_of(&stored(step)[0]), pairs(&[("text", "a"), ("error", "rate-limited")]));
}

#[test]
fn an_end_in_the_middle_and_a_broken_stream_are_failures() {
    let code = |next| {
        let mut step = step();
        step.take(next, 0);
        match step.outcome() {
            Some(Outcome::Failed(failure)) => failure.code.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code(None), "protocol");
    assert_eq!(code(Some(Err(CallError::unavailable("away")))), "unavailable");
}

#[test]
fn only_the_first_end_counts() {
    let mut step = fed([finish(FinishReason::Length)]);
    step.fail(Failure::new("internal", "late"));
    assert_eq!(step.outcome(), Some(&Outcome::Finished(FinishReason::Length)));
}

fn facts(mut step: Step, now_ms: i64) -> Vec<Chunk> {
    step.close(now_ms);
    step.close(now_ms + 1000);
    stored(step).pop().unwrap().chunks.into_vec()
}

#[test]
fn the_last_usage_counts_and_times_run_from_the_first_token() {
    let mut step = step();
    let usage = |input_tokens| ProviderEvent::Usage { usage: Usage { input_tokens, ..Usage::default() } };
    for (event, at) in [(usage(1), 110), (thought("a"), 130), (text("b"), 150), (usage(2), 160)] {
        step.take(Some(Ok(event)), at);
    }
    let facts = facts(step, 170);
    assert!(matches!(&facts[0], Chunk::Usage { usage, .. } if usage.input_tokens == 2));
    let complete = Chunk::StepComplete {
        step_id: "turn-x#2".into(),
        ttft_ms: Maybe::Some(30),
        decode_ms: Maybe::Some(40),
        gen_total_ms: 70,
    };
    assert_eq!(facts[1..], [complete]);
}

#[test]
fn a_step_of_calls_alone_has_no_token_times() {
    let complete = Chunk::StepComplete {
        step_id: "turn-x#2".into(),
        ttft_ms: Maybe::None,
        decode_ms: Maybe::None,
        // The clock was set back meanwhile.
        gen_total_ms: 0,
    };
    assert_eq!(facts(fed([call("1"), finish(FinishReason::ToolCalls)]), 90), [complete]);
}

#[test]
fn the_time_of_a_request_that_is_made_again_counts_from_the_last_one() {
    let mut step = step();
    step.fail(Failure::new("network", "gone"));
    step.forget_failure();
    step.ask_again(5000);
    step.take(Some(Ok(text("a"))), 5030);
    assert!(matches!(
        facts(step, 5050)[0],
        Chunk::StepComplete { ttft_ms: Maybe::Some(30), gen_total_ms: 50, .. }
    ));
}
