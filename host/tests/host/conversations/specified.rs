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
async fn open_questions_are_listed_and_answered() {
    let scene = Scene::new(Manner::Linked);
    let chunk = |seq: u64, chunk: Value| json!({ "seq": seq, "role": "system", "chunk": chunk });
    let question = |id: &str| json!({ "type": "question", "questionId": id, "text": "May it write?", "choices": ["yes", "not now"] });
    let newer = json!({ "chunks": [
        chunk(7, question("q-2")), chunk(8, json!({ "type": "answer", "questionId": "q-2", "choice": "yes" })),
    ] });
    let older = json!({ "chunks": [
        chunk(4, question("q-0")), chunk(5, json!({ "type": "turn-start" })), chunk(6, question("q-1")),
    ] });
    let answers = [
        (200, newer),
        (200, older),
        (200, json!({ "open": 0 })),
        (200, json!({ "open": 1 })),
        (409, json!({ "error": "it was answered otherwise" })),
    ];
    let mut stage = stage(&scene, answers).await;
    let listed = scene.run(&["answer", "c"]).await.output;
    assert_eq!(stage.request().await.0, "GET /conversations/c?limit=100");
    assert_eq!(stage.request().await.0, "GET /conversations/c?limit=100&beforeSeq=7");
    assert!(listed.starts_with("May it write? (q-1)\n  yes: transom answer c q-1 yes --data "), "{listed}");
    assert!(listed.contains("\n  not now: transom answer c q-1 'not now' --data "), "{listed}");
    assert!(!listed.contains("q-0") && !listed.contains("q-2"), "{listed}");

    assert_eq!(scene.run(&["answer", "c", "q-1", "not now"]).await.output, "answered; the turn goes on\n");
    let (line, body) = stage.request().await;
    assert_eq!(line, "POST /conversations/c/answer");
    assert_eq!(body, json!({ "questionId": "q-1", "choice": "not now" }));
    assert_eq!(scene.run(&["answer", "c", "q-1", "yes"]).await.output, "answered; 1 question still open\n");
    let told = complaint(scene.run(&["answer", "c", "q-1", "no"]).await, 2);
    assert!(told.contains("it was answered otherwise"), "{told}");
    assert_eq!(scene.run(&["answer", "c", "q-1"]).await.code, Some(2), "a choice is missing");
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
