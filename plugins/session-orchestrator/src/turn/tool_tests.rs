//! The tools of a turn.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, Semaphore};
use transom_agent::event::AgentEventKind;
use transom_agent::message::{Chunk, Role};
use transom_agent::provider::FinishReason;
use transom_agent::tool::ToolOutput;
use transom_agent::turn::EndReason;
use transom_plugin_api::{CallError, CallErrorKind};

use crate::edges::fake::scene::{Scene, rest, scene, scene_with, until};
use crate::edges::fake::{Beat, calls, finishes, says, uses};

fn asks(scene: &Scene, beats: impl IntoIterator<Item = Beat>) {
    scene.world.script(beats.into_iter().chain([finishes(FinishReason::ToolCalls)]));
}

fn answers(scene: &Scene) {
    scene.world.script([says("done"), finishes(FinishReason::Stop)]);
}

/// Results in the order in which they were shown: id, content, whether failed, milliseconds.
fn results(frames: &[AgentEventKind]) -> Vec<(String, String, bool, u64)> {
    let results = frames.iter().filter_map(|frame| match frame {
        AgentEventKind::ToolResult { tool_call_id, content, is_error, duration_ms, .. } => {
            Some((tool_call_id.to_string(), content.to_string(), *is_error, *duration_ms))
        }
        _ => None,
    });
    results.collect()
}

fn shown_ids(frames: &[AgentEventKind]) -> Vec<String> {
    results(frames).into_iter().map(|(id, ..)| id).collect()
}

/// Ids of the stored results, in order.
fn stored_ids(scene: &Scene) -> Vec<String> {
    let stored = scene.world.stored();
    let results =
        stored.iter().filter(|message| message.role == Role::Tool).map(|message| match &message.chunks[..] {
            [Chunk::ToolResult { tool_call_id, .. }] => tool_call_id.to_string(),
            other => panic!("one message per result: {other:?}"),
        });
    results.collect()
}

fn reason(frames: &[AgentEventKind]) -> EndReason {
    let done = frames.iter().find_map(|frame| match frame {
        AgentEventKind::Done { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    done.unwrap()
}

#[tokio::test]
async fn the_next_step_sees_call_and_result_behind_the_same_beginning() {
    let scene = scene();
    scene.world.tool("echo", true, |call| async move { Ok(ToolOutput::ok(call.input.as_str())) });
    asks(&scene, [says("let me see"), calls("1", "echo", r#"{"a":1}"#), uses(10, 2)]);
    scene.world.script([says("done"), uses(20, 3), finishes(FinishReason::Stop)]);
    let frames = scene.turn("hi").await;
    assert_eq!(reason(&frames), EndReason::Stop);
    let requests = scene.world.requests.lock().unwrap();
    let (first, second) = (&requests[0].messages, &requests[1].messages);
    assert_eq!((first.len(), second.len()), (1, 3));
    assert_eq!(first[..], second[..1]);
    assert_eq!(requests[0].tools, requests[1].tools);
    let Chunk::ToolResult { content, step_id, .. } = &second[2].chunks[0] else { panic!() };
    assert_eq!(content, r#"{"a":1}"#);
    assert!(step_id.as_deref().unwrap().ends_with("#0"));
    let settled = scene.world.settled.lock().unwrap();
    assert_eq!(settled[0].answer, "let me see\n\ndone");
    assert_eq!((settled[0].record.steps, settled[0].record.usage.input_tokens), (2, 30));
    assert!(matches!(frames[frames.len() - 2],
        AgentEventKind::Done { context_size, .. } if context_size.into_option() == Some(23)));
    // What the next turn loads is what this one has shown to the model.
    let stored = scene.world.stored();
    assert_eq!(stored[..3], second[..]);
}

#[tokio::test]
async fn results_are_shown_when_they_are_there_and_stored_in_the_order_of_the_calls() {
    let scene = scene();
    let gate = Arc::new(Notify::new());
    scene.world.tool("slow", true, {
        let gate = Arc::clone(&gate);
        move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                Ok(ToolOutput::ok("slow"))
            }
        }
    });
    scene.world.tool("fast", true, |_| async { Ok(ToolOutput::ok("fast")) });
    asks(&scene, [calls("1", "slow", "{}"), calls("2", "fast", "{}")]);
    answers(&scene);
    let viewer = scene.start("hi").await;
    let mut frames = until(&viewer, |frame| matches!(frame, AgentEventKind::ToolResult { .. })).await;
    assert_eq!(shown_ids(&frames), ["2"]);
    gate.notify_one();
    frames.extend(rest(&viewer).await);
    assert_eq!(shown_ids(&frames), ["2", "1"]);
    assert_eq!(stored_ids(&scene), ["1", "2"]);
}

#[tokio::test]
async fn durations_measure_the_run_and_not_the_wait_before_it() {
    let scene = scene_with(r#"{"max_parallel_tools":1}"#);
    let world = Arc::clone(&scene.world);
    scene.world.tool("tick", true, move |_| {
        let world = Arc::clone(&world);
        async move {
            tokio::task::yield_now().await;
            world.clock.pass(5);
            Ok(ToolOutput::ok(""))
        }
    });
    asks(&scene, [calls("1", "tick", "1"), calls("2", "tick", "2"), calls("3", "tick", "3")]);
    answers(&scene);
    let results = results(&scene.turn("hi").await);
    let durations: Vec<_> = results.iter().map(|(.., duration_ms)| *duration_ms).collect();
    assert_eq!(durations, [5, 5, 5]);
}

#[tokio::test]
async fn at_most_so_many_tools_run_side_by_side_and_exclusive_ones_alone() {
    async fn most(safe: bool, limit: u32) -> usize {
        let scene = scene_with(&format!(r#"{{"max_parallel_tools":{limit}}}"#));
        // Opens when as many tools as can be at work are, so that the peak is reached and cannot be missed.
        let gate = Arc::new(Semaphore::new(0));
        let world = Arc::clone(&scene.world);
        scene.world.tool("x", safe, move |_| {
            let (gate, world) = (Arc::clone(&gate), Arc::clone(&world));
            async move {
                let expected = if safe { limit as usize } else { 1 };
                if world.most_at_work.load(Ordering::SeqCst) >= expected {
                    gate.add_permits(8);
                }
                let _permit = gate.acquire().await.unwrap();
                tokio::task::yield_now().await;
                Ok(ToolOutput::ok(""))
            }
        });
        asks(&scene, (0..8).map(|number| calls(&number.to_string(), "x", &number.to_string())));
        answers(&scene);
        assert_eq!(results(&scene.turn("hi").await).len(), 8);
        scene.world.most_at_work.load(Ordering::SeqCst)
    }
    assert_eq!(most(true, 4).await, 4);
    assert_eq!(most(true, 2).await, 2);
    assert_eq!(most(false, 4).await, 1);
}

#[tokio::test]
async fn the_same_call_runs_once_and_each_of_them_gets_the_answer() {
    let scene = scene();
    let world = Arc::clone(&scene.world);
    scene.world.tool("x", true, move |_| {
        world.clock.pass(5);
        async { Ok(ToolOutput::ok("once")) }
    });
    asks(&scene, [calls("1", "x", r#"{"a":1}"#), calls("2", "x", r#"{"a": 1}"#), calls("3", "x", "{}")]);
    answers(&scene);
    let frames = scene.turn("hi").await;
    assert_eq!(scene.world.ran.lock().unwrap().len(), 2);
    assert_eq!(results(&frames).len(), 3);
    assert_eq!(stored_ids(&scene), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_tool_that_fails_and_one_that_is_not_there_are_answers_the_model_reads() {
    let scene = scene();
    scene.world.tool("bad", true, |_| async { Err(CallError::failed("no luck")) });
    scene.world.tool("late", true, |_| async { Err(CallError::new(CallErrorKind::Deadline, "deadline")) });
    scene.world.tool("says-no", true, |_| async { Ok(ToolOutput::error("no")) });
    asks(
        &scene,
        [
            calls("1", "bad", "{}"),
            calls("2", "rm", "{}"),
            calls("3", "late", "{}"),
            calls("4", "says-no", "{}"),
        ],
    );
    answers(&scene);
    let frames = scene.turn("hi").await;
    assert_eq!(reason(&frames), EndReason::Stop);
    let mut told: Vec<_> =
        results(&frames).into_iter().map(|(id, content, is_error, _)| (id, content, is_error)).collect();
    told.sort();
    let expected = [
        ("1", "the tool `bad` failed: no luck"),
        ("2", "there is no tool `rm`; the tools are: `bad`, `late`, `says-no`"),
        ("3", "the tool `late` gave no answer within 600 s and was stopped"),
        ("4", "no"),
    ];
    assert_eq!(told, expected.map(|(id, content)| (id.to_owned(), content.to_owned(), true)));
}

/// Set when it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_stop_cancels_tools_at_work_and_keeps_what_was_answered() {
    let scene = scene();
    let cancelled = Arc::new(AtomicBool::new(false));
    scene.world.tool("hangs", true, {
        let cancelled = Arc::clone(&cancelled);
        move |_| {
            let dropped = Dropped(Arc::clone(&cancelled));
            async move {
                let _dropped = dropped;
                pending().await
            }
        }
    });
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("x")) });
    asks(&scene, [says("wait"), calls("1", "hangs", "{}"), calls("2", "x", "{}")]);
    let viewer = scene.start("hi").await;
    until(&viewer, |frame| matches!(frame, AgentEventKind::ToolResult { .. })).await;
    assert!(scene.stop());
    let frames = rest(&viewer).await;
    assert!(cancelled.load(Ordering::SeqCst));
    let instead = "the turn ended before this had answered; it may have had effects";
    assert_eq!(results(&frames), [("1".to_owned(), instead.to_owned(), true, 0)]);
    assert_eq!(reason(&frames), EndReason::Aborted);
    assert_eq!(stored_ids(&scene), ["1", "2"]);
}

#[tokio::test]
async fn a_tool_is_told_for_whom_it_runs() {
    let scene = scene();
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("")) });
    asks(&scene, [calls("1", "x", "{}")]);
    answers(&scene);
    scene.turn("hi").await;
    let ran = scene.world.ran.lock().unwrap();
    let started = scene.world.started.lock().unwrap();
    assert_eq!(
        (&ran[0].conversation_id, &ran[0].turn_id),
        (&started[0].conversation_id, &started[0].turn_id)
    );
    assert_eq!(ran[0].cwd, started[0].cwd);
}

#[tokio::test]
async fn an_eager_call_runs_while_the_model_goes_on_and_only_once() {
    let scene = scene_with(r#"{"eager":true}"#);
    let world = Arc::clone(&scene.world);
    scene.world.tool("x", true, move |call| {
        assert!(!world.drafts.lock().unwrap().is_empty(), "its call is durable");
        async move { Ok(ToolOutput::ok(call.input.as_str())) }
    });
    let early = [calls("1", "x", "1"), says("and then"), Beat::Tick(10), says(" one more")];
    let late = (0..50).map(|_| says("."));
    let more = [calls("2", "x", "1"), calls("3", "x", "3")];
    asks(&scene, early.into_iter().chain(late).chain(more));
    answers(&scene);
    let frames = scene.turn("hi").await;
    let shown = |is: fn(&AgentEventKind) -> bool| frames.iter().position(is).unwrap();
    let answered = shown(|frame| matches!(frame, AgentEventKind::ToolResult { .. }));
    assert!(answered < shown(|frame| matches!(frame, AgentEventKind::StepComplete { .. })));
    assert_eq!(scene.world.ran.lock().unwrap().len(), 2);
    let mut ids = stored_ids(&scene);
    assert_eq!(ids, ["1", "2", "3"]);
    ids.dedup();
    assert_eq!(results(&frames).len(), 3, "one result for each call");
}

#[tokio::test]
async fn no_call_is_eager_while_somebody_has_a_say() {
    let scene = scene_with(r#"{"eager":true}"#);
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("")) });
    let allows = |gate| -> crate::edges::fake::Boxed<_> { Box::pin(async { Ok(gate) }) };
    *scene.world.gate.lock().unwrap() = Some(Box::new(allows));
    scene.world.script([calls("1", "x", "1"), Beat::Tick(300), says("hm"), Beat::Hang]);
    let viewer = scene.start("hi").await;
    until(&viewer, |frame| matches!(frame, AgentEventKind::TextDelta { .. })).await;
    assert!(scene.world.ran.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_eager_call_at_work_when_the_model_fails_is_answered() {
    let scene = scene_with(r#"{"eager":true}"#);
    scene.world.tool("x", true, |_| async { pending().await });
    let waits = (0..50).map(|_| says("."));
    let fails = Beat::Broken(CallError::unavailable("gone"));
    scene.world.script([calls("1", "x", "1")].into_iter().chain(waits).chain([fails]));
    let frames = scene.turn("hi").await;
    assert_eq!(reason(&frames), EndReason::Error);
    assert_eq!(results(&frames)[0].1, "the turn ended before this had answered; it may have had effects");
}

#[tokio::test]
async fn an_eager_call_that_is_still_at_work_when_the_model_has_ended_is_not_run_again() {
    let scene = scene_with(r#"{"eager":true}"#);
    let gate = Arc::new(Semaphore::new(0));
    scene.world.tool("x", true, {
        let gate = Arc::clone(&gate);
        move |_| {
            let gate = Arc::clone(&gate);
            async move {
                let _permit = gate.acquire().await.unwrap();
                Ok(ToolOutput::ok("ran"))
            }
        }
    });
    asks(&scene, [calls("1", "x", "1")].into_iter().chain((0..50).map(|_| says("."))));
    answers(&scene);
    let viewer = scene.start("hi").await;
    let mut frames = until(&viewer, |frame| matches!(frame, AgentEventKind::StepComplete { .. })).await;
    gate.add_permits(8);
    frames.extend(rest(&viewer).await);
    assert_eq!((scene.world.ran.lock().unwrap().len(), results(&frames).len()), (1, 1));
}
