//! Whole streams over real sockets.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use transom_agent::message::{Message, Role};
use transom_agent::provider::{FinishReason, Usage};
use transom_plugin_api::{Maybe, Text};

use super::*;
use crate::OpenAi;
use crate::fixture::request;
use crate::loopback::{Act, Server, endpoint_at, response, settings, stream_head};

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
    let mut stream = ModelStream::open(Arc::new(endpoint), &asked()).await;
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

const HELLO: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello ä\"}}]}\n\n";
const END: &str = concat!(
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n",
    "data: [DONE]\n\n",
);

#[tokio::test]
async fn an_answer_is_streamed_to_its_end() {
    let server = Server::start([vec![stream_head(), write(HELLO), write(END)]]).await;
    let usage = Usage { input_tokens: 9, output_tokens: 2, ..Usage::default() };
    let expected = [
        text("Hello ä"),
        ProviderEvent::Usage { usage },
        ProviderEvent::Finish { reason: FinishReason::Stop },
    ];
    assert_eq!(events(server.endpoint()).await, expected);
    let [exchange] = &server.exchanges().await[..] else { panic!("one request") };
    assert!(exchange.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", exchange.head);
    assert!(exchange.head.contains("accept: text/event-stream\r\n"), "{}", exchange.head);
    assert!(exchange.head.contains("authorization: Bearer sk-loopback\r\n"), "{}", exchange.head);
    assert!(
        exchange.body.starts_with("{\"model\":\"m\",\"messages\":[{\"role\":\"user\""),
        "{}",
        exchange.body
    );
}

#[tokio::test]
async fn an_answer_in_single_bytes_is_the_same() {
    let chunks = [HELLO, END].concat().into_bytes().into_iter();
    let chunks = chunks.map(|byte| Act::Write([b"1\r\n", &[byte][..], b"\r\n"].concat()));
    let head =
        write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n\r\n");
    let server =
        Server::start([[head].into_iter().chain(chunks).chain([write("0\r\n\r\n")]).collect()]).await;
    let events = events(server.endpoint()).await;
    assert_eq!((events.len(), &events[0]), (3, &text("Hello ä")));
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    let server = Server::start([vec![stream_head(), write(HELLO), Act::AwaitClose]]).await;
    let mut stream = ModelStream::open(Arc::new(server.endpoint()), &asked()).await;
    assert_eq!(stream.next().await, Some(text("Hello ä")));
    drop(stream);
    assert_eq!(server.exchanges().await.len(), 1);
}

#[tokio::test]
async fn dropping_a_request_that_was_not_answered_closes_the_connection() {
    let server = Server::start([vec![Act::AwaitClose]]).await;
    let endpoint = Arc::new(server.endpoint());
    let request = asked();
    let mut opening = Box::pin(ModelStream::open(endpoint, &request));
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
    assert_eq!(events(server.endpoint()).await.len(), 3);
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
    let endpoint = Arc::new(server.endpoint());
    for _ in 0..2 {
        let mut stream = ModelStream::open(endpoint.clone(), &asked()).await;
        while !matches!(stream.next().await.expect("a finish"), ProviderEvent::Finish { .. }) {}
        seen.notify_one();
        assert_eq!(stream.next().await, None);
    }
    assert_eq!(server.exchanges().await.len(), 1);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_network_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base_url = format!("https://{}/v1", listener.local_addr().expect("an address"));
    let settings = OpenAi { base_url, ..settings() };
    let serving = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
    });
    let (class, message, _) = error(events(Endpoint::new(&settings, Arc::new(|| 0)).expect("good")).await);
    assert_eq!(class, FailureClass::Network, "{message}");
    serving.await.expect("served");
}

#[tokio::test]
async fn a_stream_that_ends_early_is_a_protocol_failure() {
    let server = Server::start([vec![stream_head(), write(HELLO)]]).await;
    let mut events = events(server.endpoint()).await;
    assert_eq!(events.remove(0), text("Hello ä"));
    assert_eq!(error(events).0, FailureClass::Protocol);
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_network_failure() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 1000\r\n\r\n";
    let server = Server::start([vec![write(head), write(HELLO)]]).await;
    let mut events = events(server.endpoint()).await;
    assert_eq!(events.remove(0), text("Hello ä"));
    assert_eq!(error(events).0, FailureClass::Network);
}

#[tokio::test]
async fn silence_before_the_answer_is_a_timeout() {
    let server = Server::start([vec![Act::AwaitClose]]).await;
    let mut endpoint = server.endpoint();
    endpoint.idle = Duration::from_millis(50);
    let (class, message, _) = error(events(endpoint).await);
    assert_eq!((class, message.as_str()), (FailureClass::Timeout, "`openai` sent nothing for 50 ms"));
    assert_eq!(server.exchanges().await.len(), 1);
}

#[tokio::test]
async fn silence_in_the_middle_of_the_answer_is_a_timeout() {
    let server = Server::start([vec![stream_head(), write(HELLO), Act::AwaitClose]]).await;
    let mut stream = ModelStream::open(Arc::new(server.endpoint()), &asked()).await;
    assert_eq!(stream.next().await, Some(text("Hello ä")));
    let mut hasty = server.endpoint();
    hasty.idle = Duration::from_millis(20);
    stream.endpoint = Arc::new(hasty);
    let last = stream.next().await;
    assert!(matches!(last, Some(ProviderEvent::Error { class: FailureClass::Timeout, .. })), "{last:?}");
    assert_eq!(stream.next().await, None);
    assert_eq!(server.exchanges().await.len(), 1);
}

#[tokio::test]
async fn each_status_becomes_its_class() {
    let length = r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#;
    let model = r#"{"error":{"message":"The model `m` does not exist"}}"#;
    let quota = r#"{"error":{"message":"spent","code":"insufficient_quota"}}"#;
    for (status, body, class) in [
        ("400 Bad Request", "{}", FailureClass::InvalidRequest),
        ("400 Bad Request", length, FailureClass::ContextLength),
        ("401 Unauthorized", "", FailureClass::Authentication),
        ("402 Payment Required", "", FailureClass::Quota),
        ("403 Forbidden", "", FailureClass::Authentication),
        ("404 Not Found", model, FailureClass::UnknownModel),
        ("404 Not Found", "", FailureClass::InvalidRequest),
        ("408 Request Timeout", "", FailureClass::Timeout),
        ("413 Payload Too Large", "", FailureClass::ContextLength),
        ("429 Too Many Requests", "", FailureClass::RateLimited),
        ("429 Too Many Requests", quota, FailureClass::Quota),
        ("500 Internal Server Error", "", FailureClass::Overloaded),
        ("529 Overloaded", "", FailureClass::Overloaded),
    ] {
        let server = Server::start([response(status, "", body)]).await;
        assert_eq!(error(events(server.endpoint()).await).0, class, "{status} {body}");
    }
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
        let (class, _, retry_after_ms) = error(events(server.endpoint()).await);
        assert_eq!((class, retry_after_ms), (FailureClass::RateLimited, expected));
    }
}

#[tokio::test]
async fn a_message_is_bounded_and_holds_no_key() {
    let body = format!("no sk-loopback {}", "x".repeat(10_000));
    let server = Server::start([response("401 Unauthorized", "", &body)]).await;
    let (_, message, _) = error(events(server.endpoint()).await);
    assert!(message.starts_with("`openai` answered 401 Unauthorized: no (the key) xxx"), "{message}");
    assert!(message.chars().count() < 560, "{message}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let headers = "location: http://127.0.0.1:1/elsewhere\r\n";
    let server = Server::start([response("307 Temporary Redirect", headers, "")]).await;
    let (class, message, _) = error(events(server.endpoint()).await);
    assert_eq!(class, FailureClass::InvalidRequest);
    assert!(message.contains("307"), "{message}");
}

#[tokio::test]
async fn what_is_no_stream_is_told_apart() {
    let json = "content-type: application/json\r\n";
    let server =
        Server::start([response("200 OK", json, r#"{"error":{"message":"busy","code":503}}"#)]).await;
    assert_eq!(error(events(server.endpoint()).await).0, FailureClass::Overloaded);
    let html = "content-type: text/html; charset=utf-8\r\n";
    let server = Server::start([response("200 OK", html, "<p>Welcome</p>")]).await;
    let (class, message, _) = error(events(server.endpoint()).await);
    assert_eq!(class, FailureClass::Protocol);
    let expected = "`openai` answered with `text/html`, expected `text/event-stream`: <p>Welcome</p>";
    assert_eq!(message, expected);
}

#[tokio::test]
async fn nobody_at_the_other_end_is_a_network_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let (class, message, _) = error(events(endpoint_at(port)).await);
    assert_eq!(class, FailureClass::Network);
    assert!(
        message.starts_with(&format!("`openai` could not be reached at http://127.0.0.1:{port}: ")),
        "{message}"
    );
}

#[tokio::test]
async fn an_event_without_end_is_a_protocol_failure() {
    let endless = Act::Write([b"data: ".to_vec(), vec![b'x'; EVENT_BYTES + 1]].concat());
    let server = Server::start([vec![stream_head(), write(HELLO), endless, Act::AwaitClose]]).await;
    let mut events = events(server.endpoint()).await;
    assert_eq!(events.remove(0), text("Hello ä"));
    let (class, message, wait) = error(events);
    assert_eq!((class, wait), (FailureClass::Protocol, Maybe::None.into_option()));
    assert!(message.contains("more than 8388608 bytes"), "{message}");
}
