//! An [`Endpoint`]: a real HTTP server on loopback that speaks as a provider might, as awkwardly as the protocols allow.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::host::support::within;

/// What the endpoint does when it is asked for an answer.
pub(super) enum Answer {
    /// Streams these bytes, each in a chunk and a write of its own.
    ByteByByte(String),
    /// Sends these bytes as they are, head and all.
    Whole(String),
    /// Streams these bytes, then says nothing more until the client has gone.
    Hang(String),
    /// Streams these bytes as soon as the test says so.
    When(Arc<Notify>, String),
}

/// What came in.
pub(super) struct Request {
    /// The first line and the headers.
    pub(super) head: String,
    /// The body, as it was sent.
    pub(super) text: String,
    pub(super) body: Value,
}

impl Request {
    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Where answers are asked for at endpoints of OpenAI's kind, and of Anthropic's.
pub(super) const COMPLETIONS: &str = "/v1/chat/completions";
pub(super) const MESSAGES: &str = "/v1/messages";

/// A running endpoint; it ends when it is dropped.
pub(super) struct Endpoint {
    /// What stands in the setting `base_url`.
    pub(super) address: String,
    requests: UnboundedReceiver<Request>,
    departures: UnboundedReceiver<()>,
    _serving: JoinSet<()>,
}

impl Endpoint {
    /// Gives the answers in their order. `GET /v1/models` is always answered with `models`.
    pub(super) async fn start(models: &'static str, answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let (report, requests) = unbounded_channel();
        let (report_departure, departures) = unbounded_channel();
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let desk = Desk { models, answers, report, report_departure };
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.spawn(desk.clone().serve(connection));
            }
        });
        Self { address, requests, departures, _serving: serving }
    }

    /// The next request for a completion.
    pub(super) async fn request(&mut self) -> Request {
        within("a request", self.requests.recv()).await.expect("the endpoint runs")
    }

    /// Waits until a client has closed the connection on which the endpoint hangs.
    pub(super) async fn departure(&mut self) {
        within("the end of the connection", self.departures.recv()).await.expect("the endpoint runs");
    }
}

#[derive(Clone)]
struct Desk {
    models: &'static str,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    report: UnboundedSender<Request>,
    report_departure: UnboundedSender<()>,
}

impl Desk {
    // Whatever the client does to the connection, the test sees it by what the host says.
    async fn serve(self, mut connection: TcpStream) {
        let _ = connection.set_nodelay(true);
        let Some(request) = read_request(&mut connection).await else { return };
        if request.head.starts_with("GET /v1/models ") {
            let _ = connection.write_all(whole("200 OK", "", self.models).as_bytes()).await;
            return;
        }
        let is_asked = |path: &str| request.head.starts_with(&format!("POST {path} "));
        assert!(is_asked(COMPLETIONS) || is_asked(MESSAGES), "{}", request.head);
        let answer = self.answers.lock().expect("nobody panics with it").pop_front();
        let _ = self.report.send(request);
        match answer {
            None => drop(connection.write_all(whole("500 Nothing Left To Say", "", "").as_bytes()).await),
            Some(Answer::Whole(text)) => drop(connection.write_all(text.as_bytes()).await),
            Some(Answer::ByteByByte(text)) => drop(stream(&mut connection, &text, true).await),
            Some(Answer::When(now, text)) => {
                now.notified().await;
                let _ = stream(&mut connection, &text, true).await;
            }
            Some(Answer::Hang(text)) => {
                let _ = stream(&mut connection, &text, false).await;
                while let Ok(1..) = connection.read(&mut [0; 64]).await {}
                let _ = self.report_departure.send(());
            }
        }
    }
}

/// A whole response; `headers` end with a line break each.
pub(super) fn whole(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

async fn stream(connection: &mut TcpStream, text: &str, ends: bool) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    connection.write_all(head.as_bytes()).await?;
    for byte in text.bytes() {
        connection.write_all(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']).await?;
        connection.flush().await?;
    }
    if ends { connection.write_all(b"0\r\n\r\n").await } else { Ok(()) }
}

/// Nothing when the client leaves before it has said all.
async fn read_request(connection: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let body_at = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        read_some(connection, &mut bytes).await?;
    };
    let head = String::from_utf8_lossy(&bytes[..body_at]).into_owned();
    let mut request = Request { head, text: String::new(), body: Value::Null };
    let length = request.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    while bytes.len() < body_at + length {
        read_some(connection, &mut bytes).await?;
    }
    if length > 0 {
        request.text = String::from_utf8(bytes[body_at..].to_vec()).expect("the body is text");
        request.body = serde_json::from_str(&request.text).expect("the body is JSON");
    }
    Some(request)
}

async fn read_some(connection: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    matches!(connection.read_buf(bytes).await, Ok(1..)).then_some(())
}
