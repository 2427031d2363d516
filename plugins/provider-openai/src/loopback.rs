//! A server on loopback that answers as a test says.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use transom_plugin_api::Secret;

use crate::OpenAi;
use crate::endpoint::Endpoint;

/// What the server does on a connection, once it has read the request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Writes bytes.
    Write(Vec<u8>),
    /// Waits until the client closes the connection.
    AwaitClose,
    /// Reads one more request on this connection.
    AwaitRequest,
    /// Waits for the test.
    AwaitTest(Arc<Notify>),
}

/// What happened on a connection.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A running server.
pub(crate) struct Server {
    port: u16,
    requested: Arc<Notify>,
    done: JoinHandle<Vec<Exchange>>,
}

/// What the facts of a test may take until they are given up.
const BOUND: Duration = Duration::from_secs(20);

impl Server {
    /// Serves one connection after the other with one script each, then closes.
    pub(crate) async fn start<const N: usize>(scripts: [Vec<Act>; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let requested = Arc::new(Notify::new());
        let tell = requested.clone();
        let done = tokio::spawn(async move {
            let mut exchanges = Vec::new();
            for script in scripts {
                let (connection, _) = listener.accept().await.expect("a connection");
                exchanges.push(serve(connection, script, &tell).await);
            }
            exchanges
        });
        Self { port, requested, done }
    }

    /// An endpoint that leads here.
    pub(crate) fn endpoint(&self) -> Endpoint {
        endpoint_at(self.port)
    }

    /// Waits until a request has been read.
    pub(crate) async fn requested(&self) {
        self.requested.notified().await;
    }

    /// What happened, when all scripts have been played.
    pub(crate) async fn exchanges(self) -> Vec<Exchange> {
        tokio::time::timeout(BOUND, self.done)
            .await
            .expect("the server is done in time")
            .expect("it did not panic")
    }
}

/// An endpoint on loopback.
pub(crate) fn endpoint_at(port: u16) -> Endpoint {
    let settings = OpenAi { base_url: format!("http://127.0.0.1:{port}/v1"), ..settings() };
    Endpoint::new(&settings, Arc::new(|| 0)).expect("good settings")
}

/// The settings that the tests begin with.
pub(crate) fn settings() -> OpenAi {
    OpenAi {
        name: "openai".into(),
        base_url: "http://127.0.0.1/v1".into(),
        key: Some(Secret::new("sk-loopback")),
        model: None,
        list_models: false,
        idle_timeout_s: 20,
        connect_timeout_s: 20,
        ask_for_usage: true,
        send_reasoning_effort: false,
        extra_body: None,
    }
}

/// A whole response with a length; `headers` end with a line break each.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    let text =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
    vec![Act::Write(text.into_bytes())]
}

/// The head of a stream that ends with its connection.
pub(crate) fn stream_head() -> Act {
    Act::Write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec())
}

async fn serve(mut connection: TcpStream, script: Vec<Act>, requested: &Notify) -> Exchange {
    let exchange = read_request(&mut connection).await;
    requested.notify_one();
    for act in script {
        match act {
            Act::Write(bytes) => {
                // The client may be gone by design; what it saw is the test's business.
                let _ = connection.write_all(&bytes).await;
                let _ = connection.flush().await;
            }
            Act::AwaitRequest => drop(read_request(&mut connection).await),
            Act::AwaitTest(notify) => notify.notified().await,
            Act::AwaitClose => while matches!(connection.read(&mut [0; 64]).await, Ok(1..)) {},
        }
    }
    exchange
}

async fn read_request(connection: &mut TcpStream) -> Exchange {
    let mut bytes = Vec::new();
    let body_at = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        read_some(connection, &mut bytes).await;
    };
    let head = String::from_utf8_lossy(&bytes[..body_at]).into_owned();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse::<usize>().expect("a length"));
    while bytes.len() < body_at + length {
        read_some(connection, &mut bytes).await;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Exchange { head: text(&bytes[..body_at]), body: text(&bytes[body_at..]) }
}

async fn read_some(connection: &mut TcpStream, bytes: &mut Vec<u8>) {
    let count = connection.read_buf(bytes).await.expect("the client's bytes");
    assert!(count > 0, "the client left in the middle of its request");
}
