//! Streamed answers.

use tokio::time::timeout;
use transom_agent::stream::StreamEnd;
use transom_plugin_api::{CallError, CallErrorKind};

use super::fake::{data, data_with_id, go_on, head};
use super::{BOUND, Served};

#[tokio::test]
async fn frames_are_lines_and_each_is_sent_at_once() {
    let served = Served::open();
    let frames = served.fake.frames();
    let mut client = served.client().await;
    client.send("POST", "/stream", &[], "").await;
    frames.send(head()).unwrap();
    let answer = client.head().await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "application/x-ndjson"));
    assert_eq!(answer.headers["x-conversation-id"], "7");
    assert_eq!(answer.headers["cache-control"], "no-store");
    for number in 1..=3 {
        frames.send(data(number)).unwrap();
        assert_eq!(client.chunk().await, Some(format!("{number}\n")));
    }
    drop(frames);
    assert_eq!(client.chunk().await, None);
}

#[tokio::test]
async fn frames_are_events_for_those_who_prefer_them() {
    let served = Served::open();
    let frames = served.fake.frames();
    let mut client = served.client().await;
    client.send("GET", "/stream", &[("accept", "text/event-stream")], "").await;
    frames.send(head()).unwrap();
    assert_eq!(client.head().await.headers["content-type"], "text/event-stream");
    frames.send(data("a")).unwrap();
    assert_eq!(client.chunk().await.as_deref(), Some("data: \"a\"\n\n"));
    frames.send(data_with_id("b", "0:3:0")).unwrap();
    assert_eq!(client.chunk().await.as_deref(), Some("id: 0:3:0\ndata: \"b\"\n\n"));
}

#[tokio::test]
async fn the_last_event_that_a_client_has_seen_reaches_the_route() {
    let served = Served::open();
    for (header, known) in [(Some("0:3:0"), "0:3:0"), (None, "")] {
        let frames = served.fake.frames();
        frames.send(head()).unwrap();
        drop(frames);
        let headers: Vec<_> = header.map(|id| ("last-event-id", id)).into_iter().collect();
        assert_eq!(served.ask("GET", "/stream", &headers, "").await.status, 200);
        let asked = served.fake.opened().pop().expect("it was opened").last_event_id;
        assert_eq!(asked.as_deref().unwrap_or_default(), known);
    }
}

#[tokio::test]
async fn an_answer_goes_on_with_the_documents_of_another_request() {
    let served = Served::open();
    served.fake.stream_further();
    let first = served.fake.frames();
    let mut client = served.client().await;
    client.send("GET", "/stream", &[], "").await;
    first.send(head()).unwrap();
    client.head().await;
    let second = served.fake.frames();
    for item in [head(), data(2)] {
        second.send(item).unwrap();
    }
    drop(second);
    first.send(data(1)).unwrap();
    first.send(go_on("/further/a%2Fb")).unwrap();
    assert_eq!(client.chunk().await.as_deref(), Some("1\n"));
    assert_eq!(client.chunk().await.as_deref(), Some("2\n"), "without the other head");
    assert_eq!(client.chunk().await, None);
    assert_eq!(served.fake.opened()[1].param("id"), "a/b");
}

#[tokio::test]
async fn a_failure_before_the_head_is_a_status() {
    let served = Served::open();
    let frames = served.fake.frames();
    frames.send(Err(CallError::new(CallErrorKind::Conflict, "conversation `7` is busy"))).unwrap();
    let answer = served.ask("POST", "/stream", &[], "").await;
    assert_eq!((answer.status, answer.error().as_str()), (409, "conversation `7` is busy"));
    assert_eq!(answer.headers["content-type"], "application/json");

    assert_eq!(served.get("/stream").await.status, 503, "without a provider");
}

#[tokio::test]
async fn a_failure_after_the_head_is_the_last_line() {
    let served = Served::open();
    let frames = served.fake.frames();
    for item in [head(), data(1), Err(CallError::failed("the model went away"))] {
        frames.send(item).unwrap();
    }
    let answer = served.ask("POST", "/stream", &[], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, "1\n{\"type\":\"error\",\"message\":\"the model went away\"}\n");
}

#[tokio::test]
async fn a_stream_that_ends_before_its_head_is_an_error() {
    let served = Served::open();
    drop(served.fake.frames());
    assert_eq!(served.get("/stream").await.status, 500);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_the_stream_along() {
    let served = Served::open();
    let frames = served.fake.frames();
    let mut client = served.client().await;
    client.send("POST", "/stream", &[], "").await;
    frames.send(head()).unwrap();
    frames.send(data(1)).unwrap();
    client.head().await;
    assert_eq!(client.chunk().await.as_deref(), Some("1\n"));
    drop(client);
    timeout(BOUND, frames.closed()).await.expect("the frames are dropped");
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_head_does_too() {
    let served = Served::open();
    let frames = served.fake.frames();
    let mut client = served.client().await;
    client.send("POST", "/stream", &[("content-type", "application/json")], "{}").await;
    drop(client);
    timeout(BOUND, frames.closed()).await.expect("the frames are dropped");
}

#[tokio::test]
async fn head_of_a_stream_takes_the_head_only() {
    let served = Served::open();
    let frames = served.fake.frames();
    frames.send(head()).unwrap();
    let answer = served.ask("HEAD", "/stream", &[], "").await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "application/x-ndjson"));
    timeout(BOUND, frames.closed()).await.expect("the frames are dropped");
}

#[tokio::test]
async fn the_end_of_a_stream_of_a_conversation_is_told_once_with_its_reason() {
    let served = Served::open();
    let sealed = || data(serde_json::json!({"type": "turn-sealed"}));
    let frames = served.fake.frames();
    let mut client = served.client().await;
    client.send("GET", "/stream", &[("accept", "text/event-stream")], "").await;
    for item in [head(), data(1), sealed()] {
        frames.send(item).unwrap();
    }
    drop(frames);
    client.head().await;
    while client.chunk().await.is_some() {}
    let finished = ("sse".to_owned(), StreamEnd::Finished, 2);
    assert_eq!(served.ended(1).await, std::slice::from_ref(&finished));

    let frames = served.fake.frames();
    let mut client = served.client().await;
    client.send("POST", "/stream", &[], "").await;
    frames.send(head()).unwrap();
    frames.send(data(1)).unwrap();
    client.head().await;
    assert_eq!(client.chunk().await.as_deref(), Some("1\n"));
    assert_eq!(served.viewings.open(), 1);
    drop(client);
    let gone = ("ndjson".to_owned(), StreamEnd::ClientGone, 1);
    assert_eq!(served.ended(2).await, [finished.clone(), gone.clone()]);
    assert_eq!(served.ended.lock().unwrap()[1].conversation_id, "7");

    let frames = served.fake.frames();
    let mut client = served.client().await;
    client.send("POST", "/stream", &[], "").await;
    frames.send(head()).unwrap();
    client.head().await;
    frames.send(Err(CallError::failed("the disk is full"))).unwrap();
    while client.chunk().await.is_some() {}
    let failed = ("ndjson".to_owned(), StreamEnd::Failed, 1);
    assert_eq!(served.ended(3).await, [finished, gone, failed]);
    assert_eq!(served.viewings.open(), 0);
}

#[tokio::test]
async fn a_stream_that_is_cut_off_by_a_stop_says_so() {
    let served =
        Served::with(None, transom_entrance::Times { head: super::DAY, grace: std::time::Duration::ZERO });
    assert!(served.opens());
    let frames = served.fake.frames();
    let mut client = served.client().await;
    client.send("GET", "/stream", &[], "").await;
    frames.send(head()).unwrap();
    client.head().await;
    served.viewings.leave(StreamEnd::HostStopped);
    served.server.stop().await;
    assert_eq!(served.ended(1).await, [("ndjson".to_owned(), StreamEnd::HostStopped, 0)]);
}
