//! `POST /chat` from body to last frame, and the bodies of the other routes.

use transom_agent::provider::FinishReason;

use super::*;
use crate::edges::fake::scene::{Scene, rest, scene, scene_with};
use crate::edges::fake::{Beat, finishes, says};

#[derive(Default)]
struct Seen {
    heads: Vec<(u16, String)>,
    data: Vec<Value>,
}

impl FrameSink for Seen {
    async fn send(&mut self, frame: HttpFrame) {
        match frame {
            HttpFrame::Head { status, headers } => {
                let id = headers.get("X-Conversation-Id").unwrap().to_string();
                self.heads.push((status, id));
            }
            HttpFrame::Data { data, .. } => self.data.push(data.value()),
            HttpFrame::GoOn { request } => panic!("{request:?}"),
            HttpFrame::Unknown(frame) => panic!("{frame:?}"),
        }
    }
}

async fn chat(scene: &Scene, body: Value) -> (Seen, Result<(), CallError>) {
    let request = HttpRequest { body: body.into(), ..HttpRequest::new("POST", "/chat") };
    let mut seen = Seen::default();
    let outcome = stream_chat(&scene.orchestrator, &request, &mut seen).await;
    (seen, outcome)
}

#[tokio::test]
async fn a_chat_streams_its_turn_up_to_the_seal() {
    let scene = scene();
    scene.world.script([says("hello"), finishes(FinishReason::Stop)]);
    let (seen, outcome) = chat(&scene, json!({ "message": "hi", "conversationId": "c" })).await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(seen.heads, [(200, "c".to_owned())]);
    let types: Vec<_> = seen.data.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["user-message", "turn-start", "text-delta", "step-complete", "done", "turn-sealed"]);
    assert_eq!(seen.data[2]["delta"], "hello");
    assert_eq!(seen.data[2]["conversationId"], "c");
    assert_eq!(seen.data[4]["reason"], "stop");
}

#[tokio::test]
async fn a_chat_without_a_conversation_begins_one_and_tells_its_id() {
    let scene = scene();
    scene.world.script([finishes(FinishReason::Stop)]);
    let (seen, _) = chat(&scene, json!({ "message": "hi" })).await;
    assert_eq!(seen.heads[0].1.len(), 36);
    assert_eq!(seen.data[0]["conversationId"].as_str(), Some(seen.heads[0].1.as_str()));
}

#[tokio::test]
async fn a_failing_turn_is_streamed_to_its_seal_like_any_other() {
    let scene = scene();
    scene.world.script([says("a")]);
    let (seen, _) = chat(&scene, json!({ "message": "hi" })).await;
    let types: Vec<_> = seen.data.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types[3..], ["error", "step-complete", "done", "turn-sealed"]);
}

#[tokio::test]
async fn a_busy_conversation_is_told_in_the_stream() {
    let scene = scene();
    scene.world.script([Beat::Hang]);
    let viewer = scene.start("hi").await;
    let (seen, outcome) = chat(&scene, json!({ "message": "hi", "conversationId": "c" })).await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(seen.heads, [(200, "c".to_owned())]);
    assert_eq!(seen.data.len(), 1);
    let event = &seen.data[0];
    assert_eq!(
        (&event["type"], &event["turnId"], &event["code"]),
        (&json!("error"), &json!(""), &json!("already-active"))
    );
    scene.stop();
    rest(&viewer).await;
}

#[tokio::test]
async fn what_is_refused_is_refused_before_the_head() {
    let scene = scene();
    for (body, field) in [
        (json!({ "message": "hi", "x": 1 }), "field `x`"),
        (json!({ "message": "hi", "model": "x/y" }), "`model`"),
        (json!({ "message": "hi", "conversationId": "a b" }), "`conversationId`"),
        (json!({ "message": "hi", "cwd": "/" }), "`cwd`"),
    ] {
        let (seen, outcome) = chat(&scene, body).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind, CallErrorKind::InvalidInput);
        assert!(error.message.starts_with(field), "{}", error.message);
        assert!(seen.heads.is_empty() && seen.data.is_empty());
    }
}

#[test]
fn models_are_listed_with_what_is_known_and_the_default() {
    let body = |settings| models_body(scene_with(settings).orchestrator.models());
    let about = json!({ "provider": "fake", "contextWindow": 1000, "vision": false });
    assert_eq!(
        body("{}"),
        json!({ "models": ["a/one", "b/two"], "modelInfo": { "a/one": about, "b/two": about }, "default": "a/one" })
    );
    assert_eq!(body(r#"{"default_model":"b/two"}"#)["default"], "b/two");
    assert_eq!(body(r#"{"default_model":"x/y"}"#)["default"], Value::Null);
}
