//! How connections end when the server wants them to.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::{BOUND, DAY, Served};
use crate::connections::Leave;

#[tokio::test]
async fn who_is_served_by_a_generation_that_is_replaced_is_sent_to_the_next() {
    let served = Served::open();
    let mut client = served.client().await;
    client.say(&json!({ "type": "chat.send", "id": 1, "conversationId": "c", "message": "slow" })).await;
    client.ask(json!({ "type": "echo", "id": 2 })).await;
    let connections = served.connections.clone();
    let dismissed = tokio::spawn(async move { connections.dismiss(Leave::Replaced, DAY).await });
    // It is told, and goes on to be counted as the one that it is.
    let mut place = served.connections.place().expect("there is room");
    place.leave.wait_for(|leave| *leave == Leave::Replaced).await.expect("it is told");
    assert_eq!(served.connections.count(), 2);
    drop(place);
    served.fake().gate.add_permits(1);
    assert_eq!(client.json().await["id"], 1, "what was asked is answered");
    assert_eq!(client.close_code().await, 1012);
    drop(client);
    timeout(BOUND, dismissed).await.expect("nobody is left").unwrap();
}

#[tokio::test]
async fn who_does_not_leave_in_time_is_cut_off() {
    let served = Served::open();
    let mut client = served.client().await;
    client.say(&json!({ "type": "chat.send", "conversationId": "c", "message": "slow" })).await;
    client.ask(json!({ "type": "echo" })).await;
    let dismissing = served.connections.dismiss(Leave::Stopping, Duration::ZERO);
    timeout(BOUND, dismissing).await.expect("the patience is bounded");
    while client.message().await.is_some() {}
}

#[tokio::test]
async fn who_is_idle_is_told_that_the_server_stops() {
    let served = Served::open();
    let mut client = served.client().await;
    client.ask(json!({ "type": "echo" })).await;
    let (server, connections) = (served.server.clone(), served.connections.clone());
    let stopped = tokio::spawn(async move {
        tokio::join!(server.stop(), connections.dismiss(Leave::Stopping, DAY));
    });
    assert_eq!(client.close_code().await, 1001);
    drop(client);
    timeout(BOUND, stopped).await.expect("nobody is left").unwrap();
}
