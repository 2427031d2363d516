//! Calls that others decide about, and turns that wait for a person.

use std::sync::Arc;

use transom_agent::conversation::Status;
use transom_agent::event::AgentEventKind;
use transom_agent::message::Chunk;
use transom_agent::provider::FinishReason;
use transom_agent::question::{AnswerQuestion, Answered};
use transom_agent::tool::{ToolGate, ToolOutput, Verdict};
use transom_agent::turn::{EndReason, TurnState};
use transom_plugin_api::{CallError, CallErrorKind, List, Maybe};

use crate::edges::fake::scene::{Scene, eventually, next, rest, scene, types, until};
use crate::edges::fake::{Boxed, calls, finishes, says, uses};
use crate::handed::Handed;
use crate::hub::Viewer;

/// A scene with a tool `x`, and somebody who decides about each of its calls by their id.
fn gated(decide: impl Fn(&str) -> Verdict + Send + Sync + Clone + 'static) -> Scene {
    let scene = scene();
    scene.world.tool(
        "x",
        true,
        |call| async move { Ok(ToolOutput::ok(format!("ran {}", call.tool_call_id))) },
    );
    let gate = move |mut gate: ToolGate| -> Boxed<Result<ToolGate, CallError>> {
        for call in &mut gate.calls {
            call.verdict = decide(&call.tool_call_id);
        }
        Box::pin(async { Ok(gate) })
    };
    *scene.world.gate.lock().unwrap() = Some(Box::new(gate));
    scene
}

fn ask(text: &str) -> Verdict {
    Verdict::Ask {
        text: text.into(),
        choices: List::from(["yes".into(), "no".into()]),
        allowing: 1,
        answer_within_ms: Maybe::None,
    }
}

fn results(scene: &Scene) -> Vec<(String, String, bool)> {
    let results = scene.world.log().into_iter().filter_map(|stored| match stored.chunk {
        Chunk::ToolResult { tool_call_id, content, is_error, .. } => {
            Some((tool_call_id.to_string(), content.to_string(), is_error))
        }
        _ => None,
    });
    results.collect()
}

fn is(id: &str, content: &str, is_error: bool) -> (String, String, bool) {
    (id.to_owned(), content.to_owned(), is_error)
}

/// A turn that was asked about the calls `a` and `b`, and waits; with its questions.
async fn parked() -> (Scene, Viewer, Vec<String>) {
    let scene = gated(|id| if id == "c" { Verdict::Allow {} } else { ask(&format!("may {id} run?")) });
    let asked = ["a", "b", "c"].map(|id| calls(id, "x", &format!("\"{id}\"")));
    scene.world.script(
        [says("let me see"), uses(10, 1)].into_iter().chain(asked).chain([finishes(FinishReason::ToolCalls)]),
    );
    scene.world.script([says("done"), uses(20, 2), finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    let mut questions = Vec::new();
    while questions.len() < 2 {
        if let AgentEventKind::Question { question_id, .. } = next(&viewer).await {
            questions.push(question_id.to_string());
        }
    }
    eventually(|| !scene.orchestrator.runs("c")).await;
    (scene, viewer, questions)
}

async fn answer(scene: &Scene, question: &str, choice: &str) -> Result<Answered, CallErrorKind> {
    let answer =
        AnswerQuestion { conversation_id: "c".into(), question_id: question.into(), choice: choice.into() };
    scene.orchestrator.answer(answer).await.map_err(|error| error.kind)
}

#[tokio::test]
async fn nobody_is_asked_about_a_call_of_a_tool_that_has_gone() {
    let scene = scene();
    let world = Arc::clone(&scene.world);
    scene.world.tool("x", true, move |_| {
        world.tools.lock().unwrap().clear();
        async { Ok(ToolOutput::ok("for the last time")) }
    });
    let gate = |mut gate: ToolGate| -> Boxed<Result<ToolGate, CallError>> {
        for call in gate.calls.iter_mut().filter(|call| call.plugin.is_empty()) {
            assert!(matches!(call.verdict, Verdict::Deny { .. }), "{call:?}");
        }
        Box::pin(async { Ok(gate) })
    };
    *scene.world.gate.lock().unwrap() = Some(Box::new(gate));
    for id in ["1", "2"] {
        scene.world.script([calls(id, "x", id), finishes(FinishReason::ToolCalls)]);
    }
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    let gone = "it may not run: the tool `x` is not available any more";
    assert_eq!(results(&scene), [is("1", "for the last time", false), is("2", gone, true)]);
    assert_eq!(scene.world.ran.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_denied_is_answered_with_the_reason_and_the_rest_runs() {
    let scene = gated(|id| match id {
        "1" => Verdict::Deny { reason: "too dangerous".into() },
        "2" => serde_json::from_str(r#"{"type":"later"}"#).unwrap(),
        "3" => Verdict::Ask {
            text: "hm?".into(),
            choices: List::new(),
            allowing: 0,
            answer_within_ms: Maybe::None,
        },
        _ => Verdict::Allow {},
    });
    let asked = ["1", "2", "3", "4"].map(|id| calls(id, "x", id));
    scene.world.script(asked.into_iter().chain([finishes(FinishReason::ToolCalls)]));
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    let nobody = "it may not run: nobody said that it may";
    let expected = [
        is("1", "it may not run: too dangerous", true),
        is("2", nobody, true),
        is("3", nobody, true),
        is("4", "ran 4", false),
    ];
    assert_eq!(results(&scene), expected);
    assert_eq!(scene.world.ran.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn when_a_link_fails_nothing_runs_and_the_model_is_told() {
    let scene = gated(|_| Verdict::Allow {});
    let fails = |_| -> Boxed<_> { Box::pin(async { Err(CallError::failed("the link broke down")) }) };
    *scene.world.gate.lock().unwrap() = Some(Box::new(fails));
    scene.world.script([calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    assert_eq!(results(&scene), [is("1", "it may not run: the link broke down", true)]);
    assert_eq!(scene.world.records()[0].reason, EndReason::Stop);
}

#[tokio::test]
async fn a_call_that_a_link_takes_out_is_denied() {
    let scene = gated(|_| Verdict::Allow {});
    let drops = |mut gate: ToolGate| -> Boxed<_> {
        gate.calls.clear();
        Box::pin(async { Ok(gate) })
    };
    *scene.world.gate.lock().unwrap() = Some(Box::new(drops));
    scene.world.script([calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    assert!(scene.world.ran.lock().unwrap().is_empty() && results(&scene)[0].2);
}

#[tokio::test]
async fn a_turn_that_asks_waits_without_a_task_and_its_conversation_stays_taken() {
    let (scene, _viewer, _) = parked().await;
    assert!(scene.world.ran.lock().unwrap().is_empty(), "while a person is asked, nothing runs");
    let known = scene.world.conversation().unwrap();
    assert_eq!((known.status, known.turn.into_option().unwrap().state), (Status::Active, TurnState::Parked));
    let status = scene.orchestrator.status(&"c".into()).await.unwrap();
    assert_eq!((status.is_active, status.status), (false, Status::Active));
    let refused = scene.try_start("more").await.unwrap_err();
    assert_eq!(refused.kind, CallErrorKind::Conflict);
    assert!(refused.message.contains("waits for an answer"), "{refused}");
}

#[tokio::test]
async fn when_everything_is_answered_the_turn_goes_on() {
    let (scene, viewer, questions) = parked().await;
    assert_eq!(answer(&scene, &questions[0], "yes").await, Ok(Answered { open: 1 }));
    assert!(scene.world.ran.lock().unwrap().is_empty());
    assert_eq!(answer(&scene, &questions[1], "no").await, Ok(Answered { open: 0 }));
    let frames = rest(&viewer).await;
    assert_eq!(
        types(&frames),
        [
            "answer",
            "answer",
            "tool-result",
            "tool-result",
            "tool-result",
            "text-delta",
            "usage",
            "step-complete",
            "done",
            "turn-sealed"
        ]
    );
    let refused = "a person was asked whether this may run, and chose: no";
    let mut told = results(&scene);
    told.sort();
    assert_eq!(told, [is("a", "ran a", false), is("b", refused, true), is("c", "ran c", false)]);
    let record = &scene.world.records()[0];
    assert_eq!((&record.reason, record.steps, record.usage.input_tokens), (&EndReason::Stop, 2, 30));
    assert_eq!(scene.world.settled.lock().unwrap()[0].answer, "let me see\n\ndone");
    let requests = scene.world.requests.lock().unwrap();
    assert_eq!(requests[1].messages[..2], scene.world.stored()[..2]);
    assert_eq!(requests[1].messages.len(), 5);
}

#[tokio::test]
async fn after_a_restart_a_parked_turn_goes_on_from_its_log() {
    let (scene, _viewer, questions) = parked().await;
    let next = Scene::in_world(Arc::clone(&scene.world), "{}");
    next.begin(Handed::default()).await;
    for question in &questions {
        assert!(answer(&next, question, "yes").await.is_ok());
    }
    eventually(|| !next.world.records().is_empty()).await;
    assert_eq!(next.world.ran.lock().unwrap().len(), 3);
    assert_eq!(next.world.records()[0].reason, EndReason::Stop);
    let positions: Vec<_> =
        next.world.log().iter().filter_map(|stored| stored.position.into_option()).collect();
    let mut sorted = positions.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted, (1..=i64::try_from(positions.len()).unwrap()).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_comes_while_a_turn_waits_is_shown_that_turn_from_its_beginning_also_after_a_restart() {
    let (scene, first, questions) = parked().await;
    let next_scene = Scene::in_world(Arc::clone(&scene.world), "{}");
    next_scene.begin(Handed::default()).await;
    for viewer in [scene.watch(None).unwrap(), next_scene.watch(None).unwrap()] {
        assert!(matches!(next(&viewer).await, AgentEventKind::UserMessage { .. }));
        let mut asked = Vec::new();
        while asked.len() < questions.len() {
            if let AgentEventKind::Question { question_id, .. } = next(&viewer).await {
                asked.push(question_id.to_string());
            }
        }
        assert_eq!(asked, questions);
    }
    drop(first);
}

#[tokio::test]
async fn the_same_answer_is_answered_the_same_and_another_one_is_refused() {
    let (scene, viewer, questions) = parked().await;
    assert_eq!(answer(&scene, &questions[0], "maybe").await, Err(CallErrorKind::InvalidInput));
    assert_eq!(answer(&scene, "turn-x/0q1", "yes").await, Err(CallErrorKind::NotFound));
    assert_eq!(answer(&scene, "what?", "yes").await, Err(CallErrorKind::NotFound));
    let twice = tokio::join!(answer(&scene, &questions[0], "yes"), answer(&scene, &questions[0], "yes"));
    assert_eq!(twice, (Ok(Answered { open: 1 }), Ok(Answered { open: 1 })));
    assert_eq!(answer(&scene, &questions[0], "no").await, Err(CallErrorKind::Conflict));
    answer(&scene, &questions[1], "yes").await.unwrap();
    rest(&viewer).await;
    assert_eq!(answer(&scene, &questions[1], "yes").await, Ok(Answered { open: 0 }));
    assert_eq!(answer(&scene, &questions[1], "no").await, Err(CallErrorKind::Conflict));
    let answers =
        scene.world.log().iter().filter(|stored| matches!(stored.chunk, Chunk::Answer { .. })).count();
    assert_eq!(answers, 2);
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_is_refused_and_the_turn_waits_on() {
    let (scene, viewer, questions) = parked().await;
    scene.world.append_outcomes.lock().unwrap().push_back(Err(CallError::unavailable("full")));
    assert_eq!(answer(&scene, &questions[0], "yes").await, Err(CallErrorKind::Unavailable));
    for question in &questions {
        answer(&scene, question, "yes").await.unwrap();
    }
    assert_eq!(types(&rest(&viewer).await)[..2], ["answer", "answer"]);
}

#[tokio::test]
async fn an_answer_whose_storing_is_unclear_is_not_forgotten() {
    let (scene, viewer, questions) = parked().await;
    answer(&scene, &questions[0], "yes").await.unwrap();
    let unclear = CallError::new(CallErrorKind::Deadline, "too slow");
    scene.world.lost_answers.lock().unwrap().push_back(Err(unclear));
    assert_eq!(answer(&scene, &questions[1], "yes").await, Err(CallErrorKind::Deadline));
    assert!(types(&rest(&viewer).await).ends_with(&["done".to_owned(), "turn-sealed".to_owned()]));
    assert_eq!(scene.world.ran.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_stop_ends_a_parked_turn_with_every_call_answered() {
    let (scene, viewer, questions) = parked().await;
    answer(&scene, &questions[0], "yes").await.unwrap();
    assert!(scene.orchestrator.stop(&"c".into()).await.unwrap().aborted_turn);
    let frames = rest(&viewer).await;
    assert_eq!(
        types(&frames),
        ["answer", "tool-result", "tool-result", "tool-result", "done", "turn-sealed"]
    );
    assert!(scene.world.ran.lock().unwrap().is_empty());
    assert_eq!(scene.world.records()[0].reason, EndReason::Aborted);
    assert_eq!(answer(&scene, &questions[1], "yes").await, Err(CallErrorKind::NotFound));
    assert!(!scene.orchestrator.stop(&"c".into()).await.unwrap().aborted_turn);
}

#[tokio::test]
async fn a_close_ends_a_parked_turn_and_the_conversation_stays_closed() {
    let (scene, viewer, _) = parked().await;
    assert!(scene.orchestrator.close(&"c".into()).await.unwrap().aborted_turn);
    rest(&viewer).await;
    assert_eq!(scene.world.status(), Some(Status::Closed));
    assert!(!scene.orchestrator.close(&"c".into()).await.unwrap().aborted_turn);
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("again").await;
    assert_eq!(scene.world.status(), Some(Status::Idle));
}

#[tokio::test]
async fn a_start_that_is_refused_at_the_same_time_does_not_turn_an_answer_away() {
    let (scene, viewer, questions) = parked().await;
    let (first, start, second) = tokio::join!(
        answer(&scene, &questions[0], "yes"),
        scene.try_start("more"),
        answer(&scene, &questions[1], "yes")
    );
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(start.unwrap_err().kind, CallErrorKind::Conflict);
    until(&viewer, |frame| matches!(frame, AgentEventKind::TurnSealed {})).await;
}
