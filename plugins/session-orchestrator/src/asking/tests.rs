//! What is told of requests, and the room they wait for.

use transom_agent::event::AgentEventKind;
use transom_agent::provider::{AnswerEnd, FailureClass, FinishReason, ModelAnswered, SlotState, purpose};
use transom_agent::tool::ToolOutput;
use transom_agent::turn::EndReason;
use transom_plugin_api::{CallError, CallErrorKind, Maybe};

use crate::edges::fake::scene::{Scene, eventually, scene, until};
use crate::edges::fake::{SlotBeat, calls, fails, finishes, says, uses};

fn granted() -> SlotBeat {
    SlotBeat::Say(Ok(SlotState::Granted {}))
}

fn slots(scene: &Scene, beats: impl IntoIterator<Item = SlotBeat>) {
    scene.world.slots.lock().unwrap().push_back(beats.into_iter().collect());
}

fn answered(scene: &Scene) -> Vec<ModelAnswered> {
    scene.world.answered.lock().unwrap().clone()
}

#[tokio::test]
async fn each_request_is_told_when_it_is_made_and_when_it_is_over() {
    let scene = scene();
    scene.world.tool("look", true, async |_| Ok(ToolOutput::ok("a room")));
    scene.world.script([calls("1", "look", "{}"), uses(7, 2), finishes(FinishReason::ToolCalls)]);
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    let asked = scene.world.asked_models.lock().unwrap().clone();
    let answered = answered(&scene);
    assert_eq!((asked.len(), answered.len()), (2, 2));
    for (index, (asked, answered)) in asked.iter().zip(&answered).enumerate() {
        assert_eq!((&asked.request_id, &asked.turn_id), (&answered.request_id, &answered.turn_id));
        assert_eq!(asked.step_id.as_ref().unwrap().split_once('#').unwrap().1, index.to_string());
        assert_eq!((asked.purpose.as_str(), asked.model.as_str()), (purpose::TURN, "a/one"));
        assert_eq!(answered.end, AnswerEnd::Finished {});
        assert_eq!(asked.request, scene.world.requests.lock().unwrap()[index]);
    }
    assert_ne!(asked[0].request_id, asked[1].request_id);
    let tokens: Vec<_> = answered.iter().map(|one| one.usage.map(|usage| usage.input_tokens)).collect();
    assert_eq!(tokens, [Maybe::Some(7), Maybe::None]);
}

#[tokio::test]
async fn attempts_that_fail_are_told_with_their_class() {
    let scene = scene();
    scene.world.script([fails(FailureClass::Overloaded)]);
    scene.world.script([says("a")]);
    scene.turn("hi").await;
    let ends: Vec<_> = answered(&scene).into_iter().map(|one| one.end).collect();
    let failed = |class| AnswerEnd::Failed { class, retry_after_ms: Maybe::None };
    assert_eq!(ends, [failed(FailureClass::Overloaded), failed(FailureClass::Protocol)]);
}

#[tokio::test]
async fn a_step_is_told_when_it_is_stored_and_another_follows() {
    let scene = scene();
    scene.world.tool("look", true, async |_| Ok(ToolOutput::ok("a room")));
    scene.world.script([calls("1", "look", "{}"), uses(7, 2), finishes(FinishReason::ToolCalls)]);
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    let completed = scene.world.completed.lock().unwrap().clone();
    let told: Vec<_> = completed.iter().map(|step| (step.step, step.context_size)).collect();
    assert_eq!(told, [(1, Maybe::Some(9))]);
}

#[tokio::test]
async fn a_request_waits_for_its_room_and_viewers_are_told() {
    let scene = scene();
    let queued = SlotState::Queued { ahead: 2, paused_until: Maybe::None };
    // Once for the head start, which waits for nothing.
    slots(&scene, [SlotBeat::Wait]);
    slots(&scene, [SlotBeat::Say(Ok(queued)), SlotBeat::Wait, granted()]);
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    until(&viewer, |frame| matches!(frame, AgentEventKind::Queued { ahead: 2, .. })).await;
    assert!(scene.world.requests.lock().unwrap().is_empty(), "there is no room yet");
    scene.world.go_on.notify_one();
    until(&viewer, |frame| matches!(frame, AgentEventKind::TurnSealed {})).await;
    let log =
        serde_json::to_string(&scene.world.log().iter().map(|one| &one.chunk).collect::<Vec<_>>()).unwrap();
    assert!(!log.contains("queued"), "it is never stored");
}

#[tokio::test]
async fn room_is_given_back_when_the_answer_is_over_and_was_told() {
    let scene = scene();
    slots(&scene, [granted()]);
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    assert_eq!(*scene.world.slots_given_back.lock().unwrap(), [1]);
}

#[tokio::test]
async fn a_turn_that_is_stopped_while_it_waits_leaves_the_queue() {
    let scene = scene();
    slots(&scene, [SlotBeat::Wait]);
    slots(&scene, [SlotBeat::Wait]);
    let viewer = scene.start("hi").await;
    eventually(|| scene.world.slots.lock().unwrap().is_empty()).await;
    assert!(scene.stop());
    until(&viewer, |frame| matches!(frame, AgentEventKind::TurnSealed {})).await;
    assert_eq!(scene.world.records()[0].reason, EndReason::Aborted);
    assert_eq!(scene.world.slots_given_back.lock().unwrap().len(), 2);
    assert!(scene.world.asked_models.lock().unwrap().is_empty());
}

#[tokio::test]
async fn who_grants_room_may_be_replaced_or_fail() {
    let scene = scene();
    let error = |kind| SlotBeat::Say(Err(CallError::new(kind, "gone")));
    slots(&scene, [SlotBeat::Wait]);
    slots(&scene, [error(CallErrorKind::Retired)]);
    slots(&scene, [granted()]);
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    assert_eq!(scene.world.slots_given_back.lock().unwrap().len(), 3);
    slots(&scene, [error(CallErrorKind::Failed)]);
    scene.world.script([says("b"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    assert_eq!(answered(&scene).len(), 2, "it is asked all the same");
}
