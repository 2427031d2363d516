//! Where plugins have a say in a turn, beside the gate.

use std::sync::atomic::Ordering;

use transom_agent::conversation::Status;
use transom_agent::message::{Chunk, Role};
use transom_agent::provider::{FinishReason, OutgoingRequest};
use transom_agent::tool::{ToolOutput, ToolRan};
use transom_agent::turn::{EndReason, MOST_HOLDS, ModelChoice, TurnEnding, TurnInput};
use transom_plugin_api::{CallError, CallErrorKind, Maybe};

use crate::edges::fake::scene::{Scene, scene, types};
use crate::edges::fake::{boxed, calls, finishes, says};

fn refused<T>(why: &str) -> Result<T, CallError> {
    Err(CallError::new(CallErrorKind::Refused, why))
}

/// A scene with the tool `x`.
fn with_tool() -> Scene {
    let scene = scene();
    scene.world.tool("x", true, |_| async { Ok(ToolOutput::ok("the answer")) });
    scene.world.script([calls("1", "x", "{}"), finishes(FinishReason::ToolCalls)]);
    scene.world.script([says("done"), finishes(FinishReason::Stop)]);
    scene
}

fn result(scene: &Scene) -> (String, bool) {
    let result = scene.world.log().into_iter().find_map(|stored| match stored.chunk {
        Chunk::ToolResult { content, is_error, .. } => Some((content.to_string(), is_error)),
        _ => None,
    });
    result.unwrap()
}

#[tokio::test]
async fn who_hears_of_a_message_is_told_where_it_is_going_to_be_worked_on() {
    let scene = scene();
    let filter = |input: TurnInput| {
        boxed(Ok(TurnInput { text: format!("{} {}", input.is_first, !input.cwd.is_empty()).into(), ..input }))
    };
    *scene.world.input_filter.lock().unwrap() = Some(Box::new(filter));
    for expected in ["true true", "false true"] {
        scene.world.script([says("a"), finishes(FinishReason::Stop)]);
        scene.turn("hi").await;
        let said = scene.world.stored().into_iter().rev().find(|message| message.role == Role::User).unwrap();
        assert_eq!(said.chunks[0], Chunk::Text { text: expected.into() });
    }
}

#[tokio::test]
async fn a_link_chooses_another_model_or_refuses_and_one_that_nobody_serves_is_refused() {
    let scene = scene();
    let choose = |name: &'static str| {
        move |choice: ModelChoice| boxed(Ok(ModelChoice { model: name.into(), ..choice }))
    };
    *scene.world.model_filter.lock().unwrap() = Some(Box::new(choose("b/two")));
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    assert_eq!(scene.world.started.lock().unwrap()[0].model, "b/two");
    *scene.world.model_filter.lock().unwrap() = Some(Box::new(choose("c/three")));
    assert_eq!(scene.try_start("hi").await.unwrap_err().kind, CallErrorKind::InvalidInput);
    *scene.world.model_filter.lock().unwrap() = Some(Box::new(|_| boxed(refused("not today"))));
    assert_eq!(scene.try_start("hi").await.unwrap_err().message, "not today");
    assert_eq!(scene.world.records().len(), 1);
}

#[tokio::test]
async fn a_link_changes_a_request_but_not_whom_it_goes_to_and_nothing_of_it_is_stored() {
    let scene = scene();
    let filter = |mut outgoing: OutgoingRequest| {
        outgoing.request.system_prompt = Maybe::Some("be brief".into());
        outgoing.request.headers.insert("x-team", "blue".into());
        outgoing.request.model = "another".into();
        outgoing.request.messages.to_mut().clear();
        boxed(Ok(outgoing))
    };
    *scene.world.request_filter.lock().unwrap() = Some(Box::new(filter));
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    let requests = scene.world.requests.lock().unwrap();
    let asked = &requests[0];
    assert_eq!((asked.system_prompt.as_deref(), asked.model.as_str()), (Some("be brief"), "one"));
    assert_eq!(
        (asked.headers.get("x-team").map(|value| value.as_str()), asked.messages.len()),
        (Some("blue"), 0)
    );
    assert_eq!(
        scene.world.asked_models.lock().unwrap()[0].request.headers.len(),
        1,
        "who listens hears what is sent"
    );
    assert_eq!(scene.world.stored().len(), 2);
}

#[tokio::test]
async fn a_request_that_a_link_refuses_is_not_made_and_the_turn_fails_with_the_reason() {
    let scene = scene();
    *scene.world.request_filter.lock().unwrap() = Some(Box::new(|_| boxed(refused("over budget"))));
    scene.turn("hi").await;
    assert!(scene.world.requests.lock().unwrap().is_empty());
    assert_eq!(scene.world.records()[0].reason, EndReason::Error);
    let notices = scene.world.notices.lock().unwrap();
    assert!(notices[0].kind == "turn-failed" && notices[0].text.contains("over budget"), "{notices:?}");
}

#[tokio::test]
async fn what_a_link_leaves_of_an_answer_is_what_everybody_gets() {
    let scene = with_tool();
    let filter = |ran: ToolRan| {
        let output = ToolOutput::ok(format!("{} of {}", ran.output.content, ran.tool_name));
        boxed(Ok(ToolRan { output, ..ran }))
    };
    *scene.world.ran_filter.lock().unwrap() = Some(Box::new(filter));
    scene.turn("hi").await;
    assert_eq!(result(&scene), ("the answer of x".to_owned(), false));
}

#[tokio::test]
async fn an_answer_that_a_link_refuses_is_withheld() {
    let scene = with_tool();
    *scene.world.ran_filter.lock().unwrap() = Some(Box::new(|_| boxed(refused("it has a secret in it"))));
    scene.turn("hi").await;
    assert_eq!(
        result(&scene),
        ("the answer of the tool `x` is withheld: it has a secret in it".to_owned(), true)
    );
}

#[tokio::test]
async fn a_link_has_a_turn_go_on_with_what_it_says_and_only_so_often() {
    let scene = scene();
    let filter = |ending: TurnEnding| {
        let words = format!("not yet ({})", ending.answer);
        boxed(Ok(TurnEnding { go_on: Maybe::Some(words.into()), ..ending }))
    };
    *scene.world.ending_filter.lock().unwrap() = Some(Box::new(filter));
    for _ in 0..=MOST_HOLDS {
        scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    }
    let frames = scene.turn("hi").await;
    let steered = types(&frames).iter().filter(|kind| *kind == "steering").count();
    assert_eq!(steered, MOST_HOLDS as usize);
    let requests = scene.world.requests.lock().unwrap();
    assert_eq!(requests.len(), 1 + MOST_HOLDS as usize);
    let told: Vec<_> = requests[2].messages.iter().map(|message| message.chunks[0].clone()).collect();
    let text = |text: &str| Chunk::Text { text: text.into() };
    assert_eq!(told, [text("hi"), text("a"), text("not yet (a)"), text("a"), text("not yet (a\n\na)")]);
    assert_eq!(scene.world.records()[0].reason, EndReason::Stop);
    assert_eq!(requests[2].messages[..], scene.world.stored()[..5], "the log says the same");
}

#[tokio::test]
async fn a_link_that_fails_or_says_nothing_ends_no_turn_later() {
    for words in [None, Some("  ")] {
        let scene = scene();
        let filter = move |ending: TurnEnding| match words {
            None => boxed(Err(CallError::failed("broken"))),
            Some(words) => boxed(Ok(TurnEnding { go_on: Maybe::Some(words.into()), ..ending })),
        };
        *scene.world.ending_filter.lock().unwrap() = Some(Box::new(filter));
        scene.world.script([says("a"), finishes(FinishReason::Stop)]);
        scene.turn("hi").await;
        assert_eq!(scene.world.requests.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_beginning_of_work_and_its_end_are_told_once() {
    let scene = scene();
    for _ in 0..2 {
        scene.world.script([finishes(FinishReason::Stop)]);
        scene.turn("hi").await;
    }
    scene.orchestrator.close(&"c".into()).await.unwrap();
    scene.orchestrator.close(&"c".into()).await.unwrap();
    assert_eq!(scene.world.status(), Some(Status::Closed));
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    let begun: Vec<_> = scene.world.begun.lock().unwrap().iter().map(|begun| begun.was_closed).collect();
    assert_eq!((begun, scene.world.closed.lock().unwrap().len()), (vec![false, true], 1));
}

#[tokio::test]
async fn each_step_is_told_when_it_begins() {
    let scene = with_tool();
    scene.turn("hi").await;
    let steps: Vec<_> = scene.world.steps_started.lock().unwrap().iter().map(|step| step.step).collect();
    assert_eq!(steps, [1, 2]);
    assert_eq!(scene.world.streams_dropped.load(Ordering::SeqCst), 2);
}
