//! Opening, keeping and closing.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::fake::head;
use super::{BOUND, DAY, Served};
use transom_entrance::Times;

#[tokio::test]
async fn a_server_opens_once() {
    let served = Served::bound(None);
    assert!(served.opens());
    assert!(!served.opens(), "it opens once");
    assert_eq!(served.get("/echo/1").await.status, 200);
}

#[tokio::test]
async fn a_server_that_was_stopped_does_not_open() {
    let served = Served::bound(None);
    served.server.stop().await;
    assert!(!served.opens());
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let served = Served::open();
    let mut client = served.client().await;
    for _ in 0..3 {
        client.send("GET", "/echo/1", &[], "").await;
        assert_eq!(client.answer("GET").await.status, 200);
    }
}

#[tokio::test]
async fn stopping_waits_for_requests_under_way() {
    let served = Served::open();
    let (came, answer) = served.fake.slow();
    let mut client = served.client().await;
    client.send("GET", "/slow", &[], "").await;
    timeout(BOUND, came).await.unwrap().unwrap();

    let stopping = tokio::spawn({
        let server = served.server.clone();
        async move { server.stop().await }
    });
    answer.send(json!("late")).unwrap();
    let answer = client.answer("GET").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "\"late\""));
    assert_eq!(client.line().await, None, "the connection is closed after it");
    timeout(BOUND, stopping).await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_does_not_wait_for_connections_without_a_request() {
    let served = Served::open();
    let mut silent = served.client().await;
    let mut idle = served.client().await;
    idle.send("GET", "/echo/1", &[], "").await;
    idle.answer("GET").await;
    timeout(BOUND, served.server.stop()).await.expect("nothing is under way");
    assert_eq!(idle.line().await, None);
    assert_eq!(silent.line().await, None);
}

#[tokio::test]
async fn an_endless_stream_is_cut_off_when_the_grace_is_over() {
    let served = Served::with(None, Times { head: DAY, grace: Duration::ZERO });
    assert!(served.opens());
    let frames = served.fake.frames();
    let mut viewer = served.client().await;
    viewer.send("GET", "/stream", &[], "").await;
    frames.send(head()).unwrap();
    viewer.head().await;
    timeout(BOUND, served.server.stop()).await.expect("the grace is bounded");
    timeout(BOUND, frames.closed()).await.expect("the stream is dropped");
    assert_eq!(viewer.line().await, None);
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let served = Served::with(None, Times { head: Duration::from_millis(50), grace: DAY });
    assert!(served.opens());
    let mut halting = served.client().await;
    halting.write("GET /echo/1 HTTP/1.1\r\nhost: ").await;
    while halting.line().await.is_some() {}

    let mut idle = served.client().await;
    idle.send("GET", "/echo/1", &[], "").await;
    assert_eq!(idle.answer("GET").await.status, 200);
    assert_eq!(idle.line().await, None, "a kept connection ends as well");
}

#[tokio::test]
async fn nonsense_is_answered_and_others_are_served_on() {
    let served = Served::open();
    for nonsense in [
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{0}\u{1}\r\n\r\n",
        "GET /echo/1 HTTP/1.1\r\ncontent-length: x\r\n\r\n",
    ] {
        let mut client = served.client().await;
        client.write(nonsense).await;
        while client.line().await.is_some() {}
    }
    assert_eq!(served.get("/echo/1").await.status, 200);
}
