//! What viewers see is durable, stands where the log has it, and costs few writes.

use std::sync::Arc;

use transom_agent::event::{AgentEvent, AgentEventKind};
use transom_agent::message::Chunk;
use transom_agent::provider::{FailureClass, FinishReason};
use transom_agent::queue::Steering;
use transom_agent::tool::ToolOutput;
use transom_plugin_api::{CallError, Maybe};

use crate::edges::fake::scene::{Scene, eventually, scene, until};
use crate::edges::fake::{Beat, calls, fails, finishes, says, thinks, uses};
use crate::hub::Viewer;

/// All frames to the end. Each stands behind the one before, and is durable when it is seen, unless it says that it may be
/// taken back.
async fn watched(scene: &Scene, viewer: &Viewer) -> Vec<AgentEvent> {
    let mut frames: Vec<AgentEvent> = Vec::new();
    while let Some(frame) = viewer.next().await {
        let frame = frame.unwrap().event().clone();
        let at = frame.at;
        if !at.volatile {
            let store = scene.world.store.lock().unwrap();
            assert!(store.logs["c"].is_durable(at.position), "{frame:?}");
        }
        if let Some(before) = frames.last() {
            assert!(
                (at.position, at.offset) > (before.at.position, before.at.offset),
                "{before:?} {frame:?}"
            );
            assert!(at.position <= before.at.position + 1, "{before:?} {frame:?}");
        }
        frames.push(frame);
    }
    frames
}

/// The log has each frame where it was shown.
fn logged(scene: &Scene, frames: &[AgentEvent]) {
    let log = scene.world.log();
    for frame in frames {
        let at = frame.at.position;
        let chunk = log.iter().find(|stored| stored.position == Maybe::Some(at)).map(|stored| &stored.chunk);
        let fits = match (&frame.what, chunk) {
            (AgentEventKind::TurnSealed {}, None) => true,
            (AgentEventKind::TextDelta { delta }, Some(Chunk::Text { text }))
            | (AgentEventKind::ReasoningDelta { delta }, Some(Chunk::Thinking { text, .. })) => {
                text[usize::try_from(frame.at.offset).unwrap()..].starts_with(delta.as_str())
            }
            (
                AgentEventKind::UserMessage { text: told } | AgentEventKind::Steering { text: told },
                Some(Chunk::Text { text }),
            ) => told == text,
            (AgentEventKind::Done { reason, .. }, Some(Chunk::TurnEnd { record })) => {
                *reason == record.reason
            }
            (frame, Some(chunk)) => crate::shown::frame::of(chunk.clone()).as_ref() == Some(frame),
            (_, None) => false,
        };
        assert!(fits, "{frame:?} {chunk:?}");
    }
}

async fn check(scene: &Scene) -> Vec<AgentEvent> {
    let viewer = scene.start("hi").await;
    let frames = watched(scene, &viewer).await;
    logged(scene, &frames);
    frames
}

fn tool(scene: &Scene) {
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("ran")) });
}

#[tokio::test]
async fn a_plain_turn_is_two_appends_and_no_draft() {
    let scene = scene();
    scene.world.script([thinks("hm"), says("hel"), says("lo"), uses(1, 2), finishes(FinishReason::Stop)]);
    let frames = check(&scene).await;
    assert_eq!(
        (scene.world.count("append"), scene.world.count("draft"), scene.world.count("update")),
        (2, 0, 0)
    );
    let places: Vec<_> = frames.iter().map(|frame| (frame.at.position, frame.at.offset)).collect();
    assert_eq!(places, [(1, 0), (2, 0), (3, 0), (4, 0), (4, 3), (5, 0), (6, 0), (7, 0), (8, 0)]);
    assert_eq!(scene.world.conversation().unwrap().latest_position, 8);
}

#[tokio::test]
async fn a_turn_with_one_call_is_four_writes() {
    let scene = scene();
    tool(&scene);
    scene.world.script([says("a"), calls("1", "x", "{}"), uses(1, 2), finishes(FinishReason::ToolCalls)]);
    scene.world.script([says("b"), finishes(FinishReason::Stop)]);
    check(&scene).await;
    assert_eq!((scene.world.count("append"), scene.world.count("draft")), (3, 1));
    assert!(scene.world.store.lock().unwrap().logs["c"].drafts.is_empty());
}

#[tokio::test]
async fn every_kind_of_turn_shows_only_what_is_durable_where_the_log_has_it() {
    let failing = [thinks("hm"), says("a"), calls("1", "x", "{}"), says("b"), fails(FailureClass::Network)];
    let calling = [
        calls("1", "x", "1"),
        says("a"),
        calls("2", "x", "2"),
        calls("3", "rm", "3"),
        finishes(FinishReason::ToolCalls),
    ];
    let slow = [
        says("a"),
        Beat::Tick(300),
        says("b"),
        calls("1", "x", "{}"),
        Beat::Tick(300),
        says("c"),
        Beat::Tick(300),
        says("d"),
        finishes(FinishReason::ToolCalls),
    ];
    let breaking = [says("a"), Beat::Tick(300), Beat::Panic];
    for script in [Vec::from(failing), Vec::from(calling), Vec::from(slow), Vec::from(breaking)] {
        let scene = scene();
        tool(&scene);
        scene.world.script([fails(FailureClass::Overloaded)]);
        scene.world.script(script);
        scene.world.script([says("done"), finishes(FinishReason::Stop)]);
        let steering = Steering { message_id: "s".into(), text: "and hurry".into() };
        scene.world.steering.lock().unwrap().push_back(steering);
        check(&scene).await;
    }
}

#[tokio::test]
async fn a_second_turn_goes_on_where_the_first_has_ended() {
    let scene = scene();
    for _ in 0..2 {
        scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    }
    let first = check(&scene).await;
    let second = check(&scene).await;
    assert_eq!(second[0].at.position, first.last().unwrap().at.position + 1);
}

#[tokio::test]
async fn nothing_whole_is_shown_while_the_store_writes() {
    let scene = scene();
    tool(&scene);
    scene.world.script([says("a"), calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    scene.world.hold_the_store(true);
    until(&viewer, |frame| matches!(frame, AgentEventKind::TextDelta { .. })).await;
    eventually(|| scene.world.count("draft") > 0).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let waiting = tokio::select! {
        biased;
        frame = viewer.next() => panic!("{frame:?}"),
        () = std::future::ready(()) => scene.world.ran.lock().unwrap().is_empty(),
    };
    assert!(waiting, "no tool runs before its call is durable");
    scene.world.hold_the_store(false);
    logged(&scene, &watched(&scene, &viewer).await);
}

#[tokio::test]
async fn what_was_said_is_drafted_by_time_and_by_size() {
    let scene = scene();
    let long = "x".repeat(2048);
    scene.world.script([
        says("a"),
        Beat::Tick(249),
        says("b"),
        Beat::Tick(1),
        says("c"),
        Beat::Tick(1),
        Beat::Hang,
    ]);
    let viewer = scene.start("hi").await;
    until(&viewer, |frame| matches!(frame, AgentEventKind::TextDelta { delta } if delta == "c")).await;
    eventually(|| !scene.world.drafts.lock().unwrap().is_empty()).await;
    let kept: Vec<_> = scene.world.drafts.lock().unwrap()[0].pieces.to_vec();
    assert_eq!((kept[0].position, kept[0].offset), (3, 0));
    assert!(matches!(&kept[0].chunk, Chunk::Text { text } if text.starts_with("ab")), "{kept:?}");
    scene.stop();
    watched(&scene, &viewer).await;
    let events = (0..20).flat_map(|_| [says(&long), says("y")]);
    scene.world.script(events.chain([finishes(FinishReason::Stop)]));
    let before = scene.world.drafts.lock().unwrap().len();
    check(&scene).await;
    assert!(scene.world.drafts.lock().unwrap().len() - before > 2);
}

#[tokio::test]
async fn pieces_that_were_drafted_make_up_what_was_said() {
    let scene = scene();
    let events = (0..200).map(|number| says(&format!("{number} ").repeat(40)));
    scene.world.script(events.chain([Beat::Hang]));
    let viewer = scene.start("hi").await;
    until(&viewer, |frame| matches!(frame, AgentEventKind::TextDelta { delta } if delta.starts_with("199")))
        .await;
    scene.world.clock.pass(1000);
    let expected: String = (0..200).map(|number| format!("{number} ").repeat(40)).collect();
    let drafted = || {
        let store = scene.world.store.lock().unwrap();
        let mut said = String::new();
        for piece in &store.logs["c"].drafts {
            assert_eq!(piece.offset, said.len() as u64);
            let Chunk::Text { text } = &piece.chunk else { panic!("{piece:?}") };
            said.push_str(text);
        }
        said
    };
    while drafted() != expected {
        scene.world.clock.pass(250);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_draft_that_fails_is_made_again_and_ends_nothing() {
    let scene = scene();
    scene.world.draft_outcomes.lock().unwrap().extend([(); 3].map(|()| Err(CallError::unavailable("busy"))));
    let said = (0..8).flat_map(|_| [says("word "), Beat::Tick(300)]);
    scene.world.script(said.chain([finishes(FinishReason::Stop)]));
    let frames = check(&scene).await;
    assert!(scene.world.count("draft") > 3);
    assert!(matches!(frames[frames.len() - 2].what, AgentEventKind::Done { .. }));
    assert!(frames.iter().all(|frame| !matches!(frame.what, AgentEventKind::Error { .. })));
}

#[tokio::test]
async fn calls_that_cannot_be_kept_do_not_run() {
    let scene = scene();
    tool(&scene);
    scene.world.draft_outcomes.lock().unwrap().extend([(); 3].map(|()| Err(CallError::unavailable("full"))));
    scene.world.script([calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    let frames = check(&scene).await;
    assert!(scene.world.ran.lock().unwrap().is_empty());
    assert!(frames.iter().any(|frame| matches!(&frame.what, AgentEventKind::Error { .. })));
}

#[tokio::test]
async fn a_slow_store_does_not_slow_the_stream() {
    let scene = scene();
    let world = Arc::clone(&scene.world);
    let said = (0..100).flat_map(|number| [says(&format!("{number} ")), Beat::Tick(300)]);
    scene.world.script(said.chain([Beat::Hang]));
    let viewer = scene.start("hi").await;
    world.hold_the_store(true);
    until(&viewer, |frame| matches!(frame, AgentEventKind::TextDelta { delta } if delta == "99 ")).await;
    assert_eq!(world.count("draft"), 1, "at most one is under way");
}
