//! Whole streams over real sockets.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use transom_agent::message::{Message, Role};
use transom_agent::provider::{FinishReason, Usage};
use transom_plugin_api::{Maybe, Text};

use super::*;
use crate::account::Account;
use crate::endpoint::Times;
use crate::fixture::request;
use crate::loopback::{Act, Server, account, endpoint_at, response, stream_head};
use crate::plain::Plain;

fn asked() -> ModelRequest {
    request([Message::text("u", Role::User, "hi")])
}

fn write(text: &str) -> Act {
    Act::Write(text.as_bytes().to_vec())
}

fn text(delta: &str) -> ProviderEvent {
    ProviderEvent::TextDelta { delta: delta.into() }
}

async fn events(endpoint: Endpoint) -> Vec<ProviderEvent> {
    let mut stream = ModelStream::open(Arc::new(endpoint), &Plain, &asked(), None).await;
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event);
    }
    events
}

/// The only event, which is an error.
#[track_caller]
fn error(events: Vec<ProviderEvent>) -> (FailureClass, Text, Option<u64>) {
    match &events[..] {
        [ProviderEvent::Error { class, message, retry_after_ms, .. }] => {
            (class.clone(), message.clone(), retry_after_ms.into_option())
        }
        other => panic!("expected one error, found {other:?}"),
    }
}

const HELLO: &str = "data: {\"say\":\"Hello ä\"}\n\n";
const END: &str = "data: {\"stop\":true}\n\ndata: {\"used\":[9,2]}\n\ndata: end\n\n";

#[tokio::test]
async fn an_answer_is_streamed_to_its_end() {
    let server = Server::start([vec![stream_head(), write(HELLO), write(END)]]).await;
    let usage = Usage { input_tokens: 9, output_tokens: 2, ..Usage::default() };
    let expected = [
        text("Hello ä"),
        ProviderEvent::Usage { usage },
        ProviderEvent::Finish { reason: FinishReason::Stop },
    ];
    assert_eq!(events(server.endpoint(&Plain)).await, expected);
    let [exchange] = &server.exchanges().await[..] else { panic!("one request") };
    assert!(exchange.head.starts_with("POST /ask HTTP/1.1\r\n"), "{}", exchange.head);
    assert!(exchange.head.contains("accept: text/event-stream\r\n"), "{}", exchange.head);
    assert!(exchange.head.contains("x-plain-key: sk-loopback\r\n"), "{}", exchange.head);
    assert_eq!(exchange.body, "{\"model\":\"m\"}");
}

#[tokio::test]
async fn an_answer_in_single_bytes_is_the_same() {
    let chunks = [HELLO, END].concat().into_bytes().into_iter();
    let chunks = chunks.map(|byte| Act::Write([b"1\r\n", &[byte][..], b"\r\n"].concat()));
    let head =
        write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n\r\n");
    let server =
        Server::start([[head].into_iter().chain(chunks).chain([write("0\r\n\r\n")]).collect()]).await;
    let events = events(server.endpoint(&Plain)).await;
    assert_eq!((events.len(), &events[0]), (3, &text("Hello ä")));
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    let server = Server::start([vec![stream_head(), write(HELLO), Act::AwaitClose]]).await;
    let mut stream = ModelStream::open(Arc::new(server.endpoint(&Plain)), &Plain, &asked(), None).await;
    assert_eq!(stream.next().await, Some(text("Hello ä")));
    drop(stream);
    assert_eq!(server.exchanges().await.len(), 1);
}

#[tokio::test]
async fn dropping_a_request_that_was_not_answered_closes_the_connection() {
    let server = Server::start([vec![Act::AwaitClose]]).await;
    let endpoint = Arc::new(server.endpoint(&Plain));
    let request = asked();
    let mut opening = Box::pin(ModelStream::open(endpoint, &Plain, &request, None));
    tokio::select! {
        _ = &mut opening => panic!("nobody answered"),
        () = server.requested() => {}
    }
    drop(opening);
    assert_eq!(server.exchanges().await.len(), 1);
}

#[tokio::test]
async fn an_answer_is_over_at_its_done_mark() {
    let server = Server::start([vec![stream_head(), write(HELLO), write(END), Act::AwaitClose]]).await;
    assert_eq!(events(server.endpoint(&Plain)).await.len(), 3);
    assert_eq!(server.exchanges().await.len(), 1);
}

#[tokio::test]
async fn a_finished_answer_leaves_its_connection_for_the_next() {
    let seen = Arc::new(Notify::new());
    let [chunk, end] = [HELLO, END].map(|text| write(&format!("{:x}\r\n{text}\r\n", text.len())));
    let head =
        write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n\r\n");
    let answer = vec![head, chunk, end, Act::AwaitTest(seen.clone()), write("0\r\n\r\n")];
    let server = Server::start([[answer.clone(), vec![Act::AwaitRequest], answer].concat()]).await;
    let endpoint = Arc::new(server.endpoint(&Plain));
    for _ in 0..2 {
        let mut stream = ModelStream::open(endpoint.clone(), &Plain, &asked(), None).await;
        while !matches!(stream.next().await.expect("a finish"), ProviderEvent::Finish { .. }) {}
        seen.notify_one();
        assert_eq!(stream.next().await, None);
    }
    assert_eq!(server.exchanges().await.len(), 1);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_network_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base_url = format!("https://{}", listener.local_addr().expect("an address"));
    let account = Account { base_url, ..account("plain", 1) };
    let times = Times { idle: Duration::from_secs(20), connect: Duration::from_secs(20) };
    let endpoint = Endpoint::of(&Plain, &account, times, Arc::new(|| 0)).expect("good");
    let serving = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
    });
    let (class, message, _) = error(events(endpoint).await);
    assert_eq!(class, FailureClass::Network, "{message}");
    serving.await.expect("served");
}

#[tokio::test]
async fn a_stream_that_ends_early_is_a_protocol_failure() {
    let server = Server::start([vec![stream_head(), write(HELLO)]]).await;
    let mut events = events(server.endpoint(&Plain)).await;
    assert_eq!(events.remove(0), text("Hello ä"));
    assert_eq!(error(events).0, FailureClass::Protocol);
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_network_failure() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 1000\r\n\r\n";
    let server = Server::start([vec![write(head), write(HELLO)]]).await;
    let mut events = events(server.endpoint(&Plain)).await;
    assert_eq!(events.remove(0), text("Hello ä"));
    assert_eq!(error(events).0, FailureClass::Network);
}

#[tokio::test]
async fn silence_before_the_answer_is_a_timeout() {
    let server = Server::start([vec![Act::AwaitClose]]).await;
    let endpoint = server.hasty_endpoint(&Plain, Duration::from_millis(50));
    let (class, message, _) = error(events(endpoint).await);
    assert_eq!((class, message.as_str()), (FailureClass::Timeout, "`plain` sent nothing for 50 ms"));
    assert_eq!(server.exchanges().await.len(), 1);
}

#[tokio::test]
async fn silence_in_the_middle_of_the_answer_is_a_timeout() {
    let server = Server::start([vec![stream_head(), write(HELLO), Act::AwaitClose]]).await;
    let mut stream = ModelStream::open(Arc::new(server.endpoint(&Plain)), &Plain, &asked(), None).await;
    assert_eq!(stream.next().await, Some(text("Hello ä")));
    stream.endpoint = Arc::new(server.hasty_endpoint(&Plain, Duration::from_millis(20)));
    let last = stream.next().await;
    assert!(matches!(last, Some(ProviderEvent::Error { class: FailureClass::Timeout, .. })), "{last:?}");
    assert_eq!(stream.next().await, None);
    assert_eq!(server.exchanges().await.len(), 1);
}

#[tokio::test]
async fn the_time_to_wait_is_passed_on() {
    for (header, expected) in [
        ("retry-after: 3\r\n", Some(3_000)),
        ("retry-after: 3\r\nretry-after-ms: 20\r\n", Some(20)),
        ("retry-after: Thu, 01 Jan 1970 00:00:05 GMT\r\n", Some(5_000)),
        ("", None),
    ] {
        let server = Server::start([response("429 Too Many Requests", header, "")]).await;
        let (class, _, retry_after_ms) = error(events(server.endpoint(&Plain)).await);
        assert_eq!((class, retry_after_ms), (FailureClass::RateLimited, expected));
    }
}

#[tokio::test]
async fn a_message_is_bounded_and_holds_no_key() {
    let body = format!("no sk-loopback {}", "x".repeat(10_000));
    let server = Server::start([response("401 Unauthorized", "", &body)]).await;
    let (_, message, _) = error(events(server.endpoint(&Plain)).await);
    assert!(message.starts_with("`plain` answered 401 Unauthorized: no (the key) xxx"), "{message}");
    assert!(message.chars().count() < 560, "{message}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let headers = "location: http://127.0.0.1:1/elsewhere\r\n";
    let server = Server::start([response("307 Temporary Redirect", headers, "")]).await;
    let (class, message, _) = error(events(server.endpoint(&Plain)).await);
    assert_eq!(class, FailureClass::InvalidRequest);
    assert!(message.contains("307"), "{message}");
}

#[tokio::test]
async fn what_is_no_stream_is_told_apart() {
    let json = "content-type: application/json\r\n";
    let server =
        Server::start([response("200 OK", json, r#"{"error":{"message":"busy","type":"busy"}}"#)]).await;
    assert_eq!(error(events(server.endpoint(&Plain)).await).0, FailureClass::Overloaded);
    let html = "content-type: text/html; charset=utf-8\r\n";
    let server = Server::start([response("200 OK", html, "<p>Welcome</p>")]).await;
    let (class, message, _) = error(events(server.endpoint(&Plain)).await);
    assert_eq!(class, FailureClass::Protocol);
    let expected = "`plain` answered with `text/html`, expected `text/event-stream`: <p>Welcome</p>";
    assert_eq!(message, expected);
}

#[tokio::test]
async fn nobody_at_the_other_end_is_a_network_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let (class, message, _) = error(events(endpoint_at(&Plain, port)).await);
    assert_eq!(class, FailureClass::Network);
    assert!(
        message.starts_with(&format!("`plain` could not be reached at http://127.0.0.1:{port}: ")),
        "{message}"
    );
}

#[tokio::test]
async fn an_event_without_end_is_a_protocol_failure() {
    let endless = Act::Write([b"data: ".to_vec(), vec![b'x'; EVENT_BYTES + 1]].concat());
    let server = Server::start([vec![stream_head(), write(HELLO), endless, Act::AwaitClose]]).await;
    let mut events = events(server.endpoint(&Plain)).await;
    assert_eq!(events.remove(0), text("Hello ä"));
    let (class, message, wait) = error(events);
    assert_eq!((class, wait), (FailureClass::Protocol, Maybe::None.into_option()));
    assert!(message.contains("more than 8388608 bytes"), "{message}");
}
