//! The routes, from request to reply.

use transom_agent::queue::Delivery;
use transom_plugin_api::CallErrorKind;

use super::*;
use crate::queues::scene::Scene;

fn request(method: &str, message_id: &str, body: Value) -> HttpRequest {
    let request = HttpRequest::new(method, "/").with_param("id", "c").with_param("messageId", message_id);
    HttpRequest { body: body.into(), ..request }
}

async fn post(scene: &Scene, body: Value) -> Value {
    let request = request("POST", "", body);
    enqueue(Arc::clone(&scene.queues), &request).await.unwrap().body.value()
}

#[tokio::test]
async fn a_message_that_begins_a_turn_is_told_so() {
    let scene = Scene::new();
    let told = post(&scene, json!({ "text": " hello " })).await;
    let message_id = told["messageId"].clone();
    let turn_id = scene.fake.world().running.clone().unwrap();
    assert_eq!(
        told,
        json!({
            "messageId": message_id, "startedTurn": true, "turnId": turn_id,
            "conversationId": "c", "queue": [], "held": false,
        })
    );
    assert_eq!(scene.said(), ["hello"]);
}

#[tokio::test]
async fn messages_that_wait_are_listed_reworded_and_taken_out() {
    let scene = Scene::busy();
    let told = post(&scene, json!({ "text": "a", "delivery": "steer" })).await;
    let id = told["messageId"].as_str().unwrap();
    assert_eq!((&told["startedTurn"], &told["turnId"]), (&json!(false), &Value::Null));
    let reply = reword(&scene.queues, &request("PUT", id, json!({ "text": "b" }))).await.unwrap();
    let queued_at = scene.list().await.queue[0].queued_at;
    let message = json!({ "id": id, "text": "b", "delivery": "steer", "queuedAt": queued_at });
    assert_eq!(reply.body.value(), json!({ "conversationId": "c", "queue": [message], "held": false }));
    let reply = cancel(&scene.queues, &request("DELETE", id, Value::Null)).await.unwrap();
    let gone =
        |cancelled| json!({ "conversationId": "c", "cancelled": cancelled, "queue": [], "held": false });
    assert_eq!(reply.body.value(), gone(true));
    let reply = cancel(&scene.queues, &request("DELETE", id, Value::Null)).await.unwrap();
    assert_eq!((reply.status, reply.body.value()), (200, gone(false)));
}

#[tokio::test]
async fn other_words_for_a_message_that_does_not_wait_are_not_found() {
    let scene = Scene::busy();
    let sent = scene.send("a", Delivery::Steer).await.unwrap();
    scene.take().await.expect("it is on its way");
    for id in [sent.message_id.as_str(), "nobody"] {
        let error = reword(&scene.queues, &request("PUT", id, json!({ "text": "b" }))).await.unwrap_err();
        assert_eq!(error.kind, CallErrorKind::NotFound);
    }
}
