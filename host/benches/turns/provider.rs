//! A provider that streams as it is told in the last message it is sent, on a thread of its own, and notes when.
//!
//! `tokens=200 pace_us=0 tool=0 mixed=0`: how much it says, how slowly, whether it first asks for a tool, and whether every other
//! word is a thought, so that no two of them can be joined.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::{TcpListener, TcpStream};

/// What one token says: 200 of them are 1.3 KB.
const TOKEN: &str = "harbour ";
const TOKEN_BYTES: usize = 6;

/// When one request was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// The whole request was there.
    pub(crate) asked: Instant,
    /// The first token was handed to the system.
    pub(crate) first: Instant,
    /// The last byte was.
    pub(crate) last: Instant,
}

impl Answered {
    /// How long it took by itself.
    pub(crate) fn whole(&self) -> Duration {
        self.last - self.asked
    }
}

/// The running provider.
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    answered: Arc<Mutex<HashMap<String, Vec<Answered>>>>,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let answered: Arc<Mutex<HashMap<_, _>>> = Arc::default();
        let noted = Arc::clone(&answered);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::from_std(listener).expect("a socket");
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&noted)));
                }
            });
        });
        Self { address, answered }
    }

    /// When it answered the requests about `label`, which stands in their messages; they are forgotten here.
    pub(crate) fn answered(&self, label: &str) -> Vec<Answered> {
        self.answered.lock().expect("nobody panics").remove(label).unwrap_or_default()
    }
}

/// What the last message of a person asks for.
struct Order {
    label: String,
    tokens: usize,
    pace: Duration,
    tool: bool,
    mixed: bool,
}

impl Order {
    fn of(body: &Value) -> Self {
        let messages = body["messages"].as_array().expect("messages");
        let said = messages.iter().rev().find(|message| message["role"] == "user").expect("a person speaks");
        let said = said["content"].as_str().expect("text");
        let field = |name: &str| {
            let field = said.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            field.unwrap_or_default().to_owned()
        };
        let number = |name: &str| field(name).parse::<u64>().unwrap_or_default();
        let has_result = messages.last().is_some_and(|message| message["role"] == "tool");
        Self {
            label: field("label"),
            tokens: usize::try_from(number("tokens")).expect("a number of tokens"),
            pace: Duration::from_micros(number("pace_us")),
            tool: number("tool") > 0 && !has_result,
            mixed: number("mixed") > 0,
        }
    }
}

async fn serve(stream: TcpStream, answered: Arc<Mutex<HashMap<String, Vec<Answered>>>>) {
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let (mut read, mut write) = (BufReader::new(read), BufWriter::with_capacity(16 * 1024, write));
    while let Some(body) = request(&mut read).await {
        let asked = Instant::now();
        let order = Order::of(&serde_json::from_slice(&body).expect("JSON"));
        let Ok((first, last)) = answer(&mut write, &order).await else { return };
        let noted = Answered { asked, first, last };
        answered.lock().expect("nobody panics").entry(order.label).or_default().push(noted);
    }
}

async fn request(read: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).await.ok()?;
    Some(body)
}

async fn answer(
    write: &mut (impl AsyncWriteExt + Unpin),
    order: &Order,
) -> std::io::Result<(Instant, Instant)> {
    write
        .write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .await?;
    let mut first = None;
    let mut event = String::new();
    for number in 0..order.tokens {
        if !order.pace.is_zero() {
            tokio::time::sleep(order.pace).await;
        }
        let data = format!(
            "{{\"choices\":[{{\"index\":0,\"delta\":{{\"{}\":\"{}\"}}}}]}}",
            if order.mixed && number % 2 == 1 { "reasoning_content" } else { "content" },
            &TOKEN[..TOKEN_BYTES]
        );
        piece(&mut event, &data);
        write.write_all(event.as_bytes()).await?;
        if number == 0 || !order.pace.is_zero() {
            write.flush().await?;
        }
        first.get_or_insert_with(Instant::now);
    }
    let mut rest = String::new();
    if order.tool {
        piece(
            &mut event,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"list_dir","arguments":"{\"path\":\".\"}"}}]}}]}"#,
        );
        rest += &event;
    }
    let reason = if order.tool { "tool_calls" } else { "stop" };
    piece(
        &mut event,
        &format!("{{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}"),
    );
    rest += &event;
    piece(&mut event, r#"{"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":200}}"#);
    rest += &event;
    piece(&mut event, "[DONE]");
    rest += &event;
    rest += "0\r\n\r\n";
    write.write_all(rest.as_bytes()).await?;
    write.flush().await?;
    let last = Instant::now();
    Ok((first.unwrap_or(last), last))
}

/// One event, in a chunk of its own.
fn piece(into: &mut String, data: &str) {
    into.clear();
    write!(into, "{:x}\r\ndata: {data}\n\n\r\n", data.len() + 8).expect("a string takes everything");
}
