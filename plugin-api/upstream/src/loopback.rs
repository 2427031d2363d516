//! A server on loopback that answers as a test says.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use transom_plugin_api::Secret;

use crate::account::Account;
use crate::endpoint::{Endpoint, Times};
use crate::format::WireFormat;

/// What the server does on a connection, once it has read the request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Writes bytes.
    Write(Vec<u8>),
    /// Writes bytes so many times, or until the client has gone.
    WriteAgain(Vec<u8>, usize),
    /// Waits until the client closes the connection.
    AwaitClose,
    /// Reads one more request on this connection.
    AwaitRequest,
    /// Waits for the test.
    AwaitTest(Arc<Notify>),
}

/// What happened on a connection.
#[derive(Debug)]
pub struct Exchange {
    /// The first line and the headers.
    pub head: String,
    /// What came behind them.
    pub body: String,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    port: u16,
    requested: Arc<Notify>,
    done: JoinHandle<Vec<Exchange>>,
}

/// What the facts of a test may take until they are given up.
const BOUND: Duration = Duration::from_secs(20);

impl Server {
    /// Serves one connection after the other with one script each, then closes.
    pub async fn start<const N: usize>(scripts: [Vec<Act>; N]) -> Self {
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
    pub fn endpoint<F: WireFormat>(&self, format: &F) -> Endpoint {
        endpoint_at(format, self.port)
    }

    /// An endpoint that leads here and gives up after so long a silence.
    pub fn hasty_endpoint<F: WireFormat>(&self, format: &F, idle: Duration) -> Endpoint {
        endpoint_within(format, self.port, idle)
    }

    /// Where it listens, on loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Waits until a request has been read.
    pub async fn requested(&self) {
        self.requested.notified().await;
    }

    /// What happened, when all scripts have been played.
    pub async fn exchanges(self) -> Vec<Exchange> {
        tokio::time::timeout(BOUND, self.done)
            .await
            .expect("the server is done in time")
            .expect("it did not panic")
    }
}

/// An endpoint on loopback.
pub fn endpoint_at<F: WireFormat>(format: &F, port: u16) -> Endpoint {
    endpoint_within(format, port, BOUND)
}

/// An endpoint on loopback that gives up after so long a silence.
pub fn endpoint_within<F: WireFormat>(format: &F, port: u16, idle: Duration) -> Endpoint {
    let name = F::SERVICE.trim_end_matches("-service");
    let times = Times { idle, connect: BOUND };
    Endpoint::of(format, &account(name, port), times, Arc::new(|| 0)).expect("a good account")
}

/// An account on loopback.
pub fn account(name: &str, port: u16) -> Account {
    Account {
        name: name.to_owned(),
        base_url: format!("http://127.0.0.1:{port}"),
        key: Some(Secret::new("sk-loopback")),
    }
}

/// A whole response with a length; `headers` end with a line break each.
pub fn response(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    let text =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
    vec![Act::Write(text.into_bytes())]
}

/// The head of a stream that ends with its connection.
pub fn stream_head() -> Act {
    Act::Write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec())
}

async fn serve(mut connection: TcpStream, script: Vec<Act>, requested: &Notify) -> Exchange {
    let exchange = read_request(&mut connection).await;
    requested.notify_one();
    play(&mut connection, script).await;
    exchange
}

async fn play(connection: &mut TcpStream, script: Vec<Act>) {
    for act in script {
        match act {
            Act::Write(bytes) => {
                // The client may be gone by design; what it saw is the test's business.
                let _ = connection.write_all(&bytes).await;
                let _ = connection.flush().await;
            }
            Act::WriteAgain(bytes, times) => {
                for _ in 0..times {
                    if connection.write_all(&bytes).await.is_err() {
                        break;
                    }
                }
            }
            Act::AwaitRequest => drop(read_request(connection).await),
            Act::AwaitTest(notify) => notify.notified().await,
            Act::AwaitClose => while matches!(connection.read(&mut [0; 64]).await, Ok(1..)) {},
        }
    }
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

/// A server that gives every request the answer that `answer` makes of its head, as JSON, for as long as it is kept.
#[derive(Debug)]
pub struct Lists {
    port: u16,
    serving: JoinHandle<()>,
}

impl Lists {
    /// Starts it; requests for which there is no answer are never answered.
    pub async fn start(answer: impl Fn(&str) -> Option<(u16, String)> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let answer = Arc::new(answer);
        let serving = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer_one(connection, answer.clone()));
            }
        });
        Self { port, serving }
    }

    /// Where it listens, on loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer_one(
    mut connection: TcpStream,
    answer: Arc<impl Fn(&str) -> Option<(u16, String)> + Send + Sync + 'static>,
) {
    let request = read_request(&mut connection).await;
    let script = match answer(&request.head) {
        Some((status, body)) => {
            response(&format!("{status} Said"), "content-type: application/json\r\n", &body)
        }
        None => vec![Act::AwaitClose],
    };
    play(&mut connection, script).await;
}
