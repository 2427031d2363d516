//! What viewers see.

use std::sync::atomic::Ordering;

use serde_json::json;
use tokio::time::timeout;
use transom_agent::event::{AgentEventKind, Cursor};
use transom_plugin_api::CallError;

use super::fake::{delta, frame, retired};
use super::{BOUND, Served};

fn cursor(generation: u32, position: i64, offset: u64) -> Option<Cursor> {
    Some(Cursor { generation, position, offset })
}

#[tokio::test]
async fn who_subscribes_gets_frames_from_behind_its_cursor() {
    let served = Served::open();
    let mut client = served.client().await;
    client.say(&json!({ "type": "chat.subscribe", "conversationId": "c", "after": "1:7:3" })).await;
    let (wanted, frames) = served.fake().watched().await;
    assert_eq!((wanted.turn_id.is_none(), wanted.after.into()), (true, cursor(1, 7, 3)));
    frames.send(delta("c", 8, "hello")).unwrap();
    assert_eq!(
        client.json().await,
        json!({ "type": "chat.delta", "event": {
            "conversationId": "c", "turnId": "turn-1", "generation": 0, "position": 8, "offset": 0,
            "volatile": true, "type": "text-delta", "delta": "hello",
        } })
    );
}

#[tokio::test]
async fn two_viewers_get_the_same_bytes_and_they_are_written_once() {
    let served = Served::open();
    let (mut one, mut other) = (served.client().await, served.client().await);
    let mut streams = Vec::new();
    for client in [&mut one, &mut other] {
        client.say(&json!({ "type": "chat.subscribe", "conversationId": "c" })).await;
        streams.push(served.fake().watched().await.1);
    }
    let number = 200;
    for position in 1..=number {
        for stream in &streams {
            stream.send(delta("c", position, &format!("piece {position}"))).unwrap();
        }
    }
    for _ in 0..number {
        assert_eq!(one.text().await, other.text().await);
    }
    assert_eq!(served.shared.encoder.count(), number.unsigned_abs());
}

#[tokio::test]
async fn a_reload_of_the_orchestrator_shows_nowhere() {
    let served = Served::open();
    let mut client = served.client().await;
    client.say(&json!({ "type": "chat.subscribe", "conversationId": "c" })).await;
    let (_, frames) = served.fake().watched().await;
    frames.send(delta("c", 1, "one ")).unwrap();
    frames.send(retired()).unwrap();
    let (wanted, frames) = served.fake().watched().await;
    assert_eq!(wanted.after.into_option(), cursor(0, 1, 4), "behind what was sent");
    // Nobody serves for a while, and then again.
    served.fake().is_away.store(true, Ordering::Relaxed);
    frames.send(delta("c", 2, "two ")).unwrap();
    frames.send(retired()).unwrap();
    for text in ["one ", "two "] {
        assert_eq!(client.json().await["event"]["delta"], text);
    }
    served.fake().is_away.store(false, Ordering::Relaxed);
    let (wanted, frames) = served.fake().watched().await;
    assert_eq!(wanted.after.into_option(), cursor(0, 2, 4));
    frames.send(delta("c", 3, "three")).unwrap();
    assert_eq!(client.json().await["event"]["delta"], "three");
}

#[tokio::test]
async fn who_has_seen_nothing_yet_goes_on_where_the_conversation_stood() {
    let served = Served::open();
    let mut client = served.client().await;
    for (conversation, stood) in [("known", cursor(2, 40, 0)), ("new", cursor(0, 0, 0))] {
        client.say(&json!({ "type": "chat.subscribe", "conversationId": conversation })).await;
        let (wanted, frames) = served.fake().watched().await;
        assert_eq!(wanted.after.into_option(), None);
        frames.send(retired()).unwrap();
        assert_eq!(served.fake().watched().await.0.after.into_option(), stood, "{conversation}");
    }
}

#[tokio::test]
async fn a_conversation_that_is_not_there_is_not_watched() {
    let served = Served::open();
    let mut client = served.client().await;
    for after in [json!(null), json!("0:3:0")] {
        let subscribe =
            json!({ "type": "chat.subscribe", "id": 1, "conversationId": "nobody", "after": after });
        assert_eq!(
            client.ask(subscribe).await,
            json!({
                "type": "chat.error", "id": 1, "op": "chat.subscribe", "conversationId": "nobody",
                "message": "there is no conversation `nobody`",
            })
        );
    }
    client.say(&json!({ "type": "chat.subscribe", "conversationId": "c" })).await;
    assert_eq!(served.fake().watched().await.0.conversation_id, "c", "nothing else was opened");
}

#[tokio::test]
async fn who_sends_a_message_sees_its_turn_from_the_beginning_and_those_behind_it() {
    let served = Served::open();
    let mut client = served.client().await;
    let reply = client.ask(json!({ "type": "chat.send", "id": 1, "message": " hi " })).await;
    let id = reply["result"]["conversationId"].as_str().expect("an id was made").to_owned();
    assert_eq!(served.fake().asked(), [format!("start {id} hi")]);
    let (wanted, frames) = served.fake().watched().await;
    assert_eq!((wanted.conversation_id.as_str(), wanted.turn_id.as_deref()), (id.as_str(), Some("turn-1")));
    frames.send(frame(&id, 1, AgentEventKind::UserMessage { text: "hi".into() })).unwrap();
    frames.send(frame(&id, 9, AgentEventKind::TurnSealed {})).unwrap();
    drop(frames);
    let (wanted, frames) = served.fake().watched().await;
    assert_eq!((wanted.turn_id.is_none(), wanted.after.into_option()), (true, cursor(0, 9, 0)));
    frames.send(frame(&id, 10, AgentEventKind::UserMessage { text: "more".into() })).unwrap();
    for kind in ["user-message", "turn-sealed", "user-message"] {
        assert_eq!(client.json().await["event"]["type"], kind);
    }
    // It is watched already.
    client.ask(json!({ "type": "chat.send", "id": 2, "conversationId": id, "message": "again" })).await;
    client.say(&json!({ "type": "chat.subscribe", "conversationId": "other" })).await;
    assert_eq!(served.fake().watched().await.0.conversation_id, "other");
}

#[tokio::test]
async fn a_message_that_began_a_turn_instead_of_waiting_is_watched() {
    let served = Served::open();
    served.fake().has_queue.store(true, Ordering::Relaxed);
    let mut client = served.client().await;
    client.say(&json!({ "type": "chat.queue", "conversationId": "c", "text": "wait" })).await;
    client.say(&json!({ "type": "chat.queue", "conversationId": "d", "text": "begin" })).await;
    let (wanted, _frames) = served.fake().watched().await;
    assert_eq!((wanted.conversation_id.as_str(), wanted.turn_id.as_deref()), ("d", Some("turn-queued")));
}

#[tokio::test]
async fn a_second_subscription_changes_nothing_unless_it_has_a_cursor() {
    let served = Served::open();
    let mut client = served.client().await;
    let subscribe = json!({ "type": "chat.subscribe", "conversationId": "c", "id": 1 });
    client.ask(subscribe.clone()).await;
    let (_, first) = served.fake().watched().await;
    client.ask(subscribe).await;
    first.send(delta("c", 1, "still here")).unwrap();
    assert_eq!(client.json().await["event"]["delta"], "still here");
    client.ask(json!({ "type": "chat.subscribe", "conversationId": "c", "after": "0:0:0", "id": 2 })).await;
    assert_eq!(served.fake().watched().await.0.after.into_option(), cursor(0, 0, 0));
    timeout(BOUND, first.closed()).await.expect("the first stream is dropped");
}

#[tokio::test]
async fn who_unsubscribes_or_leaves_drops_its_streams() {
    let served = Served::open();
    let mut client = served.client().await;
    client.say(&json!({ "type": "chat.subscribe", "conversationId": "c" })).await;
    let (_, c) = served.fake().watched().await;
    client.say(&json!({ "type": "chat.subscribe", "conversationId": "d" })).await;
    let (_, d) = served.fake().watched().await;
    client.say(&json!({ "type": "chat.unsubscribe", "conversationId": "c" })).await;
    timeout(BOUND, c.closed()).await.expect("it is not watched any more");
    assert!(!d.is_closed());
    drop(client);
    timeout(BOUND, d.closed()).await.expect("nobody is there");
}

#[tokio::test]
async fn what_ends_watching_for_good_is_told_and_it_can_begin_again() {
    let served = Served::open();
    let mut client = served.client().await;
    let subscribe = json!({ "type": "chat.subscribe", "conversationId": "c" });
    client.say(&subscribe).await;
    let (_, frames) = served.fake().watched().await;
    frames.send(Err(CallError::failed("the log cannot be read"))).unwrap();
    assert_eq!(
        client.json().await,
        json!({ "type": "chat.error", "conversationId": "c", "message": "the log cannot be read" })
    );
    client.say(&subscribe).await;
    let (_, frames) = served.fake().watched().await;
    frames.send(frame("c", 3, AgentEventKind::SnapshotRequired {})).unwrap();
    assert_eq!(client.json().await["event"]["type"], "snapshot-required");
    timeout(BOUND, frames.closed()).await.expect("that was the last frame");
    client.say(&json!({ "type": "chat.subscribe", "conversationId": "c", "after": "0:9:0" })).await;
    assert_eq!(served.fake().watched().await.0.after.into_option(), cursor(0, 9, 0));
}
