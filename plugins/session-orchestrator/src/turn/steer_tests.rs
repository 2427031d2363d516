//! What a person says while the turn runs.

use transom_agent::event::AgentEventKind;
use transom_agent::message::{Chunk, Role};
use transom_agent::provider::FinishReason;
use transom_agent::queue::Steering;
use transom_agent::tool::ToolOutput;
use transom_plugin_api::CallError;

use crate::edges::fake::scene::{Scene, scene, types};
use crate::edges::fake::{calls, finishes, says};

fn waiting(scene: &Scene, id: &str) {
    let steering = Steering { message_id: id.into(), text: "and hurry".into() };
    scene.world.steering.lock().unwrap().push_back(steering);
}

fn two_steps(scene: &Scene) {
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("ran")) });
    scene.world.script([calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([says("done"), finishes(FinishReason::Stop)]);
}

#[tokio::test]
async fn what_was_said_meanwhile_stands_behind_the_results_and_reaches_the_next_request() {
    let scene = scene();
    two_steps(&scene);
    waiting(&scene, "s1");
    let frames = scene.turn("hi").await;
    assert_eq!(types(&frames)[4..6], ["tool-result", "steering"]);
    assert!(matches!(&frames[5], AgentEventKind::Steering { text } if text == "and hurry"));
    let requests = scene.world.requests.lock().unwrap();
    let last = requests[1].messages.last().unwrap();
    assert_eq!((last.id.as_str(), last.role), ("s1", Role::User));
    assert_eq!(scene.world.delivered.lock().unwrap()[..], ["s1"]);
    assert_eq!(scene.world.stored()[3], *last);
}

#[tokio::test]
async fn nothing_is_taken_where_no_step_follows() {
    let scene = scene();
    waiting(&scene, "s1");
    scene.world.script([says("done"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    assert!(scene.world.delivered.lock().unwrap().is_empty());
    assert_eq!(scene.world.steering.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_in_the_log_already_is_not_said_again() {
    let scene = scene();
    two_steps(&scene);
    waiting(&scene, "s1");
    scene.turn("hi").await;
    two_steps(&scene);
    waiting(&scene, "s1");
    scene.turn("again").await;
    let said = scene.world.log().iter().filter(|stored| stored.message_id == "s1").count();
    assert_eq!((said, scene.world.delivered.lock().unwrap().len()), (1, 2));
}

#[tokio::test]
async fn what_cannot_be_stored_ends_the_turn_and_is_not_delivered() {
    let scene = scene();
    two_steps(&scene);
    waiting(&scene, "s1");
    let full = || Err(CallError::unavailable("full"));
    scene.world.append_outcomes.lock().unwrap().extend([Ok(()), Ok(()), full(), full(), full()]);
    scene.turn("hi").await;
    assert!(scene.world.delivered.lock().unwrap().is_empty());
    let failed = scene.world.log().iter().any(|stored| matches!(stored.chunk, Chunk::Error { .. }));
    assert!(failed);
}
