//! Many who speak much, half or not at all.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::socket::{Socket, address_of, framed};
use super::{Held, check_healthy, wire};
use crate::host::support::{Manner, Scene, within};

#[tokio::test]
async fn a_hundred_thousand_messages_are_read_one_after_the_other() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    let before = Held::by(&host);
    let mut socket = Socket::open(&address_of(&host).await).await;
    // One that says nothing when it is done, so that only reading is tried.
    let quiet = framed(r#"{"type":"chat.unsubscribe","conversationId":"c"}"#);
    for _ in 0..100 {
        within("the host to read", socket.writing.write_all(&quiet.repeat(1_000))).await.expect("it is open");
    }
    socket.say(r#"{"type":"chat.stop","conversationId":"c","id":"last"}"#).await;
    let last = socket.hear_of(&json!("last")).await;
    assert_eq!(last["type"], "chat.error", "{last}");
    drop(socket);
    before.is_back(&host).await;
    check_healthy(&host).await;
    host.stop().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_its_connection_and_no_other() {
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    let address = address_of(&host).await;
    let (mut large, mut other) = (Socket::open(&address).await, Socket::open(&address).await);
    let message = framed(&"x".repeat(10_000_000));
    // It may be closed before all of it was sent.
    let _ = within("the host to refuse", large.writing.write_all(&message)).await;
    let end = large.hear().await.expect_err("it is closed");
    assert!([0, 1009].contains(&end), "{end}");
    other.say(r#"{"type":"chat.stop","conversationId":"c","id":1}"#).await;
    assert_eq!(other.hear_of(&json!(1)).await["type"], "chat.error");
    host.stop().await;
}

#[tokio::test]
async fn who_says_half_a_request_or_reads_nothing_holds_nobody_up() {
    const EACH: usize = 100;
    let scene = Scene::new(Manner::Linked);
    let host = scene.start().await;
    host.client.turn("long", &format!("[[say: {}]]", "words ".repeat(100_000))).await;
    let before = Held::by(&host);
    let address = wire::address_of(&host);
    let halves = [
        "G".to_owned(),
        "GET /health HTTP/1.1\r\nhost:".to_owned(),
        format!(
            "POST /chat HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{{"
        ),
        format!("GET /conversations/long/events?after=0:0:0 HTTP/1.1\r\nhost: {address}\r\n\r\n"),
        format!("GET /conversations/long HTTP/1.1\r\nhost: {address}\r\n\r\n"),
    ];
    let mut held = Vec::new();
    for half in &halves {
        for _ in 0..EACH / halves.len() {
            let mut stream = TcpStream::connect(&address).await.expect("it listens");
            stream.write_all(half.as_bytes()).await.expect("it is sent");
            held.push(stream);
        }
    }
    check_healthy(&host).await;
    drop(held);
    before.is_back(&host).await;
    host.stop().await;
}
