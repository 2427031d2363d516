//! A [`Stage`]: answers where a host would, by a script, and breaks off where a host would not of its own accord.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use transom_host::data::DataFolder;

use crate::host::support::{Scene, within};

/// What is answered.
pub(super) enum Answer {
    /// A document with its status.
    Document(u16, Value),
    /// Frames, after which the connection breaks.
    Broken(Vec<Value>),
    /// Frames, after which the stream ends.
    Ended(Vec<Value>),
    /// Frames, after which nothing comes until the client has gone.
    Open(Vec<Value>),
}

/// A request: its first line without the version, and its body.
pub(super) type Request = (String, Value);

/// Where a host would be reached on the data folder of a scene.
pub(super) struct Stage {
    requests: UnboundedReceiver<Request>,
    _serving: JoinSet<()>,
    _folder: DataFolder,
}

impl Stage {
    /// Answers what is asked in this order; lists are answered with `conversation` as often as they are asked for.
    pub(super) async fn start(scene: &Scene, conversation: Value, script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let folder = DataFolder::hold(&scene.data()).expect("a folder of its own");
        folder.write_run_file(&address).expect("it can be written");
        let (report, requests) = unbounded_channel();
        let listed = json!({ "conversations": [conversation] });
        let desk = Desk { listed, script: Arc::new(Mutex::new(script.into())), report };
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.spawn(desk.clone().serve(connection));
            }
        });
        Self { requests, _serving: serving, _folder: folder }
    }

    /// The next request that was answered by the script.
    pub(super) async fn request(&mut self) -> Request {
        within("a request", self.requests.recv()).await.expect("the stage stands")
    }
}

#[derive(Clone)]
struct Desk {
    listed: Value,
    script: Arc<Mutex<VecDeque<Answer>>>,
    report: UnboundedSender<Request>,
}

impl Desk {
    // Whatever the client does to the connection, the test sees it by what the command says.
    async fn serve(self, mut connection: TcpStream) {
        let Some(request) = read_request(&mut connection).await else { return };
        if request.0.starts_with("GET /conversations?") {
            let _ = connection.write_all(whole(200, &self.listed).as_bytes()).await;
            return;
        }
        let answer = self.script.lock().expect("nobody panics with it").pop_front();
        let _ = self.report.send(request);
        let answer = answer.unwrap_or(Answer::Document(400, json!({ "error": "the script is over" })));
        let _ = perform(&mut connection, answer).await;
    }
}

async fn perform(connection: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
    match answer {
        Answer::Document(status, body) => connection.write_all(whole(status, &body).as_bytes()).await,
        Answer::Broken(frames) => stream(connection, &frames).await,
        Answer::Ended(frames) => {
            stream(connection, &frames).await?;
            connection.write_all(b"0\r\n\r\n").await
        }
        Answer::Open(frames) => {
            stream(connection, &frames).await?;
            while let Ok(1..) = connection.read(&mut [0; 64]).await {}
            Ok(())
        }
    }
}

fn whole(status: u16, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

async fn stream(connection: &mut TcpStream, frames: &[Value]) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nX-Conversation-Id: c\r\n\
                Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    connection.write_all(head.as_bytes()).await?;
    for frame in frames {
        let line = format!("{frame}\n");
        connection.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).await?;
    }
    connection.flush().await
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
    let head = String::from_utf8_lossy(&bytes[..body_at]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
    while bytes.len() < body_at + length {
        read_some(connection, &mut bytes).await?;
    }
    let line = String::from_utf8_lossy(&bytes[..body_at]);
    let line = line.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    Some((line, serde_json::from_slice(&bytes[body_at..]).unwrap_or_default()))
}

async fn read_some(connection: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    matches!(connection.read_buf(bytes).await, Ok(1..)).then_some(())
}
