//! Ends that are hard to store: each turn ends once, and is said to have ended when that is durable.

use std::sync::Arc;

use transom_agent::conversation::Status;
use transom_agent::event::AgentEventKind;
use transom_agent::log::Repair;
use transom_agent::message::Chunk;
use transom_agent::provider::FinishReason;
use transom_agent::tool::ToolOutput;
use transom_agent::turn::EndReason;
use transom_plugin_api::{CallError, CallErrorKind};

use crate::edges::fake::scene::{Scene, eventually, rest, scene, types, until};
use crate::edges::fake::{Boxed, calls, finishes, says};
use crate::handed::Handed;
use crate::hub::Viewer;

fn full() -> Result<(), CallError> {
    Err(CallError::unavailable("disk full"))
}

fn unclear() -> Result<(), CallError> {
    Err(CallError::new(CallErrorKind::Deadline, "too slow"))
}

fn is_error(frame: &AgentEventKind) -> bool {
    matches!(frame, AgentEventKind::Error { .. })
}

/// A turn whose end is not stored yet, up to where its viewers are told; time stands still.
async fn stuck(scene: &Scene) -> Viewer {
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    scene.world.append_outcomes.lock().unwrap().extend((0..100).map(|_| full()));
    until(&viewer, |frame| matches!(frame, AgentEventKind::TextDelta { .. })).await;
    scene.world.clock.stand_still();
    let mut told = Box::pin(until(&viewer, is_error));
    let frames = loop {
        tokio::select! {
            biased;
            frames = &mut told => break frames,
            () = tokio::task::yield_now() => scene.world.clock.pass(200),
        }
    };
    let [AgentEventKind::Error { code, .. }] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(code.as_deref(), Some("storage"));
    drop(told);
    viewer
}

#[tokio::test]
async fn an_end_that_cannot_be_stored_holds_the_conversation_and_is_told_when_it_is_durable() {
    let scene = scene();
    let viewer = stuck(&scene).await;
    assert_eq!(scene.try_start("more").await.unwrap_err().kind, CallErrorKind::Conflict);
    assert!(scene.world.settled.lock().unwrap().is_empty());
    scene.world.append_outcomes.lock().unwrap().clear();
    scene.world.clock.pass(60_000);
    assert_eq!(types(&rest(&viewer).await), ["step-complete", "done", "turn-sealed"]);
    assert_eq!(scene.world.settled.lock().unwrap()[0].record.reason, EndReason::Stop);
    assert_eq!((scene.world.records().len(), scene.world.status()), (1, Some(Status::Idle)));
}

#[tokio::test]
async fn what_is_told_of_a_store_that_fails_moves_no_cursor() {
    let scene = scene();
    scene.world.script([says("abc"), finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    scene.world.append_outcomes.lock().unwrap().extend([full(), full(), full()]);
    let mut cursors = Vec::new();
    while let Some(frame) = viewer.next().await {
        let frame = frame.unwrap();
        let event = frame.event();
        cursors.push((is_error(&event.what), event.at.volatile, event.cursor().unwrap()));
    }
    let told = cursors.iter().position(|(is_error, ..)| *is_error).unwrap();
    assert!(cursors[told].1);
    assert_eq!(cursors[told].2, cursors[told - 1].2);
    assert_eq!(cursors[told + 1].2.position, cursors[told].2.position + 1);
}

#[tokio::test]
async fn a_host_that_stops_meanwhile_leaves_the_end_to_the_next_one() {
    let scene = scene();
    let viewer = stuck(&scene).await;
    scene.orchestrator.shut_down().await;
    assert!(rest(&viewer).await.iter().all(|frame| !matches!(frame, AgentEventKind::Done { .. })));
    assert!(scene.world.settled.lock().unwrap().is_empty());
    assert!(scene.world.conversation().unwrap().turn.is_some());
    scene.world.append_outcomes.lock().unwrap().clear();
    let next = Scene::in_world(Arc::clone(&scene.world), "{}");
    next.begin(Handed::default()).await;
    next.world.script([finishes(FinishReason::Stop)]);
    next.turn("again").await;
    let reasons: Vec<_> = next.world.records().into_iter().map(|record| record.reason).collect();
    assert_eq!(reasons, [EndReason::Lost, EndReason::Stop]);
}

#[tokio::test]
async fn a_reload_is_refused_while_an_end_cannot_be_stored() {
    let scene = scene();
    let viewer = stuck(&scene).await;
    let refused = scene.orchestrator.hand_over().await.unwrap_err();
    assert!(refused.message.contains("cannot be stored yet"), "{refused}");
    scene.world.append_outcomes.lock().unwrap().clear();
    scene.world.clock.pass(60_000);
    rest(&viewer).await;
    assert!(scene.orchestrator.hand_over().await.unwrap().turns.is_empty());
}

#[tokio::test]
async fn an_end_whose_answer_is_lost_is_stored_and_told_once() {
    let scene = scene();
    scene.world.lost_answers.lock().unwrap().extend([Ok(()), unclear(), unclear()]);
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    let frames = scene.turn("hi").await;
    assert_eq!(types(&frames)[3..], ["step-complete", "done", "turn-sealed"]);
    assert_eq!((scene.world.records().len(), scene.world.settled.lock().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_turn_that_was_ended_by_somebody_else_frees_its_conversation_and_says_nothing() {
    let scene = scene();
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    scene.world.store.lock().unwrap().repair(&Repair::default(), 0);
    let mut last = None;
    while let Some(frame) = viewer.next().await {
        last = Some(frame.map(|frame| frame.event().what.clone()));
    }
    assert_eq!(last.unwrap().unwrap_err().kind, CallErrorKind::Retired);
    assert!(scene.world.settled.lock().unwrap().is_empty());
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("again").await;
    assert_eq!(scene.world.records().len(), 2);
}

#[tokio::test]
async fn a_beginning_that_may_have_been_stored_is_ended_before_another_turn_begins() {
    for stored in [true, false] {
        let scene = scene();
        let outcomes = if stored { &scene.world.lost_answers } else { &scene.world.append_outcomes };
        outcomes.lock().unwrap().extend([unclear(), unclear(), unclear()]);
        assert_eq!(scene.try_start("hi").await.unwrap_err().kind, CallErrorKind::Deadline);
        eventually(|| !scene.orchestrator.stop_running("c")).await;
        scene.world.script([finishes(FinishReason::Stop)]);
        scene.turn("again").await;
        let reasons: Vec<_> = scene.world.records().into_iter().map(|record| record.reason).collect();
        let expected = [EndReason::Aborted, EndReason::Stop];
        assert_eq!(reasons, expected[usize::from(!stored)..]);
        assert!(scene.world.settled.lock().unwrap().len() == 1, "of the first nobody was told");
    }
}

#[tokio::test]
async fn a_panic_in_a_tool_answers_the_call_and_ends_the_turn() {
    let scene = scene();
    scene.world.tool("x", true, |_| async { panic!("the tool panicked") });
    scene.world.script([calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    let frames = scene.turn("hi").await;
    assert_eq!(
        types(&frames)[2..],
        ["tool-call", "step-complete", "tool-result", "error", "done", "turn-sealed"]
    );
    assert_eq!(scene.world.records()[0].reason, EndReason::Error);
    assert_eq!(scene.world.records()[0].error_class.as_deref(), Some("internal"));
}

#[tokio::test]
async fn a_panic_in_a_filter_over_calls_ends_the_turn_and_nothing_runs() {
    let scene = scene();
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("ran")) });
    let panics = |_| -> Boxed<_> { Box::pin(async { panic!("the filter panicked") }) };
    *scene.world.gate.lock().unwrap() = Some(Box::new(panics));
    scene.world.script([calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.turn("hi").await;
    assert!(scene.world.ran.lock().unwrap().is_empty());
    assert_eq!(scene.world.records()[0].reason, EndReason::Error);
    let answered =
        scene.world.log().iter().filter(|stored| matches!(stored.chunk, Chunk::ToolResult { .. })).count();
    assert_eq!(answered, 1);
}
