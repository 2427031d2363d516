//! What a start goes by: the request, the conversation, its workspace, the settings.

use transom_agent::conversation::Update;
use transom_agent::provider::{FinishReason, ReasoningEffort};
use transom_agent::turn::StartTurn;
use transom_plugin_api::{CallErrorKind, Maybe, Text};

use crate::edges::fake::scene::{Scene, message, rest, scene};
use crate::edges::fake::{finishes, says};

/// A turn of that request, to its end.
async fn turn(scene: &Scene, request: StartTurn) {
    scene.world.script([says("a"), finishes(FinishReason::Stop)]);
    rest(&scene.orchestrator.start(request).await.unwrap().1).await;
}

fn effort(scene: &Scene) -> ReasoningEffort {
    scene.world.requests.lock().unwrap().last().unwrap().reasoning_effort.clone()
}

#[tokio::test]
async fn effort_follows_the_request_then_the_conversation_then_is_high() {
    let scene = scene();
    turn(&scene, message("hi")).await;
    assert_eq!(effort(&scene), ReasoningEffort::High);
    scene.world.store.lock().unwrap().logs.get_mut("c").unwrap().conversation.reasoning_effort =
        Maybe::Some(ReasoningEffort::Low);
    turn(&scene, message("hi")).await;
    assert_eq!(effort(&scene), ReasoningEffort::Low);
    turn(&scene, StartTurn { reasoning_effort: Maybe::Some(ReasoningEffort::Max), ..message("hi") }).await;
    assert_eq!(effort(&scene), ReasoningEffort::Max);
}

#[tokio::test]
async fn a_choice_is_stored_once() {
    let scene = scene();
    let chosen = StartTurn { model: Text::from("b/two").into(), ..message("hi") };
    for _ in 0..3 {
        turn(&scene, chosen.clone()).await;
    }
    assert_eq!(scene.world.count("update"), 1);
}

#[tokio::test]
async fn a_conversation_that_chose_no_folder_works_in_its_workspace_s() {
    let scene = scene();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    scene.world.workspace_folders.lock().unwrap().insert("team".into(), folder.to_str().unwrap().into());
    turn(&scene, StartTurn { workspace_id: Text::from("team").into(), ..message("hi") }).await;
    turn(&scene, message("more")).await;
    let started = scene.world.started.lock().unwrap();
    assert!(started.iter().all(|started| started.cwd == folder.to_str().unwrap()));
    let known = scene.world.conversation().unwrap();
    assert_eq!((known.workspace_id.as_str(), known.cwd.is_none()), ("team", true));
}

#[tokio::test]
async fn a_conversation_that_is_there_stays_in_its_workspace() {
    let scene = scene();
    turn(&scene, message("hi")).await;
    turn(&scene, StartTurn { workspace_id: Text::from("team").into(), ..message("more") }).await;
    assert_eq!(scene.world.conversation().unwrap().workspace_id, "default");
    assert_eq!(scene.world.count("update"), 0);
}

#[tokio::test]
async fn a_message_with_an_id_is_stored_by_it_and_only_once() {
    let scene = scene();
    let request = StartTurn { message_id: Text::from("m1").into(), ..message("hi") };
    turn(&scene, request.clone()).await;
    assert_eq!(scene.world.stored()[0].id, "m1");
    let again = scene.orchestrator.start(request).await.unwrap_err();
    assert_eq!(again.kind, CallErrorKind::Conflict);
    assert!(again.message.contains("`m1`"), "{again}");
    turn(&scene, message("more")).await;
}

#[tokio::test]
async fn a_model_that_is_gone_refuses_the_start_and_nothing_is_stored() {
    let scene = scene();
    let update = Update { conversation_id: "c".into(), model: Text::from("x/y").into(), ..Update::default() };
    scene.world.store.lock().unwrap().update(update);
    assert_eq!(scene.try_start("hi").await.unwrap_err().kind, CallErrorKind::InvalidInput);
    assert_eq!(scene.world.count("append"), 0);
}

#[tokio::test]
async fn who_asks_for_a_conversation_to_be_seen_is_heard() {
    let scene = scene();
    let unknown = scene.orchestrator.open(&"c".into()).await.unwrap_err();
    assert_eq!(unknown.kind, CallErrorKind::NotFound);
    turn(&scene, message("hi")).await;
    scene.orchestrator.open(&"c".into()).await.unwrap();
    let opened = scene.world.opened.lock().unwrap();
    assert_eq!((opened.len(), opened[0].workspace_id.as_str()), (1, "default"));
}

#[tokio::test]
async fn closing_stops_the_turn_and_stays_until_somebody_sends_a_message() {
    use transom_agent::conversation::Status;
    let scene = scene();
    let id = Text::from("c");
    assert_eq!(scene.orchestrator.close(&id).await.unwrap_err().kind, CallErrorKind::NotFound);
    scene.world.script([says("a"), crate::edges::fake::Beat::Hang]);
    let viewer = scene.start("hi").await;
    assert!(scene.orchestrator.close(&id).await.unwrap().aborted_turn);
    rest(&viewer).await;
    assert_eq!(scene.world.status(), Some(Status::Closed));
    turn(&scene, message("again")).await;
    assert_eq!(scene.world.status(), Some(Status::Idle));
}
