//! Turns that do not move.

use transom_agent::event::AgentEventKind;
use transom_agent::provider::{FailureClass, FinishReason};
use transom_agent::turn::{Awaited, EndReason, Stall, TurnStalled};
use transom_plugin_api::{Maybe, Text};

use crate::edges::fake::scene::{Scene, eventually, rest, scene, scene_with, until};
use crate::edges::fake::{Beat, calls, fails, finishes, says};

fn told(scene: &Scene) -> Vec<(u32, u64, Awaited, bool)> {
    let line = |told: &TurnStalled| (told.step, told.quiet_ms, told.waiting_for.clone(), told.resumed);
    scene.world.stalled.lock().unwrap().iter().map(line).collect()
}

/// Lets time pass when somebody waits for it, and waits until so much was told.
async fn pass(scene: &Scene, seconds: i64, count: usize) {
    scene.world.clock.pass(seconds * 1000);
    eventually(|| told(scene).len() >= count).await;
}

/// Lets everybody go on who can.
async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

fn text(frame: &AgentEventKind) -> bool {
    matches!(frame, AgentEventKind::TextDelta { .. })
}

#[tokio::test]
async fn a_model_that_falls_silent_is_told_at_doubled_intervals_and_nothing_happens_to_the_turn() {
    let scene = scene_with(r#"{"stall_after_s":10}"#);
    scene.world.clock.stand_still();
    scene.world.script([says("a"), Beat::Hang]);
    let viewer = scene.start("hi").await;
    scene.world.clock.pass(250);
    until(&viewer, text).await;
    settle().await;
    scene.world.clock.pass(9_000);
    settle().await;
    assert_eq!(told(&scene), []);
    for (passes, quiet_s) in [(2, 11), (9, 20), (19, 39), (1, 40)] {
        let before = told(&scene).len();
        let is_due = quiet_s != 39;
        pass(&scene, passes, before + usize::from(is_due)).await;
        settle().await;
        assert_eq!(told(&scene).len(), before + usize::from(is_due), "after {quiet_s} s");
    }
    assert!(
        told(&scene)
            .iter()
            .all(|(step, _, awaited, resumed)| { (*step, awaited, *resumed) == (1, &Awaited::Model, false) })
    );
    assert_eq!(scene.orchestrator.figures().figures.get("stalled"), Some(&1));
    assert!(scene.stop());
    rest(&viewer).await;
    eventually(|| scene.orchestrator.figures().figures.get("stalled") == Some(&0)).await;
    assert_eq!(scene.world.records()[0].reason, EndReason::Aborted);
    assert!(told(&scene).iter().all(|told| !told.3), "its end says it");
}

#[tokio::test]
async fn a_turn_that_moves_again_is_told_once() {
    let scene = scene_with(r#"{"stall_after_s":10}"#);
    scene.world.clock.stand_still();
    scene.world.script([says("a"), Beat::Wait, says("b"), finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    settle().await;
    pass(&scene, 15, 1).await;
    scene.world.clock.pass(5_000);
    scene.world.go_on.notify_one();
    rest(&viewer).await;
    let told = told(&scene);
    let (_, quiet_ms, awaited, resumed) = told.last().cloned().expect("it was told");
    assert_eq!((quiet_ms, awaited, resumed), (20_000, Awaited::Model, true));
    assert_eq!(told.iter().filter(|told| told.3).count(), 1);
    let figures = scene.orchestrator.figures().figures;
    assert_eq!((figures.get("stalled"), figures.get("turns-ended")), (Some(&0), Some(&1)));
}

#[tokio::test]
async fn the_status_of_a_conversation_tells_since_when_its_turn_does_not_move() {
    let scene = scene_with(r#"{"stall_after_s":10}"#);
    scene.world.clock.stand_still();
    scene.world.script([says("a"), Beat::Wait, says("b"), Beat::Hang]);
    let viewer = scene.start("hi").await;
    settle().await;
    let stalled = async || scene.orchestrator.status(&Text::from("c")).await.unwrap().stalled;
    assert_eq!(stalled().await, Maybe::None);
    let since = scene.world.clock.now_ms();
    pass(&scene, 15, 1).await;
    let stall = Stall { since, step: 1, waiting_for: Awaited::Model };
    assert_eq!(stalled().await, Maybe::Some(stall.clone()));
    // Told again, it is still the same one.
    pass(&scene, 10, 2).await;
    assert_eq!(stalled().await, Maybe::Some(stall));
    scene.world.go_on.notify_one();
    eventually(|| told(&scene).len() == 3).await;
    assert_eq!(stalled().await, Maybe::None);
    assert!(scene.stop());
    rest(&viewer).await;
    assert_eq!(stalled().await, Maybe::None);
}

#[tokio::test]
async fn a_turn_that_stops_again_after_a_long_stall_is_told_as_soon_as_the_first_time() {
    let scene = scene_with(r#"{"stall_after_s":10}"#);
    scene.world.clock.stand_still();
    scene.world.script([Beat::Wait, says("a"), Beat::Hang]);
    let viewer = scene.start("hi").await;
    settle().await;
    for (count, seconds) in [(1, 10), (2, 10), (3, 20), (4, 40)] {
        pass(&scene, seconds, count).await;
        settle().await;
    }
    // It would be told again after 80 s more, if it had not moved.
    scene.world.go_on.notify_one();
    eventually(|| told(&scene).len() == 5).await;
    for _ in 0..4 {
        settle().await;
        scene.world.clock.pass(5_000);
    }
    eventually(|| told(&scene).len() == 6).await;
    let resumed: Vec<bool> = told(&scene).iter().map(|told| told.3).collect();
    assert_eq!(resumed, [false, false, false, false, true, false]);
    assert!(scene.stop());
    rest(&viewer).await;
}

#[tokio::test]
async fn a_tool_at_work_is_no_stall() {
    let scene = scene_with(r#"{"stall_after_s":10}"#);
    scene.world.clock.stand_still();
    let world = scene.world.clone();
    scene.world.tool("slow", true, move |_| {
        let world = world.clone();
        async move {
            world.go_on.notified().await;
            Ok(transom_agent::tool::ToolOutput::ok("done"))
        }
    });
    scene.world.script([calls("1", "slow", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([says("done"), finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    eventually(|| !scene.world.ran.lock().unwrap().is_empty()).await;
    for _ in 0..5 {
        scene.world.clock.pass(60_000);
        settle().await;
    }
    scene.world.go_on.notify_one();
    rest(&viewer).await;
    assert_eq!(told(&scene), []);
}

#[tokio::test]
async fn the_wait_before_a_request_is_made_again_is_no_stall() {
    let scene = scene_with(r#"{"stall_after_s":1}"#);
    scene.world.clock.stand_still();
    scene.world.script([fails(FailureClass::Overloaded)]);
    scene.world.script([finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    until(&viewer, |frame| matches!(frame, AgentEventKind::ProviderRetry { .. })).await;
    settle().await;
    scene.world.clock.pass(4_900);
    settle().await;
    scene.world.clock.pass(100);
    rest(&viewer).await;
    assert_eq!(told(&scene), []);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_as_what_is_waited_for() {
    let scene = scene_with(r#"{"stall_after_s":10}"#);
    scene.world.clock.stand_still();
    scene.world.tool("x", true, |_| async { Ok(transom_agent::tool::ToolOutput::ok("")) });
    scene.world.script([says("a"), calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    scene.world.hold_the_store(true);
    settle().await;
    pass(&scene, 30, 1).await;
    scene.world.hold_the_store(false);
    rest(&viewer).await;
    assert_eq!(told(&scene)[0].2, Awaited::Host);
}

#[tokio::test]
async fn where_it_is_switched_off_nothing_is_told() {
    let scene = scene_with(r#"{"stall_after_s":0}"#);
    scene.world.clock.stand_still();
    scene.world.script([Beat::Hang]);
    let viewer = scene.start("hi").await;
    settle().await;
    scene.world.clock.pass(86_400_000);
    settle().await;
    assert!(scene.stop());
    rest(&viewer).await;
    assert_eq!(told(&scene), []);
}

#[tokio::test]
async fn turns_that_run_are_counted() {
    let scene = scene();
    scene.world.script([Beat::Hang]);
    let viewer = scene.start("hi").await;
    assert_eq!(scene.orchestrator.figures().figures.get("turns"), Some(&1));
    assert!(scene.stop());
    rest(&viewer).await;
    eventually(|| scene.orchestrator.figures().figures.get("turns") == Some(&0)).await;
}
