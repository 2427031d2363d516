//! What clients ask, and what they are answered.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::Served;
use super::client::Client;

/// Whether the connection still answers.
async fn lives(client: &mut Client) {
    let reply = client.ask(json!({ "type": "echo", "id": "alive", "a": 1 })).await;
    assert_eq!(reply, json!({ "type": "reply", "id": "alive", "op": "echo", "result": { "a": 1 } }));
}

async fn check(client: &mut Client, message: &str, answer: Value) {
    client.send(message).await;
    assert_eq!(client.json().await, answer, "{message}");
    lives(client).await;
}

#[tokio::test]
async fn a_message_that_is_none_is_named_and_the_connection_stays() {
    let served = Served::open();
    let mut client = served.client().await;
    for (message, problem) in [
        ("[1]", "the message is a list, expected an object with `type`"),
        ("null", "the message is nothing, expected an object with `type`"),
        ("{}", "field `type` is missing"),
        (r#"{"type":7}"#, "field `type` is a number, expected text"),
        (r#"{"type":""}"#, "field `type` is empty, expected the name of an operation"),
        (r#"{"type":"echo","id":[]}"#, "field `id` is a list, expected text or a number"),
    ] {
        check(&mut client, message, json!({ "type": "error", "message": problem })).await;
    }
    client.send("{oops").await;
    let answer = client.json().await;
    assert!(answer["message"].as_str().unwrap().starts_with("the message is not JSON: "), "{answer}");
    client.send(vec![1_u8, 2]).await;
    let message = "the message is binary, expected text with a JSON object";
    assert_eq!(client.json().await, json!({ "type": "error", "message": message }));
    lives(&mut client).await;
}

#[tokio::test]
async fn an_operation_that_nobody_serves_is_named_and_the_connection_stays() {
    let served = Served::open();
    let mut client = served.client().await;
    let message = "no plugin provides `todo.list` at `ws/operation`";
    let answer = json!({ "type": "error", "message": message, "op": "todo.list", "id": 3 });
    check(&mut client, r#"{"type":"todo.list","id":3}"#, answer).await;
    let answer = json!({ "type": "error", "message": "field `a` is missing", "op": "fails" });
    check(&mut client, r#"{"type":"fails"}"#, answer).await;
}

#[tokio::test]
async fn a_field_that_is_wrong_is_named_with_its_operation() {
    let served = Served::open();
    let mut client = served.client().await;
    let rules = [
        (json!({ "type": "chat.send" }), "field `message` is missing"),
        (json!({ "type": "chat.send", "message": " \n" }), "field `message` is blank, expected words"),
        (json!({ "type": "chat.send", "message": ["hi"] }), "field `message` is a list, expected text"),
        (
            json!({ "type": "chat.send", "message": "hi", "reasoningEffort": "huge" }),
            "field `reasoningEffort` is `huge`, expected one of `low`, `medium`, `high`, `xhigh`, `max`",
        ),
        (
            json!({ "type": "chat.send", "message": "hi", "stream": true }),
            "field `stream` is unknown; known are `message`, `conversationId`, `model`, `cwd`, `reasoningEffort`, `workspaceId`",
        ),
        (json!({ "type": "chat.subscribe" }), "field `conversationId` is missing"),
        (
            json!({ "type": "chat.unsubscribe", "conversationId": 7 }),
            "field `conversationId` is a number, expected text",
        ),
        (
            json!({ "type": "chat.stop", "conversationId": "a/b" }),
            "field `conversationId` is `a/b`, expected 1 to 128 of `A–Z a–z 0–9 - _ .`",
        ),
        (
            json!({ "type": "chat.subscribe", "conversationId": "c", "after": "x" }),
            "field `after`: cursor `x` is not understood, expected `<generation>:<position>:<offset>`, such as `0:12:0`",
        ),
        (json!({ "type": "chat.queue", "conversationId": "c" }), "field `text` is missing"),
        (
            json!({ "type": "chat.queue", "conversationId": "c", "text": "x", "delivery": "now" }),
            "field `delivery` is `now`, expected one of `steer`, `queue`",
        ),
        (json!({ "type": "chat.queue.cancel", "conversationId": "c" }), "field `messageId` is missing"),
        (
            json!({ "type": "chat.answer", "conversationId": "c", "questionId": "q" }),
            "field `choice` is missing",
        ),
    ];
    for (message, problem) in rules {
        let answer = client.ask(message.clone()).await;
        assert_eq!((&answer["type"], &answer["op"]), (&json!("chat.error"), &message["type"]), "{answer}");
        assert_eq!(answer["message"], problem);
        assert_eq!(answer["conversationId"].as_str(), message["conversationId"].as_str());
        lives(&mut client).await;
    }
}

#[tokio::test]
async fn what_a_larger_host_would_take_is_refused_and_starts_no_turn() {
    let served = Served::open();
    let mut client = served.client().await;
    for field in ["images", "computerId", "systemPrompt", "tools"] {
        for operation in ["chat.send", "chat.queue"] {
            let words = if operation == "chat.send" { "message" } else { "text" };
            let message = json!({ "type": operation, "conversationId": "c", words: "hi", field: ["x"] });
            let answer = client.ask(message).await;
            assert_eq!(
                (&answer["type"], &answer["op"]),
                (&json!("chat.error"), &json!(operation)),
                "{answer}"
            );
            assert_eq!(answer["message"], format!("field `{field}` is not served yet; leave it out"));
        }
    }
    lives(&mut client).await;
    assert!(served.shared.far.asked().is_empty(), "{:?}", served.shared.far.asked());
}

#[tokio::test]
async fn a_busy_conversation_is_an_error_and_nothing_is_watched() {
    let served = Served::open();
    let mut client = served.client().await;
    let answer =
        client.ask(json!({ "type": "chat.send", "conversationId": "c", "message": "busy", "id": 1 })).await;
    let message = "conversation `c` is already active";
    assert_eq!(
        answer,
        json!({ "type": "chat.error", "conversationId": "c", "message": message, "op": "chat.send", "id": 1 })
    );
    client.say(&json!({ "type": "chat.subscribe", "conversationId": "first" })).await;
    assert_eq!(served.fake().watched().await.0.conversation_id, "first");
}

#[tokio::test]
async fn the_text_of_a_panic_is_not_for_clients() {
    let served = Served::open();
    let mut client = served.client().await;
    let answer = client.ask(json!({ "type": "chat.send", "conversationId": "c", "message": "panic" })).await;
    assert!(!answer.to_string().contains("inside.rs") && answer["type"] == "chat.error", "{answer}");
}

#[tokio::test]
async fn operations_reach_who_serves_them() {
    let served = Served::open();
    served.fake().has_queue.store(true, Ordering::Relaxed);
    let mut client = served.client().await;
    for (message, result) in [
        (
            json!({ "type": "chat.stop", "id": 1, "conversationId": "c" }),
            json!({ "conversationId": "c", "abortedTurn": true }),
        ),
        (
            json!({ "type": "chat.answer", "id": 2, "conversationId": "c", "questionId": "q", "choice": "yes" }),
            json!({ "open": 0 }),
        ),
        (
            json!({ "type": "chat.queue.cancel", "id": 3, "conversationId": "c", "messageId": "m" }),
            json!({ "cancelled": false, "conversationId": "c", "queue": [], "held": false }),
        ),
    ] {
        let reply = client.ask(message.clone()).await;
        assert_eq!(
            reply,
            json!({ "type": "reply", "id": message["id"], "op": message["type"], "result": result })
        );
    }
    let queued =
        json!({ "type": "chat.queue", "id": 4, "conversationId": "c", "text": "more", "delivery": "steer" });
    assert_eq!(client.ask(queued).await["result"]["startedTurn"], false);
    // Without an id what it does shows elsewhere, and nothing is replied.
    client.say(&json!({ "type": "chat.stop", "conversationId": "c" })).await;
    lives(&mut client).await;
    assert_eq!(
        served.fake().asked(),
        ["stop c", "answer q yes", "requeue m false", "enqueue more Steer", "stop c"]
    );
}

#[tokio::test]
async fn without_a_queue_who_queues_is_told_so() {
    let served = Served::open();
    let mut client = served.client().await;
    for message in [
        json!({ "type": "chat.queue", "conversationId": "c", "text": "more" }),
        json!({ "type": "chat.queue.cancel", "conversationId": "c", "messageId": "m" }),
    ] {
        let answer = client.ask(message).await;
        assert_eq!(
            answer["message"],
            "the message queue is not there: send the message when the turn has ended"
        );
    }
}

#[tokio::test]
async fn one_conversation_is_served_in_order_and_others_beside_it() {
    let served = Served::open();
    let mut client = served.client().await;
    client.say(&json!({ "type": "chat.send", "id": 1, "conversationId": "c", "message": "slow" })).await;
    client.say(&json!({ "type": "chat.stop", "id": 2, "conversationId": "c" })).await;
    let reply = client.ask(json!({ "type": "chat.stop", "id": 3, "conversationId": "d" })).await;
    assert_eq!(reply["id"], 3, "it does not wait for the other conversation");
    assert_eq!(served.fake().asked(), ["stop d"]);
    served.fake().gate.add_permits(1);
    assert_eq!(client.json().await["id"], 1);
    assert_eq!(client.json().await["id"], 2);
    assert_eq!(served.fake().asked(), ["stop d", "start c slow", "stop c"]);
}
