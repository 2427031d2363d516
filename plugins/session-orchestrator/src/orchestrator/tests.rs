//! Starting, watching and stopping turns.

use std::future::pending;
use std::sync::Arc;

use transom_agent::event::AgentEventKind;
use transom_agent::provider::FinishReason;
use transom_agent::turn::{EndReason, StartTurn, TurnInput};

use super::*;
use crate::edges::fake::scene::{message, next, rest, scene, scene_with, types, until};
use crate::edges::fake::{Beat, finishes, says};

fn kind<T>(outcome: Result<T, CallError>) -> CallErrorKind {
    outcome.map(|_| ()).unwrap_err().kind
}

#[tokio::test]
async fn a_busy_conversation_refuses_a_turn_and_the_seal_frees_it() {
    let scene = scene();
    scene.world.script([says("a"), Beat::Hang]);
    let viewer = scene.start("hi").await;
    assert_eq!(kind(scene.try_start("again").await), CallErrorKind::Conflict);
    scene.stop();
    until(&viewer, |frame| matches!(frame, AgentEventKind::TurnSealed {})).await;
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("again").await;
    assert_eq!(scene.world.records().len(), 2);
}

#[tokio::test]
async fn of_many_starts_at_once_one_is_accepted_and_one_message_stored() {
    let scene = scene();
    scene.world.script([Beat::Hang]);
    let starts: Vec<_> = (0..50)
        .map(|number| {
            let orchestrator = Arc::clone(&scene.orchestrator);
            tokio::spawn(async move { orchestrator.start(message(&number.to_string())).await })
        })
        .collect();
    let mut accepted = 0;
    for start in starts {
        match start.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(error) => assert_eq!(error.kind, CallErrorKind::Conflict),
        }
    }
    assert_eq!(accepted, 1);
    assert_eq!(scene.world.stored().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_field_and_leaves_no_trace() {
    let scene = scene();
    for (request, field) in [
        (message(" \n"), "`text`"),
        (StartTurn { conversation_id: "a/b".into(), ..message("hi") }, "`conversationId`"),
        (StartTurn { model: Text::from("x/y").into(), ..message("hi") }, "`model`"),
        (StartTurn { cwd: Text::from("/").into(), ..message("hi") }, "`cwd`"),
    ] {
        let error = scene.orchestrator.start(request).await.unwrap_err();
        assert_eq!(error.kind, CallErrorKind::InvalidInput);
        assert!(error.message.starts_with(field), "{}", error.message);
    }
    assert!(scene.world.appends.lock().unwrap().is_empty());
    assert!(scene.world.started.lock().unwrap().is_empty());
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
}

#[tokio::test]
async fn a_refused_message_leaves_the_conversation_as_it_was() {
    let scene = scene();
    let refuse = |_| -> crate::edges::fake::Boxed<_> {
        Box::pin(async { Err(CallError::new(CallErrorKind::Refused, "not today")) })
    };
    *scene.world.input_filter.lock().unwrap() = Some(Box::new(refuse));
    let viewer = scene.watch(None).unwrap();
    let error = scene.try_start("hi").await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (CallErrorKind::Refused, "not today"));
    assert!(scene.world.appends.lock().unwrap().is_empty());
    assert_eq!(scene.world.status(), None);
    *scene.world.input_filter.lock().unwrap() = None;
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hello").await;
    assert_eq!(next(&viewer).await, AgentEventKind::UserMessage { text: "hello".into() });
}

#[tokio::test]
async fn the_filtered_text_is_what_is_stored_shown_and_sent() {
    let scene = scene();
    let shout = |mut input: TurnInput| -> crate::edges::fake::Boxed<_> {
        input.text = input.text.to_uppercase().into();
        Box::pin(async { Ok(input) })
    };
    *scene.world.input_filter.lock().unwrap() = Some(Box::new(shout));
    scene.world.script([finishes(FinishReason::Stop)]);
    let frames = scene.turn("hi").await;
    assert_eq!(frames[0], AgentEventKind::UserMessage { text: "HI".into() });
    assert_eq!(scene.world.requests.lock().unwrap()[0].messages[..], scene.world.stored()[..]);
}

#[tokio::test]
async fn a_filter_that_leaves_nothing_is_a_refusal() {
    let scene = scene();
    let empty = |mut input: TurnInput| -> crate::edges::fake::Boxed<_> {
        input.text = " ".into();
        Box::pin(async { Ok(input) })
    };
    *scene.world.input_filter.lock().unwrap() = Some(Box::new(empty));
    assert_eq!(kind(scene.try_start("hi").await), CallErrorKind::Refused);
}

#[tokio::test]
async fn who_goes_away_before_the_message_is_accepted_leaves_the_conversation_free() {
    let scene = scene();
    let hang = |_| -> crate::edges::fake::Boxed<_> { Box::pin(pending()) };
    *scene.world.input_filter.lock().unwrap() = Some(Box::new(hang));
    let mut start = Box::pin(scene.try_start("hi"));
    let raced = tokio::select! {
        biased;
        _ = &mut start => false,
        () = std::future::ready(()) => true,
    };
    assert!(raced && scene.orchestrator.hub.is_running("c"));
    drop(start);
    assert!(!scene.orchestrator.hub.is_running("c"));
}

#[tokio::test]
async fn who_goes_away_later_does_not_stop_the_turn() {
    let scene = scene();
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    let watching = scene.watch(None).unwrap();
    let mut start = Box::pin(scene.try_start("hi"));
    scene.until_stored(&mut start).await;
    // It has handed the turn over; nobody waits for the answer.
    drop(start);
    let frames = until(&watching, |frame| matches!(frame, AgentEventKind::TurnSealed {})).await;
    assert!(matches!(frames[frames.len() - 2], AgentEventKind::Done { reason: EndReason::Stop, .. }));
}

#[tokio::test]
async fn a_message_that_cannot_be_stored_is_refused_and_shown_to_nobody() {
    let scene = scene();
    let viewer = scene.watch(None).unwrap();
    let full = || Err(CallError::unavailable("disk full"));
    scene.world.append_outcomes.lock().unwrap().extend([full(), full(), full()]);
    assert_eq!(kind(scene.try_start("hi").await), CallErrorKind::Unavailable);
    assert!(!scene.orchestrator.hub.is_running("c"));
    assert!(scene.world.settled.lock().unwrap().is_empty());
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("again").await;
    assert_eq!(next(&viewer).await, AgentEventKind::UserMessage { text: "again".into() });
}

#[tokio::test]
async fn a_chosen_model_and_folder_stay_with_the_conversation() {
    let scene = scene_with(r#"{"default_model":"a/one"}"#);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let chosen = StartTurn {
        model: Text::from("b/two").into(),
        cwd: Text::from(folder.to_str().unwrap()).into(),
        ..message("hi")
    };
    for request in [chosen, message("more")] {
        scene.world.script([finishes(FinishReason::Stop)]);
        let (started, viewer) = scene.orchestrator.start(request).await.unwrap();
        assert_eq!((started.model.as_str(), started.cwd.as_str()), ("b/two", folder.to_str().unwrap()));
        rest(&viewer).await;
    }
}

#[tokio::test]
async fn a_default_is_not_kept_as_a_choice() {
    let scene = scene();
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    let conversation = scene.world.conversation().unwrap();
    assert!(conversation.model.is_none() && conversation.cwd.is_none());
}

#[tokio::test]
async fn a_late_viewer_of_a_sealed_turn_gets_all_of_it() {
    let scene = scene();
    scene.world.script([says("a"), says("b"), finishes(FinishReason::Stop)]);
    let (started, viewer) = scene.try_start("hi").await.unwrap();
    let live = rest(&viewer).await;
    let late = rest(&scene.watch(Some(&started.turn_id)).unwrap()).await;
    let words = late.iter().map(|frame| match frame {
        AgentEventKind::TextDelta { delta } => delta.as_str(),
        _ => "",
    });
    assert_eq!(words.collect::<String>(), "ab");
    let kinds = |frames: &[AgentEventKind]| {
        let mut kinds = types(frames);
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds(&late), kinds(&live));
    let unknown = scene.watch(Some(&"turn-x".into())).unwrap();
    assert_eq!(kind(unknown.begin().await), CallErrorKind::NotFound);
}

#[tokio::test]
async fn status_tells_what_runs_and_knows_no_unknown_conversation() {
    let scene = scene();
    let id = Text::from("c");
    assert_eq!(kind(scene.orchestrator.status(&id).await), CallErrorKind::NotFound);
    assert_eq!(kind(scene.orchestrator.stop(&id).await), CallErrorKind::NotFound);
    scene.world.script([Beat::Hang]);
    let viewer = scene.start("hi").await;
    let status = scene.orchestrator.status(&id).await.unwrap();
    assert_eq!((status.is_active, status.status), (true, Status::Active));
    assert!(scene.orchestrator.stop(&id).await.unwrap().aborted_turn);
    rest(&viewer).await;
    let status = scene.orchestrator.status(&id).await.unwrap();
    assert_eq!((status.is_active, status.status), (false, Status::Idle));
    assert!(!scene.orchestrator.stop(&id).await.unwrap().aborted_turn);
}

#[tokio::test]
async fn a_status_that_a_dead_host_left_behind_reads_as_idle() {
    let scene = scene();
    scene.world.script([finishes(FinishReason::Stop)]);
    scene.turn("hi").await;
    scene.world.store.lock().unwrap().logs.get_mut("c").unwrap().conversation.status = Status::Active;
    assert_eq!(scene.orchestrator.status(&"c".into()).await.unwrap().status, Status::Idle);
}

#[tokio::test]
async fn shutting_down_seals_running_turns_and_refuses_new_ones() {
    let scene = scene();
    scene.world.script([says("half"), Beat::Hang]);
    let viewer = scene.start("hi").await;
    let mut frames = until(&viewer, |frame| matches!(frame, AgentEventKind::TextDelta { .. })).await;
    scene.orchestrator.shut_down().await;
    assert_eq!(scene.world.settled.lock().unwrap()[0].record.reason, EndReason::Aborted);
    frames.extend(rest(&viewer).await);
    assert_eq!(types(&frames)[types(&frames).len() - 2..], ["done", "turn-sealed"]);
    assert_eq!(kind(scene.try_start("again").await), CallErrorKind::Unavailable);
}
