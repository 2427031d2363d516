//! What is told when somebody watches a conversation no more.

use std::time::Duration;

use serde_json::json;
use transom_agent::event::AgentEventKind;
use transom_agent::stream::StreamEnd;
use transom_plugin_api::CallError;

use super::client::Client;
use super::fake::{Item, delta, frame};
use super::{DAY, LIMITS, Served};
use crate::connection::Limits;
use crate::connections::Leave;

/// Watches a conversation, and has one frame of it.
async fn watch(
    served: &Served,
    client: &mut Client,
    conversation: &str,
) -> tokio::sync::mpsc::UnboundedSender<Item> {
    client.say(&json!({ "type": "chat.subscribe", "conversationId": conversation })).await;
    let (_, frames) = served.fake().watched().await;
    frames.send(delta(conversation, 1, "a")).unwrap();
    assert_eq!(client.json().await["event"]["delta"], "a");
    frames
}

fn end(conversation: &str, reason: StreamEnd, frames: u64) -> (String, StreamEnd, u64) {
    (conversation.to_owned(), reason, frames)
}

#[tokio::test]
async fn each_view_ends_once_with_its_reason() {
    let served = Served::open();
    let mut client = served.client().await;
    let _left = watch(&served, &mut client, "left").await;
    client.ask(json!({ "type": "chat.unsubscribe", "id": 1, "conversationId": "left" })).await;
    let mut expected = vec![end("left", StreamEnd::Unsubscribed, 1)];
    assert_eq!(served.ended(1).await, expected);

    let behind = watch(&served, &mut client, "behind").await;
    behind.send(frame("behind", 1, AgentEventKind::SnapshotRequired {})).unwrap();
    expected.push(end("behind", StreamEnd::Behind, 2));
    assert_eq!(served.ended(2).await, expected);
    assert_eq!(client.json().await["event"]["type"], "snapshot-required");

    let failed = watch(&served, &mut client, "failed").await;
    failed.send(Err(CallError::failed("the disk is full"))).unwrap();
    expected.push(end("failed", StreamEnd::Failed, 1));
    assert_eq!(served.ended(3).await, expected);
    assert_eq!(client.json().await["message"], "the disk is full");

    let _stays = watch(&served, &mut client, "gone").await;
    assert_eq!(served.shared.viewings.open(), 1);
    drop(client);
    expected.push(end("gone", StreamEnd::ClientGone, 1));
    assert_eq!(served.ended(4).await, expected);
    assert_eq!(served.shared.viewings.open(), 0);
    let ended = served.ended.lock().unwrap();
    assert!(ended.iter().all(|view| view.transport == "websocket" && view.bytes > 100 && view.since == 7));
}

#[tokio::test]
async fn who_finds_no_place_was_refused() {
    let served = Served::open();
    let mut client = served.client().await;
    let mut streams = Vec::new();
    for number in 1..=3 {
        streams.push(watch(&served, &mut client, &format!("c-{number}")).await);
    }
    client.say(&json!({ "type": "chat.subscribe", "conversationId": "c-4" })).await;
    assert_eq!(served.ended(1).await, [end("c-4", StreamEnd::Refused, 0)]);
    let mut others = Vec::new();
    while let Ok(other) = Client::connect(served.address, &[]).await {
        others.push(other);
    }
    assert_eq!(served.ended(2).await[1], end("", StreamEnd::Refused, 0));
}

#[tokio::test]
async fn a_client_without_a_sign_of_life_was_idle() {
    let served = Served::with(Limits { ping: Duration::from_millis(20), ..LIMITS }, None);
    let mut client = served.client().await;
    let _frames = watch(&served, &mut client, "c").await;
    // It reads nothing from now on, and so answers no ping.
    assert_eq!(served.ended(1).await, [end("c", StreamEnd::Idle, 1)]);
}

#[tokio::test]
async fn what_ends_with_its_generation_says_so() {
    for (leave, reason) in [(Leave::Replaced, StreamEnd::Reloaded), (Leave::Stopping, StreamEnd::HostStopped)]
    {
        let served = Served::open();
        let mut client = served.client().await;
        let _frames = watch(&served, &mut client, "c").await;
        let connections = served.connections.clone();
        let dismissed = tokio::spawn(async move { connections.dismiss(leave, DAY).await });
        assert_eq!(served.ended(1).await, [end("c", reason, 1)]);
        drop(client);
        dismissed.await.unwrap();
    }
}
