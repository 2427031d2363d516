//! Reloads and restarts while turns run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use transom_agent::event::{AgentEvent, AgentEventKind};
use transom_agent::message::Chunk;
use transom_agent::provider::{FailureClass, FinishReason};
use transom_agent::tool::ToolOutput;
use transom_agent::turn::EndReason;
use transom_plugin_api::{CallError, CallErrorKind, codec};

use crate::edges::fake::scene::{Scene, eventually, rest, scene, scene_with, until};
use crate::edges::fake::{Beat, calls, fails, finishes, says, uses};
use crate::handed::Handed;
use crate::hub::Viewer;

fn is_text(frame: &AgentEventKind) -> bool {
    matches!(frame, AgentEventKind::TextDelta { .. })
}

/// Frames until the viewer is sent on.
async fn until_retired(viewer: &Viewer) -> Vec<AgentEvent> {
    let mut frames = Vec::new();
    loop {
        match viewer.next().await.expect("it is told") {
            Ok(frame) => frames.push(frame.event().clone()),
            Err(error) => {
                assert_eq!(error.kind, CallErrorKind::Retired);
                return frames;
            }
        }
    }
}

/// The next generation, which goes on with what this one leaves.
async fn reloaded(scene: &Scene) -> (Scene, Handed) {
    scene.orchestrator.drain(Duration::from_secs(10)).await;
    let handed = scene.orchestrator.hand_over().await.unwrap();
    // What is handed over is read as it was written.
    let read: Handed = codec::decode(&codec::encode(&handed).unwrap()).unwrap();
    assert_eq!(read, handed);
    scene.orchestrator.shut_down().await;
    let next = Scene::in_world(Arc::clone(&scene.world), "{}");
    next.begin(read).await;
    (next, handed)
}

async fn until_over(scene: &Scene) {
    eventually(|| !scene.world.records().is_empty()).await;
}

/// Text chunks of the log.
fn texts(scene: &Scene) -> Vec<String> {
    let texts = scene.world.log().into_iter().filter_map(|stored| {
        if let Chunk::Text { text } = stored.chunk { Some(text.to_string()) } else { None }
    });
    texts.collect()
}

/// Every position was taken once, and one turn began and ended.
fn whole(scene: &Scene) {
    let log = scene.world.log();
    let mut positions: Vec<_> = log.iter().filter_map(|stored| stored.position.into_option()).collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=i64::try_from(positions.len()).unwrap()).collect::<Vec<_>>());
    assert_eq!(scene.world.records().len(), 1);
    assert_eq!(scene.world.settled.lock().unwrap().len(), 1);
    assert_eq!(scene.world.started.lock().unwrap().len(), 1);
    assert_eq!(scene.world.conversation().unwrap().generation, 0);
}

#[tokio::test]
async fn a_turn_in_the_middle_of_a_text_goes_on_in_the_next_generation() {
    let scene = scene();
    scene.world.script([says("half"), uses(5, 1), Beat::Hang]);
    scene.world.script([says("the rest"), uses(7, 2), finishes(FinishReason::Stop)]);
    let (started, viewer) = scene.try_start("hi").await.unwrap();
    until(&viewer, is_text).await;
    let (next, handed) = reloaded(&scene).await;
    until_retired(&viewer).await;
    assert_eq!(handed.turns[0].turn_id, started.turn_id);
    until_over(&next).await;
    whole(&next);
    assert_eq!(texts(&next), ["hi", "half", "the rest"]);
    let record = &next.world.records()[0];
    assert_eq!((&record.reason, record.steps, record.usage.input_tokens), (&EndReason::Stop, 2, 12));
    assert_eq!(record.turn_id, started.turn_id);
    assert_eq!(next.world.settled.lock().unwrap()[0].answer, "half\n\nthe rest");
    let requests = next.world.requests.lock().unwrap();
    assert_eq!(requests[0].messages[..], requests[1].messages[..1]);
    assert_eq!(requests[1].messages.len(), 2);
}

#[tokio::test]
async fn a_viewer_that_comes_again_sees_the_rest() {
    let scene = scene();
    scene.world.script([says("half"), Beat::Hang]);
    scene.world.script([Beat::Hang]);
    let (started, viewer) = scene.try_start("hi").await.unwrap();
    until(&viewer, is_text).await;
    let (next, _) = reloaded(&scene).await;
    let viewer = next.watch(Some(&started.turn_id)).unwrap();
    assert!(next.stop());
    let frames = rest(&viewer).await;
    assert!(matches!(frames[frames.len() - 2], AgentEventKind::Done { reason: EndReason::Aborted, .. }));
    whole(&next);
}

#[tokio::test]
async fn a_tool_at_work_gets_a_while_and_one_that_takes_longer_is_interrupted_and_never_run_again() {
    let scene = scene();
    let gate = Arc::new(Notify::new());
    scene.world.tool("quick", true, {
        let gate = Arc::clone(&gate);
        move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                Ok(ToolOutput::ok("in time"))
            }
        }
    });
    let cancelled = Arc::new(AtomicBool::new(false));
    scene.world.tool("slow", true, {
        let cancelled = Arc::clone(&cancelled);
        move |_| {
            let cancelled = Cancelled(Arc::clone(&cancelled));
            async move {
                let _cancelled = cancelled;
                std::future::pending().await
            }
        }
    });
    scene.world.tool("later", false, |_| async { Ok(ToolOutput::ok("ran")) });
    let asked = ["quick", "slow", "later"].map(|tool| calls(tool, tool, "{}"));
    scene.world.script(asked.into_iter().chain([finishes(FinishReason::ToolCalls)]));
    scene.world.script([says("done"), finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    eventually(|| scene.world.ran.lock().unwrap().len() == 2).await;
    scene.orchestrator.drain(Duration::from_secs(10)).await;
    scene.world.clock.stand_still();
    let handing_over = tokio::spawn({
        let orchestrator = Arc::clone(&scene.orchestrator);
        async move { orchestrator.hand_over().await }
    });
    tokio::task::yield_now().await;
    gate.notify_one();
    while !handing_over.is_finished() {
        scene.world.clock.pass(1000);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
    assert!(cancelled.load(Ordering::SeqCst));
    let handed = handing_over.await.unwrap().unwrap();
    until_retired(&viewer).await;
    let next = Scene::in_world(Arc::clone(&scene.world), "{}");
    next.begin(handed).await;
    until_over(&next).await;
    whole(&next);
    let results: Vec<_> = next
        .world
        .log()
        .into_iter()
        .filter_map(|stored| match stored.chunk {
            Chunk::ToolResult { content, is_error, .. } => Some((content.to_string(), is_error)),
            _ => None,
        })
        .collect();
    let expected = [
        ("in time", false),
        ("interrupted by a reload of the host; it may have had effects", true),
        ("a reload of the host came before this could run", true),
    ];
    assert_eq!(results, expected.map(|(content, is_error)| (content.to_owned(), is_error)));
    assert_eq!(next.world.ran.lock().unwrap().len(), 2);
}

/// Set when it is dropped.
struct Cancelled(Arc<AtomicBool>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A turn that has been waiting for 2 s of 5 until its request is made again, and is left to the next generation.
async fn left_while_it_waits() -> (Scene, Handed) {
    let scene = scene();
    scene.world.script([fails(FailureClass::Overloaded)]);
    scene.world.script([fails(FailureClass::Overloaded)]);
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.world.clock.stand_still();
    let viewer = scene.start("hi").await;
    until(&viewer, |frame| matches!(frame, AgentEventKind::ProviderRetry { .. })).await;
    eventually(|| slept(&scene, 5_000)).await;
    scene.world.clock.pass(2_000);
    let handed = scene.orchestrator.hand_over().await.unwrap();
    let turn = &handed.turns[0];
    assert_eq!((turn.steps, turn.attempts, turn.waited_ms, turn.retry_at), (0, 1, 5_000, 5_000.into()));
    scene.orchestrator.shut_down().await;
    (Scene::in_world(Arc::clone(&scene.world), "{}"), handed)
}

/// Whether so many milliseconds were begun to be waited last.
fn slept(scene: &Scene, ms: u64) -> bool {
    scene.world.clock.slept.lock().unwrap().last() == Some(&Duration::from_millis(ms))
}

fn requests(scene: &Scene) -> usize {
    scene.world.requests.lock().unwrap().len()
}

/// What was told of requests that are made again.
fn retries(scene: &Scene) -> Vec<(u32, u64)> {
    let retries = scene.world.log().into_iter().filter_map(|stored| match stored.chunk {
        Chunk::ProviderRetry { attempt, delay_ms, .. } => Some((attempt, delay_ms)),
        _ => None,
    });
    retries.collect()
}

#[tokio::test]
async fn the_wait_before_a_request_is_made_again_goes_on_in_the_next_generation() {
    let (next, handed) = left_while_it_waits().await;
    next.begin(handed).await;
    eventually(|| slept(&next, 3_000)).await;
    // One more reload, a second later.
    next.world.clock.pass(1_000);
    let handed = next.orchestrator.hand_over().await.unwrap();
    next.orchestrator.shut_down().await;
    let next = Scene::in_world(Arc::clone(&next.world), "{}");
    next.begin(handed).await;
    eventually(|| slept(&next, 2_000)).await;
    next.world.clock.pass(1_999);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!((requests(&next), retries(&next)), (1, vec![(0, 5_000)]), "it is not made before it is due");
    next.world.clock.pass(1);
    eventually(|| slept(&next, 10_000)).await;
    assert_eq!((requests(&next), retries(&next)), (2, vec![(0, 5_000), (1, 10_000)]));
    next.world.clock.pass(10_000);
    until_over(&next).await;
    whole(&next);
    assert_eq!((requests(&next), next.world.records()[0].steps), (3, 1));
}

#[tokio::test]
async fn a_request_that_came_due_between_two_generations_is_made_at_once() {
    let (next, handed) = left_while_it_waits().await;
    next.world.clock.pass(3_000);
    next.begin(handed).await;
    eventually(|| slept(&next, 10_000)).await;
    assert_eq!((requests(&next), next.world.clock.now_ms()), (2, 5_000));
    next.world.clock.pass(10_000);
    until_over(&next).await;
    whole(&next);
}

#[tokio::test]
async fn a_stop_ends_the_wait_that_the_generation_before_has_left() {
    let (next, handed) = left_while_it_waits().await;
    next.begin(handed).await;
    eventually(|| slept(&next, 3_000)).await;
    assert!(next.stop());
    until_over(&next).await;
    assert_eq!((requests(&next), next.world.clock.now_ms()), (1, 2_000));
    assert_eq!(next.world.records()[0].reason, EndReason::Aborted);
}

#[tokio::test]
async fn a_turn_that_ends_in_time_is_not_handed_over() {
    let scene = scene();
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    scene.world.clock.stand_still();
    let viewer = scene.start("hi").await;
    let drained = scene.orchestrator.drain(Duration::from_secs(10));
    tokio::join!(drained, async { rest(&viewer).await });
    assert_eq!(scene.orchestrator.hand_over().await.unwrap(), Handed::default());
}

#[tokio::test]
async fn a_reload_without_patience_seals_running_turns_and_leaves_the_orchestrator_as_it_is() {
    let scene = scene();
    scene.world.script([says("half"), Beat::Hang]);
    let viewer = scene.start("hi").await;
    until(&viewer, is_text).await;
    scene.orchestrator.drain(Duration::ZERO).await;
    assert_eq!(scene.world.records()[0].reason, EndReason::Aborted);
    assert_eq!(scene.orchestrator.hand_over().await.unwrap(), Handed::default());
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("again").await;
}

#[tokio::test]
async fn turns_go_on_where_they_are_when_nobody_comes_after_them() {
    let scene = scene();
    scene.world.script([says("half"), Beat::Hang]);
    scene.world.script([says("the rest"), finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    until(&viewer, is_text).await;
    scene.world.hold_the_store(true);
    let mut handing_over = Box::pin(scene.orchestrator.hand_over());
    let gave_up = tokio::select! {
        biased;
        _ = &mut handing_over => false,
        () = eventually(|| scene.world.count("append") == 2) => true,
    };
    assert!(gave_up);
    drop(handing_over);
    scene.world.hold_the_store(false);
    until_over(&scene).await;
    whole(&scene);
    assert_eq!(texts(&scene), ["hi", "half", "the rest"]);
}

#[tokio::test]
async fn one_that_was_left_already_goes_on_too_when_nobody_comes() {
    let scene = scene();
    scene.world.script([says("half"), Beat::Hang]);
    scene.world.script([says("the rest"), finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    until(&viewer, is_text).await;
    // Another conversation, whose message waits for the store.
    let orchestrator = Arc::clone(&scene.orchestrator);
    let hangs = |_| -> crate::edges::fake::Boxed<_> { Box::pin(std::future::pending()) };
    *scene.world.input_filter.lock().unwrap() = Some(Box::new(hangs));
    let other = tokio::spawn(async move {
        let message = crate::edges::fake::scene::message("hm");
        orchestrator
            .start(transom_agent::turn::StartTurn { conversation_id: "d".into(), ..message })
            .await
            .map(drop)
    });
    eventually(|| scene.orchestrator.runs("d")).await;
    let mut handing_over = Box::pin(scene.orchestrator.hand_over());
    tokio::select! {
        biased;
        _ = &mut handing_over => panic!("a start is under way"),
        () = eventually(|| !scene.orchestrator.runs("c")) => {}
    }
    drop(handing_over);
    other.abort();
    until_over(&scene).await;
    whole(&scene);
    assert_eq!(scene.world.records()[0].reason, EndReason::Stop);
}

#[tokio::test]
async fn after_a_crash_the_turn_is_over_and_starts_wait_until_it_is() {
    let scene = scene();
    scene.world.script([says("half"), Beat::Tick(300), says("!"), Beat::Hang]);
    let viewer = scene.start("hi").await;
    until(&viewer, is_text).await;
    eventually(|| !scene.world.drafts.lock().unwrap().is_empty()).await;
    let next = Scene::in_world(Arc::clone(&scene.world), "{}");
    next.world.clock.stand_still();
    next.world.repair_outcomes.lock().unwrap().push_back(Err(CallError::unavailable("not yet")));
    next.orchestrator.begin(Handed::default());
    next.world.script([finishes(FinishReason::Stop)]);
    let starting = tokio::spawn({
        let orchestrator = Arc::clone(&next.orchestrator);
        async move {
            orchestrator.start(crate::edges::fake::scene::message("again")).await.map(|(_, viewer)| viewer)
        }
    });
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert!(!starting.is_finished() && next.world.records().is_empty());
    next.world.clock.pass(1000);
    rest(&starting.await.unwrap().unwrap()).await;
    let reasons: Vec<_> = next.world.records().into_iter().map(|record| record.reason).collect();
    assert_eq!(reasons, [EndReason::Lost, EndReason::Stop]);
    assert!(texts(&next)[1].starts_with("half"));
}

#[tokio::test]
async fn a_repair_that_takes_too_long_is_told_to_who_starts() {
    let scene = Scene::in_world(scene_with("{}").world, "{}");
    assert_eq!(scene.try_start("hi").await.unwrap_err().kind, CallErrorKind::Unavailable);
}

#[tokio::test]
async fn a_turn_that_nobody_runs_does_not_hold_its_conversation_for_ever() {
    let scene = scene();
    scene.world.script([says("a"), Beat::Hang]);
    let viewer = scene.start("hi").await;
    until(&viewer, is_text).await;
    let next = Scene::in_world(Arc::clone(&scene.world), "{}");
    next.orchestrator.assume_repaired();
    next.world.script([finishes(FinishReason::Stop)]);
    next.turn("again").await;
    assert_eq!(next.world.records()[0].reason, EndReason::Lost);
}
