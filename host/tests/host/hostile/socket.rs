//! [`Socket`]: a WebSocket as bytes.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::host::support::{Host, eventually, within};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// A connection.
pub(super) struct Socket {
    reading: BufReader<OwnedReadHalf>,
    pub(super) writing: OwnedWriteHalf,
}

/// Where a host lets WebSockets in: its log says so.
pub(super) async fn address_of(host: &Host) -> String {
    let log = async || host.errors();
    let log = eventually("the address of the WebSocket", log, |log| log.contains("ws://")).await;
    let behind = log.split("ws://").nth(1).expect("it is there");
    behind.chars().take_while(|letter| letter.is_ascii_digit() || ".:".contains(*letter)).collect()
}

/// A text as it is framed, masked with zeros.
pub(super) fn framed(text: &str) -> Vec<u8> {
    let mut frame = vec![0x80 | TEXT];
    match text.len() {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).expect("it is short")),
        middle @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(middle).expect("it fits").to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

impl Socket {
    pub(super) async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("somebody listens");
        let (reading, mut writing) = stream.into_split();
        let request = format!(
            "GET / HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        writing.write_all(request.as_bytes()).await.expect("it is sent");
        let mut reading = BufReader::new(reading);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = within("a head", reading.read_line(&mut head)).await.expect("a head");
            assert!(read > 0, "it is not upgraded: {head}");
        }
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self { reading, writing }
    }

    pub(super) async fn say(&mut self, text: &str) {
        self.writing.write_all(&framed(text)).await.expect("it is sent");
    }

    /// The next message that is no news; the code of the close when that comes.
    pub(super) async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            match within("a message", self.frame()).await {
                (TEXT, text) => {
                    let message: Value = serde_json::from_slice(&text).expect("JSON");
                    if !message["type"].as_str().is_some_and(|kind| kind.starts_with("conversation.")) {
                        return Ok(message);
                    }
                }
                (CLOSE, reason) => {
                    return Err(reason.first_chunk().map_or(0, |code| u16::from_be_bytes(*code)));
                }
                _ => {}
            }
        }
    }

    /// What comes with that `id`.
    pub(super) async fn hear_of(&mut self, id: &Value) -> Value {
        loop {
            let message = self.hear().await.unwrap_or_else(|code| panic!("it was closed with {code}"));
            if message["id"] == *id {
                return message;
            }
        }
    }

    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let Ok(kind) = self.reading.read_u8().await else { return (CLOSE, Vec::new()) };
        let length = match self.reading.read_u8().await.expect("a length") {
            126 => u64::from(self.reading.read_u16().await.expect("a length")),
            127 => self.reading.read_u64().await.expect("a length"),
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).expect("it fits into memory")];
        self.reading.read_exact(&mut payload).await.expect("as much as was announced");
        (kind & 0x0f, payload)
    }
}
