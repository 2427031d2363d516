//! Requests that failed and are made again.

use std::time::Duration;

use transom_agent::event::AgentEventKind;
use transom_agent::message::Chunk;
use transom_agent::provider::{FailureClass, FinishReason, ProviderEvent};
use transom_agent::turn::EndReason;
use transom_plugin_api::Maybe;

use crate::edges::fake::scene::{rest, scene, types, until};
use crate::edges::fake::{Beat, calls, fails, finishes, says, thinks, uses};

fn is_retry(frame: &AgentEventKind) -> bool {
    matches!(frame, AgentEventKind::ProviderRetry { .. })
}

#[tokio::test]
async fn a_request_that_failed_before_anything_was_said_is_made_again() {
    let scene = scene();
    for class in
        [FailureClass::Overloaded, FailureClass::RateLimited, FailureClass::Network, FailureClass::Timeout]
    {
        scene.world.script([fails(class)]);
    }
    scene.world.script([says("at last"), finishes(FinishReason::Stop)]);
    let frames = scene.turn("hi").await;
    let retries: Vec<_> = frames
        .iter()
        .filter_map(|frame| match frame {
            AgentEventKind::ProviderRetry { attempt, delay_ms, code, .. } => {
                Some((*attempt, *delay_ms, code.as_deref().unwrap_or_default().to_owned()))
            }
            _ => None,
        })
        .collect();
    let expected = [
        (0, 5_000, "overloaded"),
        (1, 10_000, "rate-limited"),
        (2, 30_000, "network"),
        (3, 60_000, "timeout"),
    ];
    assert_eq!(retries, expected.map(|(attempt, delay, code)| (attempt, delay, code.to_owned())));
    assert_eq!(scene.world.records()[0].reason, EndReason::Stop);
    let slept: Vec<_> = scene.world.clock.slept.lock().unwrap().clone();
    assert_eq!(slept, [5, 10, 30, 60].map(Duration::from_secs));
    let requests = scene.world.requests.lock().unwrap();
    assert!(requests.windows(2).all(|pair| pair[0] == pair[1]));
    let kept =
        scene.world.log().iter().filter(|stored| matches!(stored.chunk, Chunk::ProviderRetry { .. })).count();
    assert_eq!(kept, 4);
}

#[tokio::test]
async fn after_twenty_one_retries_the_turn_fails() {
    let scene = scene();
    for _ in 0..30 {
        scene.world.script([fails(FailureClass::Overloaded)]);
    }
    let frames = scene.turn("hi").await;
    assert_eq!(frames.iter().filter(|frame| is_retry(frame)).count(), 21);
    assert_eq!(scene.world.requests.lock().unwrap().len(), 22);
    assert_eq!(scene.world.clock.now_ms(), 27_105_000);
    assert_eq!(scene.world.records()[0].error_class.as_deref(), Some("overloaded"));
}

#[tokio::test]
async fn once_anything_was_said_a_failure_is_the_end() {
    for said in [says("a"), thinks("hm"), calls("1", "x", "{}"), uses(1, 1)] {
        let scene = scene();
        scene.world.script([said, fails(FailureClass::Overloaded)]);
        scene.world.script([says("again"), finishes(FinishReason::Stop)]);
        let viewer = scene.start("hi").await;
        let is_done = |frame: &AgentEventKind| matches!(frame, AgentEventKind::Done { .. });
        let frames = until(&viewer, |frame| is_retry(frame) || is_done(frame)).await;
        assert!(!frames.iter().any(is_retry));
        assert_eq!(scene.world.records()[0].reason, EndReason::Error);
    }
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    let scene = scene();
    scene.world.script([fails(FailureClass::Authentication)]);
    assert!(!scene.turn("hi").await.iter().any(is_retry));
}

#[tokio::test]
async fn the_provider_is_given_the_time_that_it_asks_for() {
    let scene = scene();
    let busy = ProviderEvent::Error {
        message: "slow down".into(),
        class: FailureClass::RateLimited,
        code: Maybe::None,
        retry_after_ms: Maybe::Some(42_000),
    };
    scene.world.script([Beat::Event(busy)]);
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    assert_eq!(scene.world.clock.slept.lock().unwrap()[..], [Duration::from_secs(42)]);
}

#[tokio::test]
async fn a_stop_ends_the_wait_at_once() {
    let scene = scene();
    scene.world.clock.stand_still();
    scene.world.script([fails(FailureClass::Overloaded)]);
    let viewer = scene.start("hi").await;
    until(&viewer, is_retry).await;
    assert!(scene.stop());
    assert_eq!(types(&rest(&viewer).await), ["step-complete", "done", "turn-sealed"]);
    assert_eq!(scene.world.records()[0].reason, EndReason::Aborted);
    assert_eq!(scene.world.clock.now_ms(), 0);
}

#[tokio::test]
async fn attempts_are_counted_anew_in_each_step() {
    let scene = scene();
    scene.world.tool("x", true, |_| async { Ok(transom_agent::tool::ToolOutput::ok("")) });
    scene.world.script([fails(FailureClass::Overloaded)]);
    scene.world.script([calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([fails(FailureClass::Overloaded)]);
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    assert_eq!(scene.world.clock.slept.lock().unwrap()[..], [5, 5].map(Duration::from_secs));
}
