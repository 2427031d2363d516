//! A WebSocket as a client has it: texts in frames, and nothing else that a page shows.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::shown::Lines;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// A connection.
pub(super) struct Socket {
    stream: BufReader<TcpStream>,
    /// Whether news for everybody are passed over.
    pub(super) skips_news: bool,
}

impl Socket {
    pub(super) async fn open(address: &str) -> Self {
        let mut stream = BufReader::new(TcpStream::connect(address).await.expect("somebody listens"));
        let request = format!(
            "GET / HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.get_mut().write_all(request.as_bytes()).await.expect("it is sent");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = stream.read_line(&mut head).await.expect("a head");
            assert!(read > 0, "it is not upgraded: {head}");
        }
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self { stream, skips_news: true }
    }

    pub(super) async fn send(&mut self, text: &str) {
        let length = u16::try_from(text.len()).expect("examples are short").to_be_bytes();
        // A mask of zeros leaves the text as it is.
        let mut frame = vec![0x80 | TEXT, 0x80 | 126, length[0], length[1], 0, 0, 0, 0];
        frame.extend(text.as_bytes());
        self.stream.get_mut().write_all(&frame).await.expect("it is sent");
    }

    /// The next frame; `None` when the connection has ended.
    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let kind = self.stream.read_u8().await.ok()? & 0x0f;
        let length = match self.stream.read_u8().await.expect("a length") {
            126 => u64::from(self.stream.read_u16().await.expect("a length")),
            127 => self.stream.read_u64().await.expect("a length"),
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).expect("it fits into memory")];
        self.stream.read_exact(&mut payload).await.expect("as much as was announced");
        Some((kind, payload))
    }
}

impl Lines for Socket {
    async fn next(&mut self) -> Option<String> {
        loop {
            match self.frame().await? {
                (TEXT, text) => {
                    let text = String::from_utf8(text).expect("text is UTF-8");
                    if !(self.skips_news && text.starts_with("{\"type\":\"conversation.")) {
                        return Some(text);
                    }
                }
                (CLOSE, _) => return None,
                _ => {}
            }
        }
    }
}
