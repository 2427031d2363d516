//! Clients: one of the provider, to know what a turn costs without a host, and those of the host.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

/// What a client saw of one answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// The request was about to be sent.
    pub(crate) sent: Instant,
    /// The first token was read.
    pub(crate) first: Instant,
    /// The last byte that matters was read.
    pub(crate) last: Instant,
    /// Pieces of the answer.
    pub(crate) deltas: usize,
}

impl Seen {
    pub(crate) fn whole(&self) -> Duration {
        self.last - self.sent
    }
}

pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("a client")
}

/// Asks the provider itself.
pub(crate) async fn direct(http: &reqwest::Client, address: &str, message: &str) -> Seen {
    let body =
        json!({ "model": "bench", "stream": true, "messages": [{ "role": "user", "content": message }] });
    let request = http.post(format!("{address}/v1/chat/completions")).json(&body);
    seen(request, b"\"content\"", b"[DONE]").await
}

/// A turn in the host.
pub(crate) async fn turn(http: &reqwest::Client, address: &str, conversation: &str, message: &str) -> Seen {
    let body = json!({ "conversationId": conversation, "message": message });
    let request = http.post(format!("{address}/chat")).json(&body);
    seen(request, b"\"text-delta\"", b"\"turn-sealed\"").await
}

/// Reads an answer up to the line with `end`, and counts those with `piece`.
pub(crate) async fn seen(request: RequestBuilder, piece: &[u8], end: &[u8]) -> Seen {
    let sent = Instant::now();
    let response = request.send().await.expect("an answer");
    assert!(
        response.status().is_success(),
        "{}: {}",
        response.status(),
        response.text().await.unwrap_or_default()
    );
    lines(response, sent, piece, end).await
}

async fn lines(mut response: Response, sent: Instant, piece: &[u8], end: &[u8]) -> Seen {
    let (mut first, mut deltas, mut unread) = (None, 0, Vec::new());
    let (piece, end) = (Finder::new(piece), Finder::new(end));
    while let Some(bytes) = response.chunk().await.expect("the answer does not break") {
        unread.extend_from_slice(&bytes);
        let mut begin = 0;
        while let Some(length) = unread[begin..].iter().position(|byte| *byte == b'\n') {
            let line = &unread[begin..begin + length];
            begin += length + 1;
            if end.is_in(line) {
                let last = Instant::now();
                return Seen { sent, first: first.unwrap_or(last), last, deltas };
            } else if piece.is_in(line) {
                first.get_or_insert_with(Instant::now);
                deltas += 1;
            }
        }
        unread.drain(..begin);
    }
    panic!("the answer ended early")
}

/// Looks for a few bytes in a line.
struct Finder<'a>(&'a [u8]);

impl<'a> Finder<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn is_in(&self, line: &[u8]) -> bool {
        // Most places differ in their first byte, and what is measured shares the processor with this.
        line.windows(self.0.len()).any(|window| window[0] == self.0[0] && window == self.0)
    }
}

pub(crate) async fn get(http: &reqwest::Client, url: &str) -> Value {
    let answer = http.get(url).send().await.expect("an answer").text().await.expect("text");
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("not JSON: {answer}"))
}
