//! `POST /chat` from body to last frame, and the bodies of the other routes.

use transom_agent::conversation::Update;
use transom_agent::event::AgentEventKind;
use transom_agent::provider::FinishReason;
use transom_agent::reach::HttpFrame;
use transom_plugin_api::CallErrorKind;

use super::stream::FrameSink;
use super::*;
use crate::edges::fake::scene::{Scene, rest, scene, scene_with, until};
use crate::edges::fake::{Beat, finishes, says};

#[derive(Default)]
struct Seen {
    heads: Vec<(u16, String)>,
    data: Vec<Value>,
    ids: Vec<Option<String>>,
    goes_on: Option<HttpRequest>,
    resumes: Option<HttpRequest>,
}

impl Seen {
    fn types(&self) -> Vec<&str> {
        self.data.iter().map(|event| event["type"].as_str().unwrap()).collect()
    }
}

impl FrameSink for Seen {
    async fn send(&mut self, frame: HttpFrame) {
        assert!(self.goes_on.is_none(), "that was the last");
        match frame {
            HttpFrame::Head { status, headers } => {
                let id = headers.get("X-Conversation-Id").unwrap().to_string();
                self.heads.push((status, id));
            }
            HttpFrame::Data { data, id } => {
                self.data.push(data.value());
                self.ids.push(id.into_option().map(Into::into));
            }
            HttpFrame::GoOn { request } => self.goes_on = Some(request),
            HttpFrame::Resume { request } => self.resumes = Some(request),
            HttpFrame::Unknown(frame) => panic!("{frame:?}"),
        }
    }
}

async fn chat(scene: &Scene, body: Value) -> (Seen, Result<(), CallError>) {
    let request = HttpRequest { body: body.into(), ..HttpRequest::new("POST", "/chat") };
    let mut seen = Seen::default();
    let outcome = stream::chat(&scene.orchestrator, &request, &mut seen).await;
    (seen, outcome)
}

fn asks(query: &[(&str, &str)]) -> HttpRequest {
    let mut request = HttpRequest::new("GET", "/conversations/c/events").with_param("id", "c");
    for (key, value) in query {
        request.query.insert(*key, Text::from(*value));
    }
    request
}

async fn events(scene: &Scene, request: &HttpRequest) -> (Seen, Result<(), CallError>) {
    let mut seen = Seen::default();
    let outcome = stream::events(&scene.orchestrator, request, &mut seen).await;
    (seen, outcome)
}

/// Makes the conversation in which nothing was said yet.
fn make(scene: &Scene) {
    let update = Update { conversation_id: "c".into(), ..Update::default() };
    scene.world.store.lock().unwrap().update(update);
}

/// What has arrived when nothing more does.
async fn so_far(scene: &Scene, request: &HttpRequest) -> Seen {
    let mut seen = Seen::default();
    tokio::select! {
        biased;
        outcome = stream::events(&scene.orchestrator, request, &mut seen) => panic!("{outcome:?}"),
        () = many_turns() => {}
    }
    seen
}

/// Lets everybody else run who can: nothing here waits for anything but the fake log, which takes a few turns.
async fn many_turns() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_chat_streams_its_turn_up_to_the_seal() {
    let scene = scene();
    scene.world.script([says("hello"), finishes(FinishReason::Stop)]);
    let (seen, outcome) = chat(&scene, json!({ "message": "hi", "conversationId": "c" })).await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(seen.heads, [(200, "c".to_owned())]);
    assert_eq!(
        seen.types(),
        ["user-message", "turn-start", "text-delta", "step-complete", "done", "turn-sealed"]
    );
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
    assert_eq!(seen.types()[3..], ["error", "step-complete", "done", "turn-sealed"]);
}

#[tokio::test]
async fn a_busy_conversation_is_a_conflict_that_names_the_turn() {
    let scene = scene();
    scene.world.script([Beat::Hang]);
    let (started, viewer) = scene.try_start("hi").await.unwrap();
    let (seen, outcome) = chat(&scene, json!({ "message": "hi", "conversationId": "c" })).await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(seen.heads, [(409, "c".to_owned())]);
    assert_eq!((seen.data.len(), &seen.data[0]["turnId"]), (1, &json!(started.turn_id)));
    assert!(seen.data[0]["error"].as_str().unwrap().contains("already active"), "{}", seen.data[0]);
    assert_eq!(seen.ids, [None]);
    scene.stop();
    rest(&viewer).await;
}

#[tokio::test]
async fn the_id_of_an_event_is_the_cursor_behind_it() {
    let scene = scene();
    scene.world.script([says("hello"), says(" you"), finishes(FinishReason::Stop)]);
    let (seen, _) = chat(&scene, json!({ "message": "hi", "conversationId": "c" })).await;
    for (index, id) in seen.ids.iter().enumerate() {
        let id = id.as_deref().unwrap();
        let after = so_far(&scene, &asks(&[("after", id)])).await;
        // A text in several pieces may come in one.
        let words = |events: &[Value]| -> String {
            events.iter().filter_map(|event| event["delta"].as_str()).collect()
        };
        assert_eq!(words(&after.data), words(&seen.data[index + 1..]), "{id}");
        assert_eq!(after.data.is_empty(), index + 1 == seen.data.len());
        let again = HttpRequest { last_event_id: Text::from(id).into(), ..asks(&[]) };
        assert_eq!(so_far(&scene, &again).await.data, after.data);
        // What the request names counts, not what the client's library adds.
        let other = HttpRequest { last_event_id: Text::from("0:0:0").into(), ..asks(&[("after", id)]) };
        assert_eq!(so_far(&scene, &other).await.data, after.data);
    }
}

#[tokio::test]
async fn events_of_a_turn_end_with_its_seal() {
    let scene = scene();
    scene.world.script([says("hello"), finishes(FinishReason::Stop)]);
    let (started, viewer) = scene.try_start("hi").await.unwrap();
    rest(&viewer).await;
    let (seen, outcome) = events(&scene, &asks(&[("turnId", &started.turn_id)])).await;
    assert_eq!((outcome, &seen.heads[..]), (Ok(()), &[(200, "c".to_owned())][..]));
    assert_eq!(seen.types().first(), Some(&"user-message"));
    assert_eq!(seen.types().last(), Some(&"turn-sealed"));
}

#[tokio::test]
async fn events_that_cannot_be_shown_are_refused_before_the_head() {
    let scene = scene();
    let (_, outcome) = events(&scene, &asks(&[])).await;
    assert_eq!(outcome.unwrap_err().kind, CallErrorKind::NotFound, "there is no such conversation");
    make(&scene);
    for (query, kind, message) in [
        (("after", "soon"), CallErrorKind::InvalidInput, "expected `<generation>:<position>:<offset>`"),
        (
            ("from", "1"),
            CallErrorKind::InvalidInput,
            "`from` in the query is unknown; known are `after`, `turnId`",
        ),
        (("turnId", "turn-x"), CallErrorKind::NotFound, "there is no turn `turn-x`"),
    ] {
        let (seen, outcome) = events(&scene, &asks(&[query])).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.kind, seen.heads.len()), (kind, 0));
        assert!(error.message.contains(message), "{}", error.message);
    }
}

#[tokio::test]
async fn a_stream_whose_plugin_is_replaced_goes_on_with_what_follows() {
    let scene = scene();
    scene.world.script([says("hello"), Beat::Hang]);
    let request = HttpRequest {
        body: json!({ "message": "hi", "conversationId": "c" }).into(),
        ..HttpRequest::new("POST", "/chat")
    };
    let mut seen = Seen::default();
    let outcome = tokio::join!(stream::chat(&scene.orchestrator, &request, &mut seen), async {
        let watching = scene.watch(None).unwrap();
        until(&watching, |frame| matches!(frame, AgentEventKind::TextDelta { .. })).await;
        scene.orchestrator.retire_viewers();
    });
    assert_eq!(outcome.0, Ok(()));
    let go_on = seen.goes_on.take().unwrap();
    assert_eq!((go_on.method.as_str(), go_on.path.as_str()), ("GET", "/conversations/c/events"));
    assert_eq!(go_on.query.get("after").map(Text::as_str), seen.ids.last().unwrap().as_deref());
    assert_eq!(go_on.param("id"), "c");
    scene.stop();
    let (after, outcome) = events(&scene, &go_on).await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(after.types(), ["step-complete", "done", "turn-sealed"]);
}

#[tokio::test]
async fn a_stream_says_how_it_goes_on_where_it_was_left() {
    let scene = scene();
    scene.world.script([says("hello"), finishes(FinishReason::Stop)]);
    let (whole, _) = chat(&scene, json!({ "message": "hi", "conversationId": "c" })).await;
    let resume = whole.resumes.clone().unwrap();
    assert_eq!(resume.query.get("after"), None);
    for (index, id) in whole.ids.iter().enumerate() {
        let left = HttpRequest { last_event_id: id.clone().map(Text::from).into(), ..resume.clone() };
        let (rest, outcome) = events(&scene, &left).await;
        let told = |events: &[Value]| -> Vec<(Value, Value)> {
            events.iter().map(|event| (event["position"].clone(), event["delta"].clone())).collect()
        };
        assert_eq!((outcome, told(&rest.data)), (Ok(()), told(&whole.data[index + 1..])), "{id:?}");
    }
    let behind = so_far(&scene, &asks(&[("after", "0:3:0")])).await.resumes.unwrap();
    assert_eq!((behind.last_event_id.as_deref(), behind.query.get("after")), (Some("0:3:0"), None));
}

#[tokio::test]
async fn one_who_waits_goes_on_where_he_stood_when_the_plugin_is_replaced() {
    let scene = scene();
    scene.world.script([finishes(FinishReason::Stop)]);
    let (seen, _) = chat(&scene, json!({ "message": "hi", "conversationId": "c" })).await;
    let mut waiting = Seen::default();
    let request = asks(&[]);
    let outcome = tokio::join!(stream::events(&scene.orchestrator, &request, &mut waiting), async {
        many_turns().await;
        scene.orchestrator.retire_viewers();
    });
    assert_eq!(outcome.0, Ok(()));
    let go_on = waiting.goes_on.take().unwrap();
    assert_eq!(go_on.query.get("after").map(Text::as_str), seen.ids.last().unwrap().as_deref());
    assert_eq!(go_on.query.get("turnId"), None);
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

#[tokio::test]
async fn nobody_watches_before_what_the_last_run_has_left_is_in_order() {
    let scene = Scene::in_world(Arc::default(), "{}");
    scene.world.clock.stand_still();
    make(&scene);
    assert!(so_far(&scene, &asks(&[])).await.heads.is_empty());
    scene.orchestrator.assume_repaired();
    assert_eq!(so_far(&scene, &asks(&[])).await.heads, [(200, "c".to_owned())]);
}
