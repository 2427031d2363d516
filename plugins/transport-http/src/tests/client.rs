//! A client that says exactly what it is told to, and reads what comes back.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::BOUND;

/// One connection.
pub(crate) struct Client {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What `{"error": …}` says.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error in {self:?}")).to_owned()
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { address, stream: BufReader::new(TcpStream::connect(address).await.unwrap()) }
    }

    pub(crate) async fn write(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// A request with a `Host` of its own unless `headers` have one.
    pub(crate) async fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) {
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            text += &format!("host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            text += &format!("content-length: {}\r\n", body.len());
        }
        self.write(&(text + "\r\n" + body)).await;
    }

    /// A line without its end; `None` when the server has closed the connection.
    pub(crate) async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(BOUND, self.stream.read_line(&mut line)).await.expect("a line within the bound");
        // A connection that is cut off counts as closed.
        if read.unwrap_or(0) == 0 { None } else { Some(line.trim_end_matches(['\r', '\n']).to_owned()) }
    }

    /// Status and headers.
    pub(crate) async fn head(&mut self) -> Answer {
        let status = self.line().await.expect("a status line");
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut headers = BTreeMap::new();
        while let Some(line) = self.line().await.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").expect("a header");
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        Answer { status, headers, body: String::new() }
    }

    /// The next chunk of a chunked body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let size = usize::from_str_radix(&self.line().await.expect("a chunk's size"), 16).expect("a size");
        let chunk = self.exactly(size).await;
        assert_eq!(self.line().await.as_deref(), Some(""), "a line ends the chunk");
        (size > 0).then_some(chunk)
    }

    /// The answer to a request of that method.
    pub(crate) async fn answer(&mut self, method: &str) -> Answer {
        let mut answer = self.head().await;
        if method == "HEAD" {
            return answer;
        }
        if answer.headers.get("transfer-encoding").is_some_and(|encoding| encoding == "chunked") {
            while let Some(chunk) = self.chunk().await {
                answer.body += &chunk;
            }
        } else if let Some(length) = answer.headers.get("content-length") {
            answer.body = self.exactly(length.parse().expect("a length")).await;
        }
        answer
    }

    async fn exactly(&mut self, bytes: usize) -> String {
        let mut text = vec![0; bytes];
        timeout(BOUND, self.stream.read_exact(&mut text)).await.expect("bytes within the bound").unwrap();
        String::from_utf8(text).unwrap()
    }
}
