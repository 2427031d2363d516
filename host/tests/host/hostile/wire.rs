//! [`Wire`]: requests as bytes, so that nothing is put right on the way.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::host::support::{Host, within};

/// A connection that is kept as long as both sides keep it.
pub(super) struct Wire {
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

/// What was answered; the document is `null` for a stream, which is left at once.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) document: Value,
    pub(super) bytes: usize,
}

impl Wire {
    pub(super) fn to(host: &Host) -> Self {
        Self { address: address_of(host), stream: None }
    }

    /// Asks; `headers` are whole lines. `length` is announced and `body` sent, whatever they have to do with each other.
    pub(super) async fn ask(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Answer {
        // What stands behind the head of one that has no body is the next request.
        let body = if method == "GET" { b"" } else { body };
        let announced = match body.len() {
            length @ 1.. if !headers.contains("content-length") => format!("content-length: {length}\r\n"),
            _ => String::new(),
        };
        let head =
            format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n{announced}{headers}\r\n", self.address);
        // Where the other side has closed what was kept, once more on a new one.
        for _ in 0..2 {
            let mut stream = match self.stream.take() {
                Some(stream) => stream,
                None => BufReader::new(TcpStream::connect(&self.address).await.expect("it listens")),
            };
            // Who is refused early may be cut off while it still speaks; what counts is the answer.
            let _ = stream.get_mut().write_all(&[head.as_bytes(), body].concat()).await;
            if let Some((answer, is_kept)) = within("an answer", read(&mut stream, method)).await {
                self.stream = is_kept.then_some(stream);
                return answer;
            }
        }
        panic!("{method} {} was not answered", target.chars().take(100).collect::<String>());
    }
}

pub(super) fn address_of(host: &Host) -> String {
    host.client.address.trim_start_matches("http://").to_owned()
}

/// A body in chunks, up to its end.
async fn chunks(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let size = usize::from_str_radix(line.trim_end(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).await.ok()?;
        body.extend_from_slice(&chunk[..size]);
        if size == 0 {
            return Some(body);
        }
    }
}

/// The answer, and whether the connection goes on; `None` when there is none.
async fn read(stream: &mut BufReader<TcpStream>, method: &str) -> Option<(Answer, bool)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if !matches!(stream.read_line(&mut head).await, Ok(1..)) {
            return None;
        }
    }
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let head = head.to_ascii_lowercase();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    let Some(length) = field("content-length") else {
        // A refusal that is a stream has one document.
        let body = if status >= 400 && field("transfer-encoding").is_some() {
            chunks(stream).await?
        } else {
            Vec::new()
        };
        let document = serde_json::from_slice(&body).unwrap_or_default();
        return Some((Answer { status, document, bytes: body.len() }, status == 204));
    };
    let mut body = vec![0; if method == "HEAD" { 0 } else { length.parse().expect("a length") }];
    stream.read_exact(&mut body).await.ok()?;
    let document = serde_json::from_slice(&body).unwrap_or_default();
    Some((Answer { status, document, bytes: body.len() }, field("connection") != Some("close")))
}
