//! Commands whose routes are the orchestrator's, by the form of what is asked and answered.

use serde_json::{Value, json};

use super::stage::{Answer, Stage};
use super::{complaint, document};
use crate::host::support::{Manner, Scene};

fn conversation() -> Value {
    json!({ "id": "c", "title": "hi", "status": "active", "generation": 0, "latestPosition": 4 })
}

async fn stage(scene: &Scene, answers: impl IntoIterator<Item = (u16, Value)>) -> Stage {
    let script = answers.into_iter().map(|(status, body)| Answer::Document(status, body));
    Stage::start(scene, conversation(), script.collect()).await
}

#[tokio::test]
async fn the_last_answer_is_read_as_it_is() {
    let scene = Scene::new(Manner::Linked);
    let last = json!({ "conversationId": "c", "content": "It is a ship.\n", "turnId": "t" });
    let nothing = json!({ "conversationId": "c", "content": "" });
    let mut stage = stage(&scene, [(200, last.clone()), (200, last.clone()), (200, nothing)]).await;
    assert_eq!(scene.run(&["read", "c"]).await.output, "It is a ship.\n");
    assert_eq!(stage.request().await.0, "GET /conversations/c/last");
    assert_eq!(document(&scene.run(&["read", "c", "--json"]).await), last);
    let told = complaint(scene.run(&["read", "c"]).await, 1);
    assert!(told.contains("nothing was said in `c` yet"), "{told}");
}

#[tokio::test]
async fn a_conversation_is_opened_and_closed() {
    let scene = Scene::new(Manner::Linked);
    let closed = |aborted| (200, json!({ "conversationId": "c", "abortedTurn": aborted }));
    let away = (503, json!({ "error": "nobody answers" }));
    let mut stage =
        stage(&scene, [(200, json!({ "conversationId": "c" })), closed(true), closed(false), away]).await;
    assert_eq!(scene.run(&["open", "c"]).await.output, "c is shown wherever conversations are shown\n");
    assert_eq!(stage.request().await.0, "POST /conversations/c/open");
    assert_eq!(scene.run(&["close", "c"]).await.output, "c is closed, and its turn is stopped\n");
    assert_eq!(stage.request().await.0, "POST /conversations/c/close");
    assert_eq!(scene.run(&["close", "c"]).await.output, "c is closed\n");
    let told = complaint(scene.run(&["close", "c"]).await, 1);
    assert!(told.contains("nobody answers"), "{told}");
}

#[tokio::test]
async fn a_busy_conversation_is_told_with_what_can_be_done() {
    let scene = Scene::new(Manner::Linked);
    let busy = || (409, json!({ "error": "conversation `c` is active already", "turnId": "t" }));
    let _stage = stage(&scene, [busy(), busy()]).await;
    for command in ["chat", "send"] {
        let arguments = if command == "chat" {
            vec!["chat", "hi", "--conversation", "c"]
        } else {
            vec!["send", "c", "hi"]
        };
        let told = complaint(scene.run(&arguments).await, 2);
        assert!(told.contains("is active already") && told.contains("--queue"), "{told}");
    }
}

#[tokio::test]
async fn who_sends_may_have_the_conversation_opened() {
    let scene = Scene::new(Manner::Linked);
    let sent = json!({ "conversationId": "c", "messageId": "m", "startedTurn": false, "queue": [{}], "held": false });
    let mut stage = stage(&scene, [(200, sent), (200, json!({ "conversationId": "c" }))]).await;
    let told = scene.run(&["send", "c", "hi", "--steer", "--open"]).await;
    assert_eq!(
        (told.code, told.output.as_str()),
        (Some(0), "message m waits; 1 message in all\n"),
        "{told:?}"
    );
    let (line, body) = stage.request().await;
    assert_eq!(
        (line.as_str(), body),
        ("POST /conversations/c/queue", json!({ "text": "hi", "delivery": "steer" }))
    );
    assert_eq!(stage.request().await.0, "POST /conversations/c/open");
}
