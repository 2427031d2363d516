//! One request over HTTP, and its answer line by line.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::shell::Asked;
use super::shown::Lines;

/// An answer that is being read.
pub(super) struct Answer {
    pub(super) status: u16,
    stream: BufReader<TcpStream>,
    length: Length,
    /// What came and is no whole line yet.
    read: String,
    /// What is written behind it.
    behind: Option<String>,
}

/// How much of the body is still to come.
enum Length {
    Bytes(usize),
    Chunks,
    Over,
}

impl Answer {
    pub(super) async fn to(asked: &Asked, address: &str) -> Self {
        let mut stream = BufReader::new(TcpStream::connect(address).await.expect("somebody listens"));
        let Asked { method, target, headers, body, .. } = asked;
        let mut request = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| name == "host") {
            request += &format!("host: {address}\r\n");
        }
        request.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        request += &format!("content-length: {}\r\n\r\n{body}", body.len());
        stream.get_mut().write_all(request.as_bytes()).await.expect("it is sent");
        let (status, length) = head(&mut stream).await;
        let behind = asked.shows_status.then(|| format!(" {status}"));
        Self { status, stream, length, read: String::new(), behind }
    }

    /// The whole body.
    pub(super) async fn text(mut self) -> String {
        while self.more().await {}
        self.read
    }

    /// Reads a piece of the body; whether there was one.
    async fn more(&mut self) -> bool {
        let size = match self.length {
            Length::Over | Length::Bytes(0) => 0,
            Length::Bytes(size) => size,
            Length::Chunks => usize::from_str_radix(&line(&mut self.stream).await, 16).expect("a size"),
        };
        let mut bytes = vec![0; size];
        self.stream.read_exact(&mut bytes).await.expect("as much as was announced");
        self.read += std::str::from_utf8(&bytes).expect("it is cut between letters");
        match self.length {
            Length::Chunks if size > 0 => assert_eq!(line(&mut self.stream).await, "", "a chunk ends"),
            _ => self.length = Length::Over,
        }
        size > 0
    }
}

impl Lines for Answer {
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((line, rest)) = self.read.split_once('\n') {
                let (line, rest) = (line.to_owned(), rest.to_owned());
                self.read = rest;
                return Some(line);
            }
            if !self.more().await {
                self.read += &self.behind.take().unwrap_or_default();
                let last = std::mem::take(&mut self.read);
                return (!last.is_empty()).then_some(last);
            }
        }
    }
}

async fn head(stream: &mut BufReader<TcpStream>) -> (u16, Length) {
    let status = line(stream).await;
    let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut length = Length::Over;
    loop {
        let header = line(stream).await.to_lowercase();
        match header.split_once(": ") {
            None => return (status, length),
            Some(("content-length", bytes)) => length = Length::Bytes(bytes.parse().expect("a length")),
            Some(("transfer-encoding", _)) => length = Length::Chunks,
            _ => {}
        }
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).await.expect("a line");
    line.trim_end().to_owned()
}
