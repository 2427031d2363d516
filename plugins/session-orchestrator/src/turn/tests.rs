//! Every way out of a turn.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use transom_agent::conversation::Status;
use transom_agent::event::AgentEventKind;
use transom_agent::message::{Chunk, Role};
use transom_agent::provider::{FailureClass, FinishReason, ProviderEvent};
use transom_agent::tool::ToolOutput;
use transom_agent::turn::EndReason;
use transom_plugin_api::{CallError, CallErrorKind};

use crate::edges::fake::scene::{Scene, rest, scene, scene_with, types, until};
use crate::edges::fake::{Beat, calls, fails, finishes, says, thinks, uses};
use crate::handed::Handed;

fn is_text(frame: &AgentEventKind) -> bool {
    matches!(frame, AgentEventKind::TextDelta { .. })
}

/// The turn has ended once, for `reason`, in frames, record and event alike, and left the conversation idle.
fn ended(scene: &Scene, frames: &[AgentEventKind], reason: EndReason) {
    let [.., AgentEventKind::Done { reason: told, .. }, AgentEventKind::TurnSealed {}] = frames else {
        panic!("{:?}", types(frames));
    };
    let ends = frames.iter().filter(|frame| matches!(frame, AgentEventKind::Done { .. })).count();
    let records = scene.world.records();
    let settled = scene.world.settled.lock().unwrap();
    assert_eq!((ends, records.len(), settled.len()), (1, 1, 1));
    assert_eq!([told, &records[0].reason, &settled[0].record.reason], [&reason; 3]);
    assert_eq!(settled[0].record, records[0]);
    assert_eq!(scene.world.status(), Some(Status::Idle));
}

/// The stored messages as `role: words`.
fn stored(scene: &Scene) -> Vec<String> {
    let stored = scene.world.stored();
    let lines = stored.iter().map(|message| {
        let words = message.chunks.iter().map(|chunk| match chunk {
            Chunk::Text { text } => text.to_string(),
            Chunk::Thinking { text, .. } => format!("({text})"),
            Chunk::ToolCall { tool_call_id, .. } => format!("call {tool_call_id}"),
            Chunk::ToolResult { tool_call_id, content, .. } => format!("{tool_call_id} gave {content}"),
            Chunk::Error { code, .. } => format!("error {}", code.as_deref().unwrap_or_default()),
            Chunk::Unknown(unknown) => format!("unknown {}", unknown.content()),
            fact => panic!("{fact:?}"),
        });
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        format!("{role}: {}", words.collect::<Vec<_>>().join(", "))
    });
    lines.collect()
}

#[tokio::test]
async fn a_plain_answer_is_shown_stored_and_told() {
    let scene = scene();
    scene.world.script([
        Beat::Tick(30),
        thinks("hm"),
        says("he"),
        says("llo"),
        Beat::Tick(20),
        uses(10, 5),
        finishes(FinishReason::Stop),
    ]);
    let frames = scene.turn("hi").await;
    assert_eq!(
        types(&frames),
        [
            "user-message",
            "turn-start",
            "reasoning-delta",
            "text-delta",
            "text-delta",
            "usage",
            "step-complete",
            "done",
            "turn-sealed"
        ]
    );
    ended(&scene, &frames, EndReason::Stop);
    assert_eq!(stored(&scene), ["user: hi", "assistant: (hm), hello"]);
    let settled = scene.world.settled.lock().unwrap();
    assert_eq!(settled[0].answer, "hello");
    assert_eq!((settled[0].record.steps, settled[0].record.duration_ms), (1, 50));
    let AgentEventKind::Done { context_size, duration_ms, .. } = &frames[7] else { panic!() };
    assert_eq!((context_size.into_option(), *duration_ms), (Some(15), 50));
    assert_eq!(scene.world.started.lock().unwrap()[0].model, "a/one");
}

#[tokio::test]
async fn what_only_a_later_revision_knows_reaches_viewers_the_log_and_the_next_request_unchanged() {
    let document = r#"{"type":"citation","b":[1,null],"a":-7}"#;
    let citation: ProviderEvent = serde_json::from_str(document).unwrap();
    let scene = scene();
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("")) });
    scene.world.script([Beat::Event(citation), calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    let mut shown = Vec::new();
    while let Some(frame) = viewer.next().await {
        shown.push(frame.unwrap().json().as_str().to_owned());
    }
    assert!(shown.iter().any(|frame| frame.ends_with(&document[1..])), "{shown:?}");
    assert_eq!(stored(&scene)[1], format!("assistant: unknown {document}, call 1"));
    let requests = scene.world.requests.lock().unwrap();
    let chunk = &requests[1].messages[1].chunks[0];
    assert_eq!(serde_json::to_string(chunk).unwrap(), document);
}

#[tokio::test]
async fn the_first_request_holds_the_filtered_prompt_the_sorted_tools_and_the_message() {
    let scene = scene_with(r#"{"system_prompt":"be kind"}"#);
    for tool in ["b", "a"] {
        scene.world.tool(tool, true, |_| async { Ok(ToolOutput::ok("")) });
    }
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    let requests = scene.world.requests.lock().unwrap();
    assert_eq!(requests[0].model, "one");
    assert_eq!(requests[0].system_prompt.as_deref(), Some("be kind\n\nfiltered"));
    let tools: Vec<_> = requests[0].tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(tools, ["a", "b"]);
    assert_eq!(requests[0].messages.len(), 1);
}

#[tokio::test]
async fn a_stop_in_mid_text_keeps_the_text_and_drops_the_stream_at_once() {
    let scene = scene();
    scene.world.script([says("he"), calls("1", "x", "{}"), Beat::Hang]);
    let viewer = scene.start("hi").await;
    let mut frames = until(&viewer, is_text).await;
    assert_eq!(scene.world.streams_dropped.load(Ordering::SeqCst), 0);
    assert!(scene.stop());
    frames.extend(rest(&viewer).await);
    assert_eq!(scene.world.streams_dropped.load(Ordering::SeqCst), 1);
    ended(&scene, &frames, EndReason::Aborted);
    assert_eq!(stored(&scene), ["user: hi", "assistant: he"]);
}

#[tokio::test]
async fn a_call_that_was_seen_before_a_stop_is_answered() {
    let scene = scene();
    scene.world.script([says("he"), calls("1", "x", "{}"), Beat::Tick(250), Beat::Hang]);
    let viewer = scene.start("hi").await;
    let mut frames = until(&viewer, |frame| matches!(frame, AgentEventKind::ToolCall { .. })).await;
    assert!(scene.stop());
    frames.extend(rest(&viewer).await);
    ended(&scene, &frames, EndReason::Aborted);
    let result = "tool: 1 gave the turn ended before this could run";
    assert_eq!(stored(&scene), ["user: hi", "assistant: he, call 1", result]);
}

#[tokio::test]
async fn a_model_that_never_answers_can_be_stopped() {
    let scene = scene();
    scene.world.script([Beat::Hang]);
    let viewer = scene.start("hi").await;
    until(&viewer, |frame| matches!(frame, AgentEventKind::TurnStart { .. })).await;
    assert!(scene.stop());
    ended(&scene, &rest(&viewer).await, EndReason::Aborted);
    assert_eq!(stored(&scene), ["user: hi"]);
    assert!(!scene.stop());
}

#[tokio::test]
async fn a_model_that_never_pauses_can_be_stopped_on_a_host_with_one_thread() {
    let scene = scene();
    scene.world.script([Beat::Flood("la ")]);
    let viewer = scene.start("hi").await;
    let mut frames = until(&viewer, is_text).await;
    assert!(scene.stop());
    frames.extend(rest(&viewer).await);
    ended(&scene, &frames, EndReason::Aborted);
}

#[tokio::test]
async fn a_stop_before_the_first_request_asks_no_model() {
    let scene = scene();
    let mut start = Box::pin(scene.try_start("hi"));
    tokio::select! {
        biased;
        _ = &mut start => panic!("the store takes a while"),
        () = std::future::ready(()) => assert!(scene.stop()),
    }
    let (_, viewer) = start.await.unwrap();
    ended(&scene, &rest(&viewer).await, EndReason::Aborted);
    assert!(scene.world.requests.lock().unwrap().is_empty());
    assert_eq!(stored(&scene), ["user: hi"]);
}

#[tokio::test]
async fn a_failure_of_the_provider_ends_the_turn_even_after_tool_calls_and_no_tool_runs() {
    let scene = scene();
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("ran")) });
    scene.world.script([says("well"), calls("1", "x", "{}"), fails(FailureClass::Overloaded)]);
    let frames = scene.turn("hi").await;
    ended(&scene, &frames, EndReason::Error);
    assert!(scene.world.ran.lock().unwrap().is_empty());
    assert_eq!(stored(&scene), ["user: hi", "assistant: well, error overloaded"]);
    assert!(types(&frames).contains(&"error".to_owned()));
}

#[tokio::test]
async fn a_stream_that_breaks_or_ends_in_the_middle_or_cannot_be_opened_is_a_failure() {
    for (script, code) in [
        (Some(vec![says("a")]), "protocol"),
        (Some(vec![says("a"), Beat::Broken(CallError::new(CallErrorKind::Retired, "gone"))]), "retired"),
        (None, "unavailable"),
    ] {
        let scene = scene();
        let said = script.is_some();
        scene.world.script.lock().unwrap().extend(script);
        ended(&scene, &scene.turn("hi").await, EndReason::Error);
        let said = if said { "a, " } else { "" };
        assert_eq!(stored(&scene), ["user: hi".to_owned(), format!("assistant: {said}error {code}")]);
    }
}

#[tokio::test]
async fn a_panic_in_the_turn_ends_it_like_any_other_failure() {
    let scene = scene();
    scene.world.script([says("half"), Beat::Panic]);
    let frames = scene.turn("hi").await;
    ended(&scene, &frames, EndReason::Error);
    assert_eq!(stored(&scene), ["user: hi", "assistant: half, error internal"]);
    let told = serde_json::to_string(&frames).unwrap();
    assert!(!told.contains("panicked"), "the inside of a panic is for the log: {told}");
}

#[tokio::test]
async fn what_the_provider_says_of_the_end_is_the_reason() {
    for (finish, reason) in [
        (FinishReason::Stop, EndReason::Stop),
        (FinishReason::Length, EndReason::Length),
        (FinishReason::ContentFilter, EndReason::ContentFilter),
        (FinishReason::ToolCalls, EndReason::Stop),
    ] {
        let scene = scene();
        scene.world.script([says("a"), finishes(finish)]);
        ended(&scene, &scene.turn("hi").await, reason);
    }
}

#[tokio::test]
async fn nothing_is_read_behind_the_end_of_an_answer() {
    let scene = scene();
    scene.world.script([says("a"), finishes(FinishReason::Stop), Beat::Hang]);
    ended(&scene, &scene.turn("hi").await, EndReason::Stop);
}

#[tokio::test]
async fn a_history_that_cannot_be_read_ends_the_turn() {
    let first = scene();
    first.world.script([says("a"), finishes(FinishReason::Stop)]);
    first.turn("hi").await;
    // One that knows nothing of the conversation yet has to read it.
    let scene = Scene::in_world(Arc::clone(&first.world), "{}");
    scene.begin(Handed::default()).await;
    *scene.world.history_fails.lock().unwrap() = Some(CallError::unavailable("disk"));
    scene.turn("and").await;
    assert_eq!(scene.world.records().last().unwrap().error_class.as_deref(), Some("storage"));
    assert_eq!(stored(&scene).last().unwrap(), "assistant: error storage");
}

#[tokio::test]
async fn a_busy_store_is_asked_again() {
    let scene = scene();
    let busy = || Err(CallError::unavailable("busy"));
    scene.world.append_outcomes.lock().unwrap().extend([Ok(()), busy(), busy(), Ok(())]);
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    ended(&scene, &scene.turn("hi").await, EndReason::Stop);
    assert_eq!(scene.world.clock.slept.lock().unwrap().len(), 2);
    assert_eq!(stored(&scene), ["user: hi", "assistant: a"]);
}

#[tokio::test]
async fn a_step_that_cannot_be_stored_ends_the_turn_and_comes_with_its_last_entry() {
    let scene = scene();
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("ran")) });
    let full = || Err(CallError::unavailable("disk full"));
    scene.world.append_outcomes.lock().unwrap().extend([Ok(()), full(), full(), full(), Ok(())]);
    scene.world.script([calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    ended(&scene, &scene.turn("hi").await, EndReason::Error);
    assert_eq!(
        stored(&scene),
        ["user: hi", "assistant: call 1", "tool: 1 gave ran", "assistant: error storage"]
    );
}

#[tokio::test]
async fn a_stop_behind_the_last_word_does_not_change_how_the_turn_ended() {
    let scene = scene();
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    let mut frames = until(&viewer, |frame| matches!(frame, AgentEventKind::StepComplete { .. })).await;
    scene.stop();
    frames.extend(rest(&viewer).await);
    ended(&scene, &frames, EndReason::Stop);
    assert!(frames.iter().any(is_text));
}
