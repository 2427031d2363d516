//! What a turn does that goes on behind a person's answers: what its tools print, and what it finds where its conversation was deleted.

use std::sync::Arc;

use transom_agent::event::AgentEventKind;
use transom_agent::provider::FinishReason;
use transom_agent::question::{AnswerQuestion, Answered, QuestionsOf};
use transom_agent::tool::{ToolGate, ToolOutput, ToolPrinted, Verdict};
use transom_plugin_api::{CallErrorKind, List, Maybe, Text};

use crate::edges::fake::scene::{Scene, eventually, scene};
use crate::edges::fake::{boxed, calls, finishes};
use crate::handed::Handed;
use crate::hub::Viewer;

/// A scene with the tool `x`, whose calls are asked about, and which runs until the world goes on.
fn asking() -> Scene {
    let scene = scene();
    let world = Arc::clone(&scene.world);
    scene.world.tool("x", true, move |_| {
        let world = Arc::clone(&world);
        async move {
            world.go_on.notified().await;
            Ok(ToolOutput::ok("ran"))
        }
    });
    *scene.world.gate.lock().unwrap() = Some(Box::new(|mut gate: ToolGate| {
        for call in &mut gate.calls {
            call.verdict = Verdict::Ask {
                text: "may it?".into(),
                choices: List::from(["yes".into(), "no".into()]),
                allowing: 1,
                answer_within_ms: Maybe::None,
            };
        }
        Box::pin(async { Ok(gate) })
    }));
    scene
}

/// A turn that asks about the calls `1` and `2` and waits; with its questions, and the positions of its calls.
async fn waiting(scene: &Scene) -> (Viewer, Vec<Text>, Vec<i64>) {
    scene.world.script(
        ["1", "2"].map(|id| calls(id, "x", id)).into_iter().chain([finishes(FinishReason::ToolCalls)]),
    );
    scene.world.script([finishes(FinishReason::Stop)]);
    let viewer = scene.start("hi").await;
    let (mut questions, mut positions) = (Vec::new(), Vec::new());
    while questions.len() < 2 {
        let frame = viewer.next().await.unwrap().unwrap();
        match &frame.event().what {
            AgentEventKind::Question { question_id, .. } => questions.push(question_id.clone()),
            AgentEventKind::ToolCall { .. } => positions.push(frame.event().at.position),
            _ => {}
        }
    }
    eventually(|| !scene.orchestrator.runs("c")).await;
    (viewer, questions, positions)
}

async fn answer(scene: &Scene, question: &Text) -> Result<Answered, CallErrorKind> {
    let answer =
        AnswerQuestion { conversation_id: "c".into(), question_id: question.clone(), choice: "yes".into() };
    scene.orchestrator.answer(answer).await.map_err(|error| error.kind)
}

fn print(scene: &Scene, call: &str, data: &str) {
    scene.orchestrator.printed(&ToolPrinted {
        conversation_id: "c".into(),
        tool_call_id: call.into(),
        data: data.into(),
        stream: "stdout".into(),
    });
}

/// The next print: its call, its position and its offset.
async fn printed(viewer: &Viewer) -> (String, i64, u64) {
    loop {
        let frame = viewer.next().await.unwrap().unwrap();
        let event = frame.event();
        if let AgentEventKind::ToolOutput { tool_call_id, .. } = &event.what {
            return (tool_call_id.to_string(), event.at.position, event.at.offset);
        }
    }
}

#[tokio::test]
async fn what_a_tool_prints_that_was_asked_about_stands_at_its_call_also_after_a_restart() {
    for restarts in [false, true] {
        let before = asking();
        let (viewer, questions, positions) = waiting(&before).await;
        let (scene, viewer) = if restarts {
            let scene = Scene::in_world(Arc::clone(&before.world), "{}");
            scene.begin(Handed::default()).await;
            let viewer = scene.watch(None).unwrap();
            (scene, viewer)
        } else {
            (before, viewer)
        };
        for question in &questions {
            answer(&scene, question).await.unwrap();
        }
        eventually(|| scene.world.ran.lock().unwrap().len() == 2).await;
        print(&scene, "1", "AAAA");
        print(&scene, "2", "BBBB");
        print(&scene, "1", "CC");
        let mut told = Vec::new();
        while told.len() < 3 {
            told.push(printed(&viewer).await);
        }
        let [first, second] = positions[..] else { panic!("{positions:?}") };
        assert!(first > 0 && second > first, "{positions:?}");
        let expected = [("1", first, 0), ("2", second, 0), ("1", first, 4)];
        assert_eq!(told, expected.map(|(call, at, offset)| (call.to_owned(), at, offset)), "{restarts}");
    }
}

/// Deletes the conversation, which the store does while a turn waits.
fn delete(scene: &Scene) {
    scene.world.store.lock().unwrap().logs.remove("c").expect("it was there");
}

/// Whether anything of the conversation is there, or asked, or has run.
async fn is_without_a_trace(scene: &Scene) -> bool {
    let asked = scene.orchestrator.questions(QuestionsOf::default()).await.unwrap().questions;
    asked.is_empty() && scene.world.conversation().is_none() && scene.world.ran.lock().unwrap().is_empty()
}

/// The end of what a viewer is shown.
async fn end(viewer: &Viewer) -> Option<CallErrorKind> {
    loop {
        match viewer.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Some(error.kind),
            None => return None,
        }
    }
}

#[tokio::test]
async fn a_conversation_that_is_deleted_asks_nothing_any_more() {
    for restarts in [false, true] {
        let before = asking();
        let (viewer, questions, _) = waiting(&before).await;
        let scene = if restarts {
            let scene = Scene::in_world(Arc::clone(&before.world), "{}");
            scene.begin(Handed::default()).await;
            scene
        } else {
            before
        };
        assert_eq!(scene.orchestrator.questions(QuestionsOf::default()).await.unwrap().questions.len(), 2);
        delete(&scene);
        assert!(is_without_a_trace(&scene).await, "{restarts}");
        assert_eq!(answer(&scene, &questions[0]).await, Err(CallErrorKind::NotFound));
        assert!(is_without_a_trace(&scene).await, "{restarts}");
        if !restarts {
            assert_eq!(
                end(&viewer).await,
                Some(CallErrorKind::Retired),
                "it is sent away, to be told when it comes again"
            );
        }
        assert!(scene.orchestrator.until_known(&"c".into()).await.is_err());
    }
}

#[tokio::test]
async fn what_a_deleted_conversation_has_asked_is_not_asked_by_another_one_of_its_id() {
    let scene = asking();
    let (_viewer, questions, _) = waiting(&scene).await;
    delete(&scene);
    scene.world.script([calls("3", "x", "3"), finishes(FinishReason::ToolCalls)]);
    scene.turn("hello again").await;
    assert_eq!(answer(&scene, &questions[0]).await, Err(CallErrorKind::NotFound));
    let viewer = scene.start("and again").await;
    let asked = loop {
        let frame = viewer.next().await.unwrap().unwrap();
        if let AgentEventKind::Question { question_id, .. } = &frame.event().what {
            break question_id.clone();
        }
    };
    eventually(|| !scene.orchestrator.runs("c")).await;
    let open = scene.orchestrator.questions(QuestionsOf::default()).await.unwrap().questions;
    assert_eq!(open.iter().map(|question| question.question_id.clone()).collect::<Vec<_>>(), [asked]);
}

#[tokio::test]
async fn an_answer_that_comes_while_the_conversation_is_being_deleted_makes_no_other_one() {
    let scene = asking();
    let (viewer, questions, _) = waiting(&scene).await;
    // The answer is on its way to the store when the deletion overtakes it.
    scene.world.hold_the_store(true);
    let before = scene.world.count("append");
    let mut answering = Box::pin(answer(&scene, &questions[0]));
    while scene.world.count("append") == before {
        tokio::select! {
            biased;
            answered = &mut answering => panic!("the store takes a while: {answered:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    delete(&scene);
    scene.world.hold_the_store(false);
    assert_eq!(answering.await, Err(CallErrorKind::NotFound));
    assert!(is_without_a_trace(&scene).await);
    assert_eq!(end(&viewer).await, Some(CallErrorKind::Retired));
}

#[tokio::test]
async fn nothing_runs_of_a_turn_whose_conversation_is_deleted_behind_its_last_answer() {
    let scene = asking();
    let (viewer, questions, _) = waiting(&scene).await;
    answer(&scene, &questions[0]).await.unwrap();
    let world = Arc::clone(&scene.world);
    let deletes = move |gate: ToolGate| {
        assert!(gate.again);
        world.store.lock().unwrap().logs.remove("c").expect("it was there");
        boxed(Ok(gate))
    };
    *scene.world.gate.lock().unwrap() = Some(Box::new(deletes));
    assert_eq!(answer(&scene, &questions[1]).await, Ok(Answered { open: 0 }));
    assert_eq!(end(&viewer).await, Some(CallErrorKind::Retired));
    eventually(|| !scene.orchestrator.runs("c")).await;
    assert!(is_without_a_trace(&scene).await);
}
