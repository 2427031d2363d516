//! What becomes of calls that a person was asked about: more than yes and no, in time and too late, over crashes and new rules.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use transom_agent::event::AgentEventKind;
use transom_agent::message::Chunk;
use transom_agent::provider::FinishReason;
use transom_agent::question::{AnswerQuestion, Answered, QuestionsOf};
use transom_agent::tool::{GatedCall, ToolGate, ToolOutput, Verdict};
use transom_agent::turn::{EndReason, TurnState};
use transom_plugin_api::{CallErrorKind, Json, List, Maybe, Text};

use crate::edges::fake::scene::{Scene, eventually, next, rest, scene, scene_with, types};
use crate::edges::fake::{calls, finishes};
use crate::handed::Handed;
use crate::hub::Viewer;

const CHOICES: [&str; 3] = ["once", "always", "no"];

fn ask(within_ms: Maybe<u64>) -> Verdict {
    let choices = CHOICES.map(Text::from).into_iter().collect();
    Verdict::Ask { text: "may it?".into(), choices, allowing: 2, answer_within_ms: within_ms }
}

/// A scene with the tool `x`, whose calls a link judges; it is told whether they come again.
fn judged(scene: Scene, judge: impl Fn(&mut GatedCall, bool) + Send + Sync + 'static) -> Scene {
    scene.world.tool(
        "x",
        true,
        |call| async move { Ok(ToolOutput::ok(format!("ran {}", call.input.as_str()))) },
    );
    judge_by(&scene, judge);
    scene
}

fn judge_by(scene: &Scene, judge: impl Fn(&mut GatedCall, bool) + Send + Sync + 'static) {
    *scene.world.gate.lock().unwrap() = Some(Box::new(move |mut gate: ToolGate| {
        let again = gate.again;
        gate.calls.iter_mut().for_each(|call| judge(call, again));
        Box::pin(async { Ok(gate) })
    }));
}

/// A turn that calls `x` once and waits; with its question.
async fn waiting(scene: &Scene) -> (Viewer, Text) {
    scene.world.script([calls("1", "x", "1"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    let question = loop {
        if let AgentEventKind::Question { question_id, .. } = next(&viewer).await {
            break question_id;
        }
    };
    eventually(|| !scene.orchestrator.runs("c")).await;
    (viewer, question)
}

async fn answer(scene: &Scene, question: &Text, choice: &str) -> Result<Answered, CallErrorKind> {
    let answer =
        AnswerQuestion { conversation_id: "c".into(), question_id: question.clone(), choice: choice.into() };
    scene.orchestrator.answer(answer).await.map_err(|error| error.kind)
}

fn results(scene: &Scene) -> Vec<String> {
    let results = scene.world.log().into_iter().filter_map(|stored| match stored.chunk {
        Chunk::ToolResult { content, .. } => Some(content.to_string()),
        _ => None,
    });
    results.collect()
}

fn ran(scene: &Scene) -> usize {
    scene.world.ran.lock().unwrap().len()
}

#[tokio::test]
async fn each_of_the_first_choices_lets_a_call_run_and_no_other() {
    for (choice, expected) in [
        ("once", "ran 1"),
        ("always", "ran 1"),
        ("no", "a person was asked whether this may run, and chose: no"),
    ] {
        let scene = judged(scene(), |call, _| call.verdict = ask(Maybe::None));
        let (viewer, question) = waiting(&scene).await;
        answer(&scene, &question, choice).await.unwrap();
        rest(&viewer).await;
        assert_eq!(results(&scene), [expected]);
    }
}

#[tokio::test]
async fn what_waits_is_listed_until_it_is_answered_and_told_when_it_is() {
    let scene = judged(scene(), |call, _| call.verdict = ask(Maybe::None));
    let (viewer, question) = waiting(&scene).await;
    let open = scene.orchestrator.questions(QuestionsOf::default()).await.unwrap().questions;
    let [listed] = &*open else { panic!("{open:?}") };
    assert_eq!(
        (&listed.question_id, listed.tool_name.as_deref(), listed.allowing),
        (&question, Some("x"), 2)
    );
    assert_eq!(scene.world.questions_asked.lock().unwrap().len(), 1);
    assert_eq!(scene.world.notices.lock().unwrap()[0].kind, "question");
    answer(&scene, &question, "no").await.unwrap();
    rest(&viewer).await;
    assert!(scene.orchestrator.questions(QuestionsOf::default()).await.unwrap().questions.is_empty());
    let told = scene.world.questions_answered.lock().unwrap();
    assert_eq!((told.len(), told[0].choice.as_str(), told[0].is_overdue), (1, "no", false));
}

#[tokio::test]
async fn what_nobody_answers_in_time_is_answered_with_the_last_choice() {
    let scene = judged(scene(), |call, _| call.verdict = ask(Maybe::Some(60_000)));
    scene.begin(Handed::default()).await;
    let (viewer, question) = waiting(&scene).await;
    scene.world.clock.pass(59_999);
    assert_eq!(scene.orchestrator.questions(QuestionsOf::default()).await.unwrap().questions.len(), 1);
    scene.world.clock.pass(1);
    let frames = rest(&viewer).await;
    assert_eq!(types(&frames)[0], "answer");
    assert_eq!(results(&scene), ["nobody has answered in time whether this may run"]);
    assert_eq!(ran(&scene), 0);
    assert!(scene.world.questions_answered.lock().unwrap()[0].is_overdue);
    assert_eq!(answer(&scene, &question, "once").await, Err(CallErrorKind::Conflict));
}

#[tokio::test]
async fn the_time_for_an_answer_goes_on_over_a_restart() {
    let scene = judged(scene(), |call, _| call.verdict = ask(Maybe::Some(60_000)));
    let (_viewer, _) = waiting(&scene).await;
    scene.world.clock.pass(60_000);
    let next = Scene::in_world(Arc::clone(&scene.world), "{}");
    next.begin(Handed::default()).await;
    eventually(|| !next.world.records().is_empty()).await;
    assert_eq!(results(&next), ["nobody has answered in time whether this may run"]);
}

#[tokio::test]
async fn what_is_forbidden_while_a_person_is_asked_does_not_run() {
    let is_forbidden = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_forbidden);
    let scene = judged(scene(), move |call, again| {
        let forbidden = told.load(Ordering::SeqCst);
        call.verdict = match forbidden {
            true => Verdict::Deny { reason: "forbidden meanwhile".into() },
            false => ask(Maybe::None),
        };
        assert_eq!(again, call.answered.is_some());
    });
    let (viewer, question) = waiting(&scene).await;
    is_forbidden.store(true, Ordering::SeqCst);
    answer(&scene, &question, "once").await.unwrap();
    rest(&viewer).await;
    assert_eq!((results(&scene), ran(&scene)), (vec!["it may not run: forbidden meanwhile".to_owned()], 0));
}

#[tokio::test]
async fn what_a_link_changes_is_what_runs_and_stands_in_the_log_beside_what_the_model_wrote() {
    let scene = judged(scene(), |call, _| call.input = Json::parse("2").unwrap());
    scene.world.script([calls("1", "x", "1"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([finishes(FinishReason::Stop)]);
    let frames = scene.turn("hi").await;
    assert_eq!(results(&scene), ["ran 2"]);
    let place = |kind: &str| types(&frames).iter().position(|other| other == kind).unwrap();
    assert!(place("tool-call") < place("input-changed") && place("input-changed") < place("tool-result"));
    let asked = &scene.world.requests.lock().unwrap()[1];
    let said = asked.messages.iter().flat_map(|message| &message.chunks).find_map(|chunk| match chunk {
        Chunk::ToolCall { input, .. } => Some(input.as_str().to_owned()),
        _ => None,
    });
    assert_eq!(said.as_deref(), Some("1"), "the model is shown its own words");
}

#[tokio::test]
async fn what_a_person_was_shown_is_what_runs_after_a_restart_too() {
    let change = |call: &mut GatedCall, again: bool| {
        if !again {
            call.input = Json::parse("2").unwrap();
        }
        call.verdict = ask(Maybe::None);
    };
    let scene = judged(scene(), change);
    let (_viewer, question) = waiting(&scene).await;
    let next = Scene::in_world(Arc::clone(&scene.world), "{}");
    next.begin(Handed::default()).await;
    answer(&next, &question, "once").await.unwrap();
    eventually(|| !next.world.records().is_empty()).await;
    assert_eq!(results(&next), ["ran 2"]);
}

#[tokio::test]
async fn what_is_changed_after_a_person_was_asked_does_not_run() {
    let scene = judged(scene(), |call, again| {
        call.verdict = ask(Maybe::None);
        if again {
            call.input = Json::parse("3").unwrap();
        }
    });
    let (viewer, question) = waiting(&scene).await;
    answer(&scene, &question, "once").await.unwrap();
    rest(&viewer).await;
    assert_eq!(ran(&scene), 0);
    assert!(results(&scene)[0].contains("it was changed after a person had been asked"));
}

#[tokio::test]
async fn a_crash_between_the_answer_and_the_run_lets_the_turn_go_on_and_run_it_once() {
    let scene = judged(scene(), |call, _| call.verdict = ask(Maybe::None));
    let (_viewer, question) = waiting(&scene).await;
    // The answer is stored, and the host ends there.
    let before = scene.world.store.lock().unwrap().clone();
    answer(&scene, &question, "once").await.unwrap();
    let log = scene.world.log();
    let answered = log.iter().find(|stored| matches!(stored.chunk, Chunk::Answer { .. })).unwrap().clone();
    eventually(|| !scene.world.records().is_empty()).await;
    scene.world.ran.lock().unwrap().clear();
    let mut store = before;
    store.put("c", answered);
    *scene.world.store.lock().unwrap() = store;
    scene.world.script([finishes(FinishReason::Stop)]);
    let next = Scene::in_world(Arc::clone(&scene.world), "{}");
    next.begin(Handed::default()).await;
    eventually(|| !next.world.records().is_empty()).await;
    assert_eq!((ran(&next), results(&next)), (1, vec!["ran 1".to_owned()]));
    assert_eq!(next.world.records()[0].reason, EndReason::Stop);
}

#[tokio::test]
async fn a_crash_while_it_runs_answers_the_call_and_lets_the_turn_go_on_without_running_it_again() {
    let scene = judged(scene(), |call, _| call.verdict = ask(Maybe::None));
    scene.world.tool("x", true, |_| std::future::pending());
    let (_viewer, question) = waiting(&scene).await;
    answer(&scene, &question, "once").await.unwrap();
    eventually(|| ran(&scene) == 1).await;
    let known = scene.world.conversation().unwrap();
    assert_eq!(known.turn.into_option().unwrap().state, TurnState::Running);
    // The host ends in the middle of the call.
    let next = Scene::in_world(Arc::clone(&scene.world), "{}");
    next.begin(Handed::default()).await;
    eventually(|| !next.world.records().is_empty()).await;
    assert_eq!((ran(&next), results(&next)), (1, vec!["interrupted".to_owned()]));
    assert_eq!(next.world.records()[0].reason, EndReason::Stop);
}

#[tokio::test]
async fn where_nobody_guards_a_tool_that_may_change_something_a_person_is_asked() {
    let acting = |scene: &Scene| {
        scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("ran 1")) });
        scene.world.tools.lock().unwrap().get_mut("x").unwrap().0.effects = Maybe::None;
    };
    for settings in ["{}", r#"{"eager": true}"#] {
        let scene = scene_with(settings);
        acting(&scene);
        let (viewer, question) = waiting(&scene).await;
        assert_eq!(ran(&scene), 0, "{settings}");
        let asked = scene.world.questions_asked.lock().unwrap()[0].text.clone();
        assert_eq!(asked, "May the tool `x` run with 1? No plugin of this host judges its calls.");
        answer(&scene, &question, "Allow").await.unwrap();
        rest(&viewer).await;
        assert_eq!(results(&scene), ["ran 1"]);
    }
    let free = scene_with(r#"{"ask_when_unguarded": false}"#);
    acting(&free);
    free.world.script([calls("1", "x", "1"), finishes(FinishReason::ToolCalls)]);
    free.world.script([finishes(FinishReason::Stop)]);
    free.turn("hi").await;
    assert_eq!(results(&free), ["ran 1"]);
    assert_eq!(free.world.questions_asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_link_that_judges_nothing_is_no_guard_and_one_that_has_judged_is() {
    let acting = |scene: &Scene| {
        scene.world.tools.lock().unwrap().get_mut("x").unwrap().0.effects = Maybe::None;
    };
    let looks_on = judged(scene(), |_, _| {});
    acting(&looks_on);
    let (viewer, question) = waiting(&looks_on).await;
    answer(&looks_on, &question, "Deny").await.unwrap();
    rest(&viewer).await;
    assert_eq!(ran(&looks_on), 0);
    let guards = judged(scene(), |call, _| call.judged = true);
    acting(&guards);
    guards.world.script([calls("1", "x", "1"), finishes(FinishReason::ToolCalls)]);
    guards.world.script([finishes(FinishReason::Stop)]);
    guards.turn("hi").await;
    assert_eq!(results(&guards), ["ran 1"]);
}

#[tokio::test]
async fn a_stopped_turn_asks_nothing_any_more() {
    let scene = judged(scene(), |call, _| call.verdict = ask(Maybe::None));
    let (viewer, _) = waiting(&scene).await;
    assert!(scene.orchestrator.stop(&"c".into()).await.unwrap().aborted_turn);
    rest(&viewer).await;
    assert_eq!(scene.orchestrator.questions(QuestionsOf::default()).await.unwrap().questions, List::new());
    assert!(scene.world.questions_answered.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_call_that_may_have_run_is_never_run_again_whatever_the_store_has_made_of_it() {
    let scene = judged(scene(), |call, _| call.verdict = ask(Maybe::None));
    let (_viewer, question) = waiting(&scene).await;
    let before = scene.world.store.lock().unwrap().clone();
    answer(&scene, &question, "once").await.unwrap();
    eventually(|| !scene.world.records().is_empty()).await;
    let log = scene.world.log();
    let facts =
        log.into_iter().filter(|stored| matches!(stored.chunk, Chunk::Answer { .. } | Chunk::GoneOn { .. }));
    let mut store = before;
    facts.for_each(|stored| store.put("c", stored));
    *scene.world.store.lock().unwrap() = store;
    scene.world.ran.lock().unwrap().clear();
    scene.world.script([finishes(FinishReason::Stop)]);
    let next = Scene::in_world(Arc::clone(&scene.world), "{}");
    next.begin(Handed::default()).await;
    eventually(|| !next.world.records().is_empty()).await;
    assert_eq!(ran(&next), 0);
    assert_eq!(results(&next), ["the host ended while this may have run; it may have had effects"]);
}
