//! What is read again is what was shown.

use transom_agent::provider::{FailureClass, FinishReason, ProviderEvent, ReasoningEffort, Usage};
use transom_agent::tool::ToolOutput;
use transom_agent::turn::{EndReason, TurnRecord};
use transom_plugin_api::{Json, List, Maybe};

use super::*;
use crate::edges::fake::scene::scene;
use crate::edges::fake::{Beat, calls, fails, finishes, says, thinks, uses};
use crate::hub::Viewer;
use crate::step::Failure;

fn stored(message: &str, role: Role, position: Option<i64>, chunk: Chunk) -> StoredChunk {
    StoredChunk {
        seq: 1,
        message_id: message.into(),
        role,
        turn_id: Maybe::Some("t".into()),
        position: position.into(),
        created_at: 0,
        chunk,
    }
}

fn read_again(chunks: &[StoredChunk]) -> Vec<AgentEvent> {
    let mut shown = Shown::new("c".into(), 3);
    chunks.iter().flat_map(|chunk| shown.next(chunk.clone())).collect()
}

fn live(position: i64, kind: AgentEventKind) -> AgentEvent {
    kind.of(&"c".into(), &"t".into(), Place { generation: 3, position, offset: 0, volatile: false })
}

fn encoded(events: &[AgentEvent]) -> Vec<String> {
    events.iter().map(|event| Json::of(event).unwrap().to_string()).collect()
}

/// All frames to the end; what was said piece by piece is as durable as the rest by now.
async fn all(viewer: &Viewer) -> Vec<String> {
    let mut events = Vec::new();
    while let Some(frame) = viewer.next().await {
        let mut event = frame.unwrap().event().clone();
        event.at.volatile = false;
        events.push(event);
    }
    encoded(&events)
}

#[tokio::test]
async fn whatever_a_turn_shows_is_read_again_byte_for_byte() {
    let unknown: ProviderEvent = serde_json::from_str(r#"{"type":"citation","b":[1,null],"a":-7}"#).unwrap();
    let scene = scene();
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::error("gave\n")) });
    scene.world.script([
        thinks("hm"),
        says("wörds"),
        Beat::Event(unknown),
        calls("1", "x", r#"{"b":1, "a":[ ]}"#),
        calls("", "x", "{}"),
        uses(10, 5),
        finishes(FinishReason::ToolCalls),
    ]);
    scene.world.script([says("so it is"), fails(FailureClass::Quota)]);
    let (started, viewer) = scene.try_start("hi").await.unwrap();
    let live = all(&viewer).await;
    let again = all(&scene.watch(Some(&started.turn_id)).unwrap()).await;
    assert!(live.len() > 12, "{live:#?}");
    assert_eq!(again, live);
}

#[test]
fn every_fact_is_read_again_byte_for_byte() {
    let usage =
        Usage { input_tokens: 1, output_tokens: 2, cache_read_tokens: Some(3).into(), ..Usage::default() };
    let failure = Failure::new("overloaded", "no luck");
    let record = TurnRecord {
        turn_id: "t".into(),
        model: "a/one".into(),
        reason: EndReason::Length,
        usage,
        steps: 2,
        error_class: Maybe::None,
        context_size: Some(30).into(),
        started_at: 1,
        duration_ms: 40,
    };
    let start = Chunk::TurnStart {
        turn_id: "t".into(),
        model: "a/one".into(),
        cwd: "/".into(),
        reasoning_effort: ReasoningEffort::High,
    };
    let choices = List::from(["yes".into(), "no".into()]);
    let pairs = [
        (failure.chunk(), failure.frame()),
        (start, AgentEventKind::TurnStart { model: "a/one".into() }),
        (Chunk::Usage { step_id: "s".into(), usage }, AgentEventKind::Usage { step_id: "s".into(), usage }),
        (
            Chunk::StepComplete {
                step_id: "s".into(),
                ttft_ms: Some(1).into(),
                decode_ms: Maybe::None,
                gen_total_ms: 9,
            },
            AgentEventKind::StepComplete {
                step_id: "s".into(),
                ttft_ms: Some(1).into(),
                decode_ms: Maybe::None,
                gen_total_ms: 9,
            },
        ),
        (
            Chunk::ProviderRetry {
                step_id: "s".into(),
                attempt: 1,
                delay_ms: 5000,
                message: "busy".into(),
                code: Some(Text::from("overloaded")).into(),
            },
            AgentEventKind::ProviderRetry {
                attempt: 1,
                delay_ms: 5000,
                message: "busy".into(),
                code: Some(Text::from("overloaded")).into(),
            },
        ),
        (
            Chunk::Question {
                question_id: "q".into(),
                tool_call_id: Maybe::None,
                text: "may it?".into(),
                choices: choices.clone(),
                allowing: 1,
                answer_by: Maybe::Some(7),
            },
            AgentEventKind::Question {
                question_id: "q".into(),
                tool_call_id: Maybe::None,
                text: "may it?".into(),
                choices,
                allowing: 1,
                answer_by: Maybe::Some(7),
            },
        ),
        (
            Chunk::Answer { question_id: "q".into(), choice: "yes".into(), is_overdue: true },
            AgentEventKind::Answer { question_id: "q".into(), choice: "yes".into(), is_overdue: true },
        ),
        (
            Chunk::TurnEnd { record: record.clone() },
            AgentEventKind::Done {
                reason: EndReason::Length,
                duration_ms: 40,
                usage,
                context_size: Some(30).into(),
            },
        ),
    ];
    for (chunk, frame) in pairs {
        let is_end = matches!(chunk, Chunk::TurnEnd { .. });
        let mut expected = vec![live(7, frame)];
        expected.extend(is_end.then(|| live(8, AgentEventKind::TurnSealed {})));
        let again = read_again(&[stored("m", Role::System, Some(7), chunk)]);
        assert_eq!(encoded(&again), encoded(&expected));
    }
}

#[test]
fn what_a_person_says_opens_a_turn_or_steers_it() {
    let words =
        |message: &str, at| stored(message, Role::User, Some(at), Chunk::Text { text: message.into() });
    let start = Chunk::TurnStart {
        turn_id: "t".into(),
        model: "a/one".into(),
        cwd: "/".into(),
        reasoning_effort: ReasoningEffort::High,
    };
    let other = StoredChunk { turn_id: Maybe::Some("before".into()), ..words("0", 1) };
    let again = read_again(&[other, words("1", 2), stored("2", Role::System, Some(3), start), words("3", 4)]);
    let expected = [
        AgentEventKind::UserMessage { text: "0".into() }.of(
            &"c".into(),
            &"before".into(),
            Place { generation: 3, position: 1, offset: 0, volatile: false },
        ),
        live(2, AgentEventKind::UserMessage { text: "1".into() }),
        live(3, AgentEventKind::TurnStart { model: "a/one".into() }),
        live(4, AgentEventKind::Steering { text: "3".into() }),
    ];
    assert_eq!(again, expected);
}

#[test]
fn what_nobody_was_shown_is_not_shown() {
    let setting = || Chunk::Setting { name: "title".into(), value: Json::default() };
    let repaired = Chunk::Repaired { generation: 1, position: 4, offset: 0 };
    let forked = Chunk::Forked { conversation_id: "d".into(), seq: 9 };
    for chunk in [setting(), repaired, forked] {
        assert_eq!(read_again(&[stored("m", Role::System, Some(4), chunk)]), []);
    }
    let hidden = Chunk::Text { text: "psst".into() };
    assert_eq!(read_again(&[stored("m", Role::Assistant, None, hidden)]), []);
    let known: Chunk = serde_json::from_str(r#"{"type":"turn-sealed"}"#).unwrap();
    assert_eq!(read_again(&[stored("m", Role::Assistant, Some(4), known)]), []);
}
