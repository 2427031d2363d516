//! What a client may take, and what becomes of one that takes more, or nothing.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::fake::delta;
use super::{BOUND, LIMITS, MESSAGE_LIMIT, Served};
use crate::connection::Limits;

#[tokio::test]
async fn a_message_over_the_limit_closes_the_connection_and_says_why() {
    let served = Served::open();
    let message = |bytes: usize| {
        let empty = json!({ "type": "echo", "a": "" }).to_string();
        json!({ "type": "echo", "a": "x".repeat(bytes - empty.len()) }).to_string()
    };
    let mut client = served.client().await;
    client.send(message(MESSAGE_LIMIT)).await;
    assert_eq!(client.json().await["type"], "reply");
    client.send(message(MESSAGE_LIMIT + 1)).await;
    assert_eq!(client.close_code().await, 1009);
    let mut client = served.client().await;
    client.send(message(300 * MESSAGE_LIMIT)).await;
    assert_eq!(client.close_code().await, 1009, "whatever is behind it");
}

#[tokio::test]
async fn a_connection_watches_only_so_many_conversations() {
    let served = Served::open();
    let mut client = served.client().await;
    let subscribe =
        |conversation: String| json!({ "type": "chat.subscribe", "id": 1, "conversationId": conversation });
    let mut streams = Vec::new();
    for number in 1..=3 {
        assert_eq!(client.ask(subscribe(format!("c-{number}"))).await["type"], "reply");
        streams.push(served.fake().watched().await);
    }
    let refused = client.ask(subscribe("c-4".to_owned())).await;
    assert_eq!(
        (refused["type"].as_str(), refused["message"].as_str()),
        (Some("chat.error"), Some("this connection watches 3 conversations already: unsubscribe from one"))
    );
    client.say(&json!({ "type": "chat.send", "conversationId": "c-5", "message": "hi" })).await;
    assert_eq!(client.json().await["conversationId"], "c-5", "the turn runs, but is not watched");
    client.ask(json!({ "type": "chat.unsubscribe", "id": 2, "conversationId": "c-1" })).await;
    assert_eq!(client.ask(subscribe("c-4".to_owned())).await["type"], "reply");
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_gone() {
    let served = Served::with(Limits { ping: Duration::from_millis(20), ..LIMITS }, None);
    let mut client = served.client().await;
    client.say(&json!({ "type": "chat.subscribe", "conversationId": "c" })).await;
    let (_, frames) = served.fake().watched().await;
    // It reads what comes, and says nothing.
    let mut silent = Vec::new();
    timeout(BOUND, client.raw().read_to_end(&mut silent)).await.expect("it is closed").unwrap();
    timeout(BOUND, frames.closed()).await.expect("what it watched is dropped");
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let served = Served::with(Limits { ping: Duration::from_millis(20), ..LIMITS }, None);
    let mut client = served.client().await;
    let mut pings = 0;
    while pings < 10 {
        let came = client.message().await.expect("it is open");
        pings += usize::from(matches!(came, Message::Ping(_)));
    }
    client.say(&json!({ "type": "echo", "id": 1 })).await;
    assert_eq!(client.json().await["id"], 1);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let served = Served::with(Limits { stall: Duration::from_millis(100), ..LIMITS }, None);
    let mut client = served.client().await;
    client.say(&json!({ "type": "chat.subscribe", "conversationId": "c" })).await;
    let (_, frames) = served.fake().watched().await;
    // More than the system itself keeps for a connection.
    for position in 1..=300 {
        let _ = frames.send(delta("c", position, &"x".repeat(100_000)));
    }
    timeout(BOUND, frames.closed()).await.expect("what it watched is dropped");
}

#[tokio::test]
async fn a_client_that_reads_slowly_holds_up_nobody_and_loses_nothing() {
    let served = Served::open();
    let (mut slow, mut fast) = (served.client().await, served.client().await);
    let mut streams = Vec::new();
    for client in [&mut slow, &mut fast] {
        client.say(&json!({ "type": "chat.subscribe", "conversationId": "c" })).await;
        streams.push(served.fake().watched().await.1);
    }
    let (number, text) = (300, "x".repeat(100_000));
    for position in 1..=number {
        for stream in &streams {
            stream.send(delta("c", position, &text)).unwrap();
        }
    }
    let reading = async {
        for client in [&mut fast, &mut slow] {
            for position in 1..=number {
                assert_eq!(client.json().await["event"]["position"], position);
            }
        }
    };
    // Who takes nothing is left, and goes on behind what it was sent.
    let going_on = async {
        let mut later = Vec::new();
        loop {
            let (wanted, frames) = served.fake().watched().await;
            let seen = wanted.after.into_option().expect("a cursor").position;
            for position in seen + 1..=number {
                frames.send(delta("c", position, &text)).unwrap();
            }
            later.push(frames);
        }
    };
    tokio::select! {
        () = reading => {}
        () = going_on => {}
    }
    // The one that was first is not held meanwhile.
    timeout(BOUND, streams[0].closed()).await.expect("it is dropped");
}

#[tokio::test]
async fn a_flood_is_read_no_faster_than_it_is_answered() {
    let served = Served::open();
    let mut client = served.client().await;
    for number in 0..100 {
        client.say(&json!({ "type": "chat.send", "id": number, "conversationId": format!("c-{number}"), "message": "slow" })).await;
    }
    // Those that were read wait; none is refused, and all are done in the end.
    served.fake().gate.add_permits(100);
    let mut done = Vec::new();
    while done.len() < 100 {
        let said = client.json().await;
        if said["type"] == "reply" {
            done.push(said["id"].as_u64().unwrap());
        }
    }
    done.sort_unstable();
    assert!(done.into_iter().eq(0..100));
}
