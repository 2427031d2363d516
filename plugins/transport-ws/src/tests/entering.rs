//! Who is let in, and who is not.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::Client;
use super::{BOUND, FRIEND, LIMITS, Served};

async fn status(served: &Served, headers: &[(&str, &str)]) -> u16 {
    Client::connect(served.address, headers).await.map_or_else(|status| status, |_| 101)
}

#[tokio::test]
async fn who_does_not_want_a_websocket_is_told_what_is_spoken_here() {
    let served = Served::open();
    for target in ["/", "/health", "/conversations/1"] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let request =
            format!("GET {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", served.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(BOUND, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 426 ") && answer.contains("upgrade: websocket"), "{answer}");
        assert!(
            answer.ends_with("{\"error\":\"this port speaks WebSocket only: send a request to upgrade\"}"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_rebound_name_and_another_origin_are_forbidden() {
    let served = Served::open();
    assert_eq!(status(&served, &[("host", "evil.example")]).await, 403);
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(status(&served, &[("origin", origin)]).await, 403, "{origin}");
    }
    let own = format!("http://{}", served.address);
    for origin in [own.as_str(), FRIEND] {
        assert_eq!(status(&served, &[("origin", origin)]).await, 101, "{origin}");
    }
}

#[tokio::test]
async fn a_token_is_needed_when_there_is_one_and_a_page_has_a_way_to_send_it() {
    let served = Served::with(LIMITS, Some("s3cret"));
    assert_eq!(status(&served, &[]).await, 401);
    assert_eq!(status(&served, &[("authorization", "Bearer guess")]).await, 401);
    assert_eq!(status(&served, &[("authorization", "Bearer s3cret")]).await, 101);
    let protocols = |token| format!("transom, transom.bearer.{token}");
    assert_eq!(status(&served, &[("sec-websocket-protocol", &protocols("guess"))]).await, 401);
    let client = Client::connect(served.address, &[("sec-websocket-protocol", &protocols("s3cret"))]).await;
    assert_eq!(client.ok().and_then(|client| client.protocol).as_deref(), Some("transom"));
}

#[tokio::test]
async fn no_path_goes_without_the_token() {
    let served = Served::with(LIMITS, Some("s3cret"));
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "GET /health HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        served.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    timeout(BOUND, stream.read_exact(&mut status)).await.unwrap().unwrap();
    assert_eq!(&status, b"HTTP/1.1 401");
}

#[tokio::test]
async fn there_are_only_so_many_places_and_one_that_is_left_is_free() {
    let served = Served::open();
    let mut inside = Vec::new();
    for _ in 0..4 {
        inside.push(served.client().await);
    }
    assert_eq!(status(&served, &[]).await, 503);
    inside.pop();
    timeout(BOUND, async { while status(&served, &[]).await == 503 {} })
        .await
        .expect("a place is free again");
}
