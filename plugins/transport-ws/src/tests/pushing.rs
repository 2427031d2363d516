//! What plugins push.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio::time::timeout;
use transom_plugin_api::CallError;

use super::fake::{push, retired};
use super::{BOUND, Served};

fn subscribe(fields: Value) -> Value {
    let mut message = json!({ "type": "tides.subscribe", "id": 1 });
    message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    message
}

#[tokio::test]
async fn a_subscription_is_replied_to_with_its_first_push_and_goes_on() {
    let served = Served::open();
    let mut client = served.client().await;
    client.say(&subscribe(json!({ "port": "Hull", "east": null }))).await;
    let (input, pushes) = served.fake().subscribed().await;
    assert_eq!(input.value(), json!({ "port": "Hull" }));
    pushes.send(push("tides.high", json!({ "m": 5, "type": "x" }))).unwrap();
    let reply = json!({ "type": "reply", "op": "tides.subscribe", "id": 1, "result": null });
    assert_eq!(client.json().await, reply);
    assert_eq!(client.text().await, r#"{"type":"tides.high","m":5}"#);
    // It is subscribed to already.
    assert_eq!(client.ask(subscribe(json!({ "port": "Hull" }))).await, reply);
    pushes.send(push("tides.low", json!({ "m": 1 }))).unwrap();
    assert_eq!(client.json().await, json!({ "type": "tides.low", "m": 1 }));
}

#[tokio::test]
async fn who_ends_a_subscription_or_leaves_is_pushed_nothing_more() {
    let served = Served::open();
    let mut client = served.client().await;
    let mut streams = Vec::new();
    for port in ["Hull", "Leith"] {
        client.say(&subscribe(json!({ "port": port }))).await;
        let (_, pushes) = served.fake().subscribed().await;
        pushes.send(push("tides.high", json!({}))).unwrap();
        client.json().await;
        client.json().await;
        streams.push(pushes);
    }
    let end = json!({ "type": "tides.unsubscribe", "port": "Hull", "id": 2 });
    for _ in 0..2 {
        assert_eq!(client.ask(end.clone()).await["type"], "reply");
    }
    timeout(BOUND, streams[0].closed()).await.expect("it is not read any more");
    assert!(!streams[1].is_closed());
    drop(client);
    timeout(BOUND, streams[1].closed()).await.expect("nobody is there");
}

#[tokio::test]
async fn a_subscription_that_is_refused_is_an_error_and_one_that_breaks_is_told() {
    let served = Served::open();
    let mut client = served.client().await;
    client.say(&subscribe(json!({ "port": "Ys" }))).await;
    let (_, pushes) = served.fake().subscribed().await;
    pushes.send(Err(CallError::not_found("there is no port `Ys`"))).unwrap();
    let told =
        |message: &str| json!({ "type": "error", "op": "tides.subscribe", "id": 1, "message": message });
    assert_eq!(client.json().await, told("there is no port `Ys`"));
    client.say(&subscribe(json!({ "port": "Ys" }))).await;
    let (_, pushes) = served.fake().subscribed().await;
    pushes.send(push("tides.high", json!({}))).unwrap();
    pushes.send(Err(CallError::failed("the gauge is broken"))).unwrap();
    assert_eq!(client.json().await["type"], "reply");
    assert_eq!(client.json().await["type"], "tides.high");
    assert_eq!(client.json().await, told("the gauge is broken"));
}

#[tokio::test]
async fn nobody_pushes_under_the_name_of_somebody_else() {
    let served = Served::open();
    let mut client = served.client().await;
    for kind in ["chat.delta", "tides", "tidesx.high"] {
        client.say(&subscribe(json!({}))).await;
        let (_, pushes) = served.fake().subscribed().await;
        pushes.send(push(kind, json!({}))).unwrap();
        let told = client.json().await;
        assert_eq!(
            told["message"],
            format!("subscription `tides` pushed `{kind}`, expected a type that begins with `tides.`")
        );
    }
}

#[tokio::test]
async fn a_reload_of_who_pushes_shows_nowhere() {
    let served = Served::open();
    let mut client = served.client().await;
    client.say(&subscribe(json!({ "port": "Hull" }))).await;
    let (_, pushes) = served.fake().subscribed().await;
    pushes.send(push("tides.high", json!({ "m": 5 }))).unwrap();
    client.json().await;
    client.json().await;
    served.fake().is_away.store(true, Ordering::Relaxed);
    drop(pushes);
    served.fake().is_away.store(false, Ordering::Relaxed);
    let (input, pushes) = served.fake().subscribed().await;
    assert_eq!(input.value(), json!({ "port": "Hull" }));
    pushes.send(Err(retired().unwrap_err())).unwrap();
    let (_, pushes) = served.fake().subscribed().await;
    pushes.send(push("tides.low", json!({ "m": 1 }))).unwrap();
    assert_eq!(client.json().await, json!({ "type": "tides.low", "m": 1 }));
}

#[tokio::test]
async fn a_client_that_takes_nothing_lets_go_of_who_pushes_and_is_shown_the_latest() {
    let served = Served::open();
    let mut client = served.client().await;
    client.say(&subscribe(json!({}))).await;
    let (_, pushes) = served.fake().subscribed().await;
    let much = "x".repeat(60_000);
    // More than all buffers on the way hold.
    for number in 0..400 {
        let _ = pushes.send(push("tides.high", json!({ "number": number, "much": much })));
    }
    timeout(BOUND, pushes.closed()).await.expect("it is let go of");
    assert_eq!(client.json().await["type"], "reply");
    let mut next = std::pin::pin!(served.fake().subscribed());
    let (_, pushes) = loop {
        tokio::select! {
            biased;
            subscribed = next.as_mut() => break subscribed,
            told = client.json() => assert_eq!(told["type"], "tides.high"),
        }
    };
    pushes.send(push("tides.low", json!({ "latest": true }))).unwrap();
    loop {
        let told = client.json().await;
        if told["type"] == "tides.low" {
            break assert_eq!(told["latest"], true);
        }
    }
}

#[tokio::test]
async fn one_subscription_too_many_is_refused_and_they_keep_nothing_else_from_being_done() {
    let served = Served::open();
    let mut client = served.client().await;
    let mut streams = Vec::new();
    for number in 0..3 {
        client.say(&subscribe(json!({ "number": number }))).await;
        let (_, pushes) = served.fake().subscribed().await;
        pushes.send(push("tides.high", json!({}))).unwrap();
        client.json().await;
        client.json().await;
        streams.push(pushes);
    }
    let told = client.ask(subscribe(json!({ "number": 3 }))).await;
    assert_eq!(told["message"], "this connection has 3 subscriptions at plugins already: end one");
    client.ask(json!({ "type": "tides.unsubscribe", "number": 0, "id": 5 })).await;
    client.say(&subscribe(json!({ "number": 3 }))).await;
    let (input, _pushes) = served.fake().subscribed().await;
    assert_eq!(input.value(), json!({ "number": 3 }));
    assert_eq!(client.ask(json!({ "type": "echo", "id": 6 })).await["type"], "reply");
    assert!(client.ask(json!({ "type": "x.subscribe" })).await["message"].is_string());
}
