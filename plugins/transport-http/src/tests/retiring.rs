//! One server in the place of another, on the same socket.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::client::Client;
use super::fake::{data, head};
use super::{BOUND, Served};

/// How long what is under way may take in these tests: longer than any of them.
const PATIENCE: Duration = Duration::from_secs(60);

fn retire(served: &Served) -> JoinHandle<()> {
    let server = served.server.clone();
    tokio::spawn(async move { server.retire(PATIENCE).await })
}

/// A connection that the only server has accepted, and on which nothing was asked yet.
async fn accepted(served: &Served) -> Client {
    let silent = served.client().await;
    // They are accepted in the order in which they came.
    assert_eq!(served.get("/echo/1").await.status, 200);
    silent
}

#[tokio::test]
async fn no_connection_is_refused_while_servers_follow_each_other() {
    let mut served = Served::open();
    for _ in 0..20 {
        let next = served.successor();
        let retired = retire(&served);
        for _ in 0..5 {
            assert_eq!(served.get("/echo/1").await.status, 200);
        }
        timeout(BOUND, retired).await.unwrap().unwrap();
        timeout(BOUND, served.server.stop()).await.unwrap();
        next.fake.add("GET /next");
        assert_eq!(next.get("/next").await.status, 200, "only the later one serves");
        served = next;
    }
}

#[tokio::test]
async fn who_was_let_in_before_is_served_once_more_and_told_that_it_ends() {
    let served = Served::open();
    let mut silent = accepted(&served).await;
    let mut kept = served.client().await;
    kept.send("GET", "/echo/1", &[], "").await;
    assert_eq!(kept.answer("GET").await.headers.get("connection"), None);
    let next = served.successor();
    let retired = retire(&served);
    // Accepted by the later one, so the earlier one has stopped to.
    next.fake.add("GET /next");
    while next.get("/next").await.status != 200 {}
    for client in [&mut silent, &mut kept] {
        client.send("GET", "/echo/1", &[], "").await;
        let answer = client.answer("GET").await;
        assert_eq!((answer.status, answer.headers["connection"].as_str()), (200, "close"));
        assert_eq!(client.line().await, None);
    }
    timeout(BOUND, retired).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_retires_waits_for_streams_and_not_for_those_who_ask_nothing() {
    let served = Served::open();
    let mut silent = accepted(&served).await;
    let frames = served.fake.frames();
    let mut viewer = served.client().await;
    viewer.send("GET", "/stream", &[], "").await;
    frames.send(head()).unwrap();
    viewer.head().await;
    let retired = retire(&served);
    assert_eq!(silent.line().await, None, "its time to ask is over");
    assert!(!retired.is_finished());
    frames.send(data(json!({ "last": true }))).unwrap();
    drop(frames);
    assert_eq!(viewer.chunk().await.as_deref(), Some("{\"last\":true}\n"));
    timeout(BOUND, retired).await.unwrap().unwrap();
}
