//! Steps, tokens and time that a turn may use.

use transom_agent::event::AgentEventKind;
use transom_agent::message::Role;
use transom_agent::provider::FinishReason;
use transom_agent::tool::ToolOutput;
use transom_agent::turn::EndReason;

use crate::edges::fake::scene::{Scene, rest, scene_with, types, until};
use crate::edges::fake::{Beat, calls, finishes, says, uses};

fn with_tool(settings: &str) -> Scene {
    let scene = scene_with(settings);
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("ran")) });
    scene
}

fn asks(scene: &Scene, id: &str) {
    scene.world.script([calls(id, "x", "{}"), uses(10, 0), finishes(FinishReason::ToolCalls)]);
}

/// The last request had no tools and one line behind everything that the one before had.
fn was_graceful(scene: &Scene, requests: usize) {
    let made = scene.world.requests.lock().unwrap();
    assert_eq!(made.len(), requests);
    let [.., before, last] = &made[..] else { panic!() };
    assert_eq!((before.no_calls, last.no_calls, &before.tools), (false, true, &last.tools));
    assert!(!last.tools.is_empty());
    assert_eq!(before.messages[..], last.messages[..before.messages.len()]);
    assert_eq!(last.messages.last().unwrap().role, Role::System);
}

#[tokio::test]
async fn before_its_last_step_the_model_is_told_and_gets_no_tools() {
    let scene = with_tool(r#"{"max_steps":3}"#);
    asks(&scene, "1");
    asks(&scene, "2");
    scene.world.script([says("so far"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    was_graceful(&scene, 3);
    assert_eq!((&scene.world.records()[0].reason, scene.world.records()[0].steps), (&EndReason::MaxSteps, 3));
    let stored = scene.world.stored();
    assert!(stored.iter().all(|message| message.role != Role::System), "the line is not stored");
}

#[tokio::test]
async fn calls_of_the_last_step_are_answered_and_do_not_run() {
    let scene = with_tool(r#"{"max_steps":2}"#);
    asks(&scene, "1");
    asks(&scene, "2");
    let frames = scene.turn("hi").await;
    assert_eq!(scene.world.ran.lock().unwrap().len(), 1);
    assert_eq!(scene.world.records()[0].reason, EndReason::MaxSteps);
    let answered = frames.iter().filter(|frame| matches!(frame, AgentEventKind::ToolResult { .. })).count();
    assert_eq!(answered, 2);
}

#[tokio::test]
async fn a_turn_that_ends_by_itself_before_the_limit_is_not_cut_short() {
    let scene = with_tool(r#"{"max_steps":3}"#);
    asks(&scene, "1");
    scene.world.script([says("done"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    assert_eq!(scene.world.records()[0].reason, EndReason::Stop);
    assert!(!scene.world.requests.lock().unwrap()[1].no_calls);
}

#[tokio::test]
async fn the_only_step_that_is_allowed_has_its_tools() {
    let scene = with_tool(r#"{"max_steps":1}"#);
    asks(&scene, "1");
    scene.turn("hi").await;
    assert_eq!(scene.world.ran.lock().unwrap().len(), 1);
    assert_eq!(scene.world.records()[0].reason, EndReason::MaxSteps);
}

#[tokio::test]
async fn a_turn_that_has_used_up_its_tokens_comes_to_an_end_with_one_more_request() {
    let scene = with_tool(r#"{"turn_token_budget":20}"#);
    asks(&scene, "1");
    asks(&scene, "2");
    scene.world.script([says("so far"), finishes(FinishReason::Stop)]);
    let frames = scene.turn("hi").await;
    was_graceful(&scene, 3);
    let record = &scene.world.records()[0];
    assert_eq!((&record.reason, record.error_class.as_deref()), (&EndReason::Error, Some("budget")));
    assert_eq!(types(&frames)[types(&frames).len() - 4..], ["step-complete", "error", "done", "turn-sealed"]);
}

#[tokio::test]
async fn a_turn_whose_time_is_over_ends_with_what_was_said() {
    let scene = scene_with(r#"{"turn_timeout_s":60}"#);
    scene.world.clock.stand_still();
    scene.world.script([says("a"), Beat::Hang]);
    let viewer = scene.start("hi").await;
    until(&viewer, |frame| matches!(frame, AgentEventKind::TextDelta { .. })).await;
    scene.world.clock.pass(60_000);
    let frames = rest(&viewer).await;
    assert_eq!(types(&frames), ["error", "step-complete", "done", "turn-sealed"]);
    let record = &scene.world.records()[0];
    assert_eq!((&record.reason, record.error_class.as_deref()), (&EndReason::Error, Some("timeout")));
    assert_eq!(scene.world.settled.lock().unwrap()[0].answer, "a");
}
