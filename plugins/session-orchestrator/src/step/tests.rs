//! What a step makes of a provider's events.

use transom_agent::provider::FailureClass;

use super::*;

fn step() -> Step {
    Step::new("turn-x", 2, 100)
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

fn fed(events: impl IntoIterator<Item = ProviderEvent>) -> (Step, Vec<AgentEventKind>) {
    let mut step = step();
    let frames = events.into_iter().filter_map(|event| step.take(Some(Ok(event)), 100)).collect();
    (step, frames)
}

fn messages(step: Step, answers: &[Option<Answer>]) -> Vec<Message> {
    let mut number = 0;
    step.into_messages(answers, || {
        number += 1;
        format!("m{number}").into()
    })
}

fn answer(content: &str) -> Option<Answer> {
    Some(Answer { content: content.into(), is_error: false, duration_ms: 1 })
}

fn words_of(message: &Message) -> Vec<(&'static str, String)> {
    let words = message.chunks.iter().map(|chunk| match chunk {
        Chunk::Text { text } => ("text", text.to_string()),
        Chunk::Thinking { text } => ("thinking", text.to_string()),
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
fn deltas_of_one_kind_become_one_chunk_and_each_its_own_frame() {
    let (step, frames) = fed([thought("a"), thought("b"), text("c"), text("d"), thought("e"), text("")]);
    assert_eq!(frames.len(), 5);
    assert_eq!(step.words(), "cd");
    let messages = messages(step, &[]);
    assert_eq!(words_of(&messages[0]), pairs(&[("thinking", "ab"), ("text", "cd"), ("thinking", "e")]));
    assert_eq!(messages[0].role, Role::Assistant);
}

#[test]
fn calls_without_an_answer_are_left_out_and_results_follow_in_the_order_of_the_calls() {
    let (step, _) = fed([text("look"), call("1"), call("2"), call("3")]);
    let messages = messages(step, &[answer("one"), None, answer("three")]);
    assert_eq!(words_of(&messages[0]), pairs(&[("text", "look"), ("call", "1"), ("call", "3")]));
    assert_eq!(words_of(&messages[1]), pairs(&[("result", "one")]));
    assert_eq!(words_of(&messages[2]), pairs(&[("result", "three")]));
    assert_eq!(messages[1].role, Role::Tool);
    let ids: Vec<_> = messages.iter().map(|message| message.id.as_str()).collect();
    assert_eq!(ids, ["m1", "m2", "m3"]);
}

#[test]
fn a_step_that_said_nothing_leaves_no_message() {
    let (step, _) = fed([call("1"), ProviderEvent::Finish { reason: FinishReason::Stop }]);
    assert!(messages(step, &[None]).is_empty());
}

#[test]
fn calls_without_an_id_or_with_one_that_is_taken_get_one_of_their_own() {
    let (step, frames) = fed([call("1"), call(""), call("1")]);
    let ids: Vec<_> = step.calls().iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids, ["1", "call-turn-x-2-1", "call-turn-x-2-2"]);
    assert!(matches!(&frames[2], AgentEventKind::ToolCall { tool_call_id, step_id, .. }
            if tool_call_id == "call-turn-x-2-2" && step_id == "turn-x#2"));
}

#[test]
fn what_is_not_known_keeps_its_place_among_what_is() {
    let unknown: ProviderEvent =
        serde_json::from_value(serde_json::json!({ "type": "citation", "url": "x" })).unwrap();
    let (step, frames) = fed([text("a"), unknown, text("b")]);
    assert!(matches!(&frames[1], AgentEventKind::Unknown(unknown) if unknown.tag() == "citation"));
    let expected = pairs(&[("text", "a"), ("unknown", "citation"), ("text", "b")]);
    assert_eq!(words_of(&messages(step, &[])[0]), expected);
}

#[test]
fn a_failure_of_a_later_class_is_told_by_that_name() {
    let error = serde_json::json!({ "type": "error", "message": "no", "class": "moonstruck" });
    let (step, _) = fed([serde_json::from_value(error).unwrap()]);
    assert_eq!(step.outcome(), Some(&Outcome::Failed(Failure::new("moonstruck", "no"))));
}

#[test]
fn a_failure_is_kept_for_people_and_told_with_its_class() {
    let error = ProviderEvent::Error {
        message: "slow down".into(),
        class: FailureClass::RateLimited,
        code: Maybe::None,
        retry_after_ms: Maybe::None,
    };
    let (step, frames) = fed([text("a"), call("1"), error]);
    let told = AgentEventKind::Error { message: "slow down".into(), code: Text::from("rate-limited").into() };
    assert_eq!(frames.last(), Some(&told));
    assert_eq!(words_of(&messages(step, &[])[0]), pairs(&[("text", "a"), ("error", "rate-limited")]));
}

#[test]
fn an_end_in_the_middle_and_a_broken_stream_are_failures() {
    let code = |next| {
        let mut step = step();
        let frame = step.take(next, 0);
        assert!(matches!(step.outcome(), Some(Outcome::Failed(_))));
        match frame {
            Some(AgentEventKind::Error { code, .. }) => code.into_option().unwrap().into_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code(None), "protocol");
    assert_eq!(code(Some(Err(CallError::unavailable("away")))), "unavailable");
}

#[test]
fn only_the_first_end_counts() {
    let (mut step, _) = fed([ProviderEvent::Finish { reason: FinishReason::Length }]);
    assert_eq!(step.fail(Failure::new("internal", "late")), None);
    assert_eq!(step.outcome(), Some(&Outcome::Finished(FinishReason::Length)));
}

#[test]
fn the_last_usage_counts_and_times_run_from_the_first_token() {
    let mut step = step();
    let usage = |input_tokens| ProviderEvent::Usage { usage: Usage { input_tokens, ..Usage::default() } };
    for (event, at) in [(usage(1), 110), (thought("a"), 130), (text("b"), 150), (usage(2), 160)] {
        step.take(Some(Ok(event)), at);
    }
    let frames: Vec<_> = step.closing_frames(170).collect();
    assert!(matches!(&frames[0], AgentEventKind::Usage { usage, .. } if usage.input_tokens == 2));
    let complete = AgentEventKind::StepComplete {
        step_id: "turn-x#2".into(),
        ttft_ms: Maybe::Some(30),
        decode_ms: Maybe::Some(40),
        gen_total_ms: 70,
    };
    assert_eq!(frames[1..], [complete]);
}

#[test]
fn a_step_of_calls_alone_has_no_token_times() {
    let (step, _) = fed([call("1")]);
    let frames: Vec<_> = step.closing_frames(90).collect();
    let complete = AgentEventKind::StepComplete {
        step_id: "turn-x#2".into(),
        ttft_ms: Maybe::None,
        decode_ms: Maybe::None,
        // The clock was set back meanwhile.
        gen_total_ms: 0,
    };
    assert_eq!(frames, [complete]);
}
