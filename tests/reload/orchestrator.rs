//! The orchestrator is replaced between turns, never under one.

use std::time::Duration;

use transom_agent::event::{AgentEvent, AgentEventKind, Cursor};
use transom_agent::tool::{ToolDefinition, ToolOutput, ToolPrinted};
use transom_agent::turn::{EndReason, StartTurn, TurnStarted, Watch};
use transom_plugin_api::prelude::*;
use transom_plugin_api::{ItemStream, Json};

use super::stage::{PATIENCE, Stage, soon};

const ORCHESTRATOR: &str = "session-orchestrator";

async fn stage() -> Stage {
    let plugins =
        [("conversation-store", "{}"), ("provider-scripted", r#"{"pace_ms":0}"#), (ORCHESTRATOR, "{}")];
    Stage::with(&plugins).await
}

impl Stage {
    /// Begins a turn of the scripted model, without anybody who watches it.
    async fn begin(&self, conversation: &str, message: &str) -> TurnStarted {
        let start = StartTurn {
            conversation_id: conversation.into(),
            text: message.into(),
            model: Maybe::Some("scripted/echo".into()),
            cwd: Maybe::None,
            reasoning_effort: Maybe::None,
            workspace_id: Maybe::None,
            message_id: Maybe::None,
        };
        soon(self.user.start.call(start)).await.expect("it begins")
    }

    fn watch(&self, conversation: &str, turn: Option<&Text>) -> ItemStream<AgentEvent> {
        self.watch_after(conversation, turn, None)
    }

    fn watch_after(
        &self,
        conversation: &str,
        turn: Option<&Text>,
        after: Option<Cursor>,
    ) -> ItemStream<AgentEvent> {
        let watch = Watch {
            conversation_id: conversation.into(),
            turn_id: turn.cloned().into(),
            after: after.into(),
        };
        self.user.watch.open(watch).expect("it opens")
    }

    /// All frames of a turn, from its beginning.
    async fn frames(&self, started: &TurnStarted) -> Vec<AgentEventKind> {
        rest(self.watch(&started.conversation_id, Some(&started.turn_id))).await
    }

    /// Replaces the orchestrator.
    async fn replace(&self, drain: Duration) -> Result<(), String> {
        let reloaded = self.reload(ORCHESTRATOR, "{}", drain).await;
        reloaded.map(drop).map_err(|error| error.to_string())
    }
}

async fn rest(mut viewer: ItemStream<AgentEvent>) -> Vec<AgentEventKind> {
    let mut frames = Vec::new();
    while let Some(frame) = soon(viewer.next()).await {
        frames.push(frame.expect("the stream does not break").what);
    }
    frames
}

/// What comes up to the next words, these included.
async fn until_said(viewer: &mut ItemStream<AgentEvent>) -> Vec<AgentEvent> {
    let mut seen = Vec::new();
    loop {
        let frame = soon(viewer.next()).await.expect("it goes on").expect("it does not break");
        let is_text = matches!(frame.what, AgentEventKind::TextDelta { .. });
        seen.push(frame);
        if is_text {
            return seen;
        }
    }
}

fn reason(frames: &[AgentEventKind]) -> EndReason {
    let done = frames.iter().find_map(|frame| match frame {
        AgentEventKind::Done { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    done.expect("it has ended")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_nobody_watches_ends_well_before_the_orchestrator_is_replaced() {
    let stage = stage().await;
    let started = stage.begin("c", "[[say: a]] [[pace: 200]] [[say: b]] [[say: c]] [[say: d]]").await;
    stage.replace(PATIENCE).await.expect("it is replaced");
    let frames = stage.frames(&started).await;
    assert_eq!(reason(&frames), EndReason::Stop);
    assert!(matches!(frames.first(), Some(AgentEventKind::UserMessage { .. })), "{frames:?}");
    let next = stage.begin("c", "again").await;
    assert_eq!(reason(&stage.frames(&next).await), EndReason::Stop);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_does_not_end_in_time_goes_on_in_the_next_generation() {
    let stage = stage().await;
    let started = stage
        .begin("c", "[[say: one]] [[hang]] [[step]] [[say: two]] [[hang]] [[step]] [[say: three]]")
        .await;
    let mut viewer = stage.watch("c", Some(&started.turn_id));
    let mut seen = until_said(&mut viewer).await;
    for _ in 0..2 {
        // Who was watching is told, and goes on behind what it has seen.
        let watching = async {
            while let Ok(frame) = soon(viewer.next()).await.expect("it is told") {
                seen.push(frame);
            }
        };
        let (replaced, ()) = tokio::join!(stage.replace(Duration::from_millis(50)), watching);
        replaced.expect("it is replaced");
        let after = seen.iter().rev().find_map(AgentEvent::cursor);
        viewer = stage.watch_after("c", Some(&started.turn_id), after);
        seen.extend(until_said(&mut viewer).await);
    }
    while let Some(frame) = soon(viewer.next()).await {
        seen.push(frame.expect("it does not break"));
    }
    let words = seen.iter().filter_map(|frame| match &frame.what {
        AgentEventKind::TextDelta { delta } => Some(delta.as_str()),
        _ => None,
    });
    assert_eq!(words.collect::<String>(), "onetwothree");
    assert!(
        seen.iter().all(|frame| frame.at.generation == 0 && frame.turn_id == started.turn_id),
        "{seen:#?}"
    );
    let mut positions: Vec<i64> = seen.iter().map(|frame| frame.at.position).collect();
    positions.dedup();
    assert_eq!(positions, (1..=positions.len() as i64).collect::<Vec<_>>(), "each once, in order");
    let frames: Vec<_> = seen.into_iter().map(|frame| frame.what).collect();
    assert_eq!(reason(&frames), EndReason::Stop);
    assert!(matches!(frames.last(), Some(AgentEventKind::TurnSealed {})), "{frames:?}");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_no_time_to_wait_turns_are_ended() {
    let stage = stage().await;
    let started = stage.begin("c", "[[say: a]] [[hang]]").await;
    let mut viewer = stage.watch("c", Some(&started.turn_id));
    until_said(&mut viewer).await;
    drop(viewer);
    stage.replace(Duration::ZERO).await.expect("the turn is ended");
    let frames = stage.frames(&started).await;
    assert_eq!(reason(&frames), EndReason::Aborted);
    assert!(matches!(frames.last(), Some(AgentEventKind::TurnSealed {})), "{frames:?}");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_after_the_reload_sees_what_was_said_before_it() {
    let stage = stage().await;
    let started = stage.begin("c", "[[think: hm]] [[say: one two three]]").await;
    let before = stage.frames(&started).await;
    let replayed = stage.frames(&started).await;
    for _ in 0..3 {
        stage.replace(PATIENCE).await.expect("it is replaced");
        assert_eq!(stage.frames(&started).await, replayed);
    }
    assert_eq!(before.last(), replayed.last());
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_a_conversation_is_told_and_watches_on_in_the_next_generation() {
    let stage = stage().await;
    let mut viewer = stage.watch("c", None);
    let watching = async {
        let ended = soon(viewer.next()).await.expect("it is told").expect_err("it ends");
        assert_eq!(ended.kind, CallErrorKind::Retired);
        // It waits at the gate, unless that is open again.
        let mut viewer = stage.watch("c", None);
        until_said(&mut viewer).await;
    };
    let reloading = async {
        stage.replace(PATIENCE).await.expect("it is replaced");
        // It does not end before somebody has seen it.
        stage.begin("c", "[[say: a]] [[hang]]").await
    };
    let ((), started) = tokio::join!(watching, reloading);
    stage.replace(Duration::ZERO).await.expect("the turn is ended");
    assert_eq!(reason(&stage.frames(&started).await), EndReason::Aborted);
    stage.stop().await;
}

/// Serves a tool that prints as many lines as it is told to, and then answers.
fn serve_printer(stage: &Stage) {
    let print = stage.user.print.clone();
    let about = ToolDefinition {
        name: "print".into(),
        description: "prints".into(),
        parameters: Json::default(),
        concurrency_safe: true,
        effects: Maybe::Some(List::new()),
    };
    let served = stage.user.tool.serve_named("print", about, move |call, _| {
        for line in 0..call.input.value()["lines"].as_u64().unwrap_or(0) {
            print.emit(&ToolPrinted {
                conversation_id: call.conversation_id.clone(),
                tool_call_id: call.tool_call_id.clone(),
                data: format!("{line} ").into(),
                stream: "stdout".into(),
            });
        }
        std::future::ready(Ok(ToolOutput::ok("printed")))
    });
    served.expect("nobody else serves it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_a_tool_prints_is_shown_before_its_answer_while_a_reload_waits_too() {
    let stage = stage().await;
    serve_printer(&stage);
    let call = r#"[[tool: print {"lines":200}]] [[step]] "#;
    let message = format!("[[pace: 20]] [[say: a b c d e]] {} done", call.repeat(10));
    let started = stage.begin("c", &message).await;
    let mut viewer = stage.watch("c", Some(&started.turn_id));
    // Prints are for those who are there.
    until_said(&mut viewer).await;
    let (frames, replaced) = tokio::join!(rest(viewer), stage.replace(PATIENCE));
    replaced.expect("it is replaced when the turn is over");
    let (mut printed, mut answers) = (String::new(), 0);
    let expected: String = (0..200).map(|line| format!("{line} ")).collect();
    for frame in frames {
        match frame {
            AgentEventKind::ToolOutput { data, .. } => printed.push_str(&data),
            AgentEventKind::ToolResult { .. } => {
                assert_eq!(std::mem::take(&mut printed), expected);
                answers += 1;
            }
            _ => {}
        }
    }
    assert_eq!(answers, 10);
    stage.stop().await;
}
