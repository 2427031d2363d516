//! What a person says while the turn runs.

use transom_agent::event::AgentEventKind;
use transom_agent::message::{Chunk, Role};
use transom_agent::provider::FinishReason;
use transom_agent::queue::Steering;
use transom_agent::tool::ToolOutput;
use transom_agent::turn::{EndReason, TurnInput};
use transom_plugin_api::{CallError, CallErrorKind};

use crate::edges::fake::scene::{Scene, scene, types};
use crate::edges::fake::{boxed, calls, finishes, says};

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
    let log = scene.world.log();
    assert!(log.iter().any(|stored| matches!(stored.chunk, Chunk::Error { .. })));
    let mut positions: Vec<_> = log.iter().filter_map(|stored| stored.position.into_option()).collect();
    positions.sort_unstable();
    let behind = i64::try_from(positions.len()).unwrap();
    assert_eq!(positions, (1..=behind).collect::<Vec<_>>(), "viewers find no gap");
}

#[tokio::test]
async fn what_was_said_meanwhile_is_judged_and_changed_like_the_message_of_a_new_turn() {
    let scene = scene();
    two_steps(&scene);
    waiting(&scene, "s1");
    let louder = |input: TurnInput| boxed(Ok(TurnInput { text: input.text.to_uppercase().into(), ..input }));
    *scene.world.input_filter.lock().unwrap() = Some(Box::new(louder));
    let frames = scene.turn("hi").await;
    assert!(matches!(&frames[5], AgentEventKind::Steering { text } if text == "AND HURRY"), "{frames:?}");
    let requests = scene.world.requests.lock().unwrap();
    let told = &requests[1].messages.last().unwrap().chunks[0];
    assert_eq!(*told, Chunk::Text { text: "AND HURRY".into() });
}

#[tokio::test]
async fn what_was_said_meanwhile_and_is_refused_stays_with_the_queue_and_the_turn_goes_on() {
    let scene = scene();
    two_steps(&scene);
    waiting(&scene, "s1");
    let refuse = |input: TurnInput| {
        let is_steering = input.text == "and hurry";
        boxed(if is_steering { Err(CallError::new(CallErrorKind::Refused, "no haste")) } else { Ok(input) })
    };
    *scene.world.input_filter.lock().unwrap() = Some(Box::new(refuse));
    let frames = scene.turn("hi").await;
    let refused = |what: &AgentEventKind| {
        matches!(what, AgentEventKind::Error { message, code }
            if message.ends_with("no haste") && code.as_deref() == Some("refused"))
    };
    assert_eq!(frames.iter().filter(|what| refused(what)).count(), 1, "{frames:?}");
    assert_eq!(scene.world.records()[0].reason, EndReason::Stop);
    assert_eq!(scene.world.requests.lock().unwrap().len(), 2);
    assert!(scene.world.delivered.lock().unwrap().is_empty());
    assert_eq!(scene.world.steering.lock().unwrap().len(), 1);
}
