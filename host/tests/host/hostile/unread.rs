//! A client that asks for much and reads nothing, while the plugins behind its stream are replaced.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::wire;
use crate::host::support::{Host, Manner, Scene, within};

/// Turns, and bytes that the person and the model say in each: more than sockets hold.
const TURNS: usize = 5;
const BYTES: usize = 1_000_000;

/// A stream of all frames of a conversation of which nothing is read.
async fn unread(host: &Host) -> TcpStream {
    let address = wire::address_of(host);
    let socket = TcpSocket::new_v4().expect("a socket");
    // As little as the system lets it be.
    socket.set_recv_buffer_size(4_096).expect("it can be set");
    let mut stream = socket.connect(address.parse().expect("an address")).await.expect("it listens");
    let request = format!(
        "GET /conversations/c/events?after=0:0:0 HTTP/1.1\r\nhost: {address}\r\naccept: application/x-ndjson\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut first = [0; 12];
    within("a head", stream.read_exact(&mut first)).await.expect("a head");
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

/// The frames of a chunked answer, up to so many seals.
async fn read_on(mut stream: TcpStream, seals: usize) -> Vec<Value> {
    let (mut raw, mut frames, mut found) = (Vec::new(), Vec::new(), 0);
    let mut is_head = true;
    while found < seals {
        let read = within("more", stream.read_buf(&mut raw)).await.expect("it can be read");
        assert!(read > 0, "it ended after {found} turns");
        if is_head {
            let Some(end) = raw.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            raw.drain(..end + 4);
            is_head = false;
        }
        while let Some(chunk) = take_chunk(&mut raw) {
            for line in chunk.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let frame: Value = serde_json::from_slice(line).expect("a frame");
                found += usize::from(frame["type"] == "turn-sealed");
                frames.push(frame);
            }
        }
    }
    frames
}

/// The first chunk, when all of it is there.
fn take_chunk(raw: &mut Vec<u8>) -> Option<Vec<u8>> {
    let line = raw.windows(2).position(|window| window == b"\r\n")?;
    let size = usize::from_str_radix(std::str::from_utf8(&raw[..line]).expect("a size"), 16).expect("a size");
    let (start, end) = (line + 2, line + 2 + size);
    if raw.len() < end + 2 {
        return None;
    }
    let chunk = raw[start..end].to_vec();
    raw.drain(..end + 2);
    Some(chunk)
}

#[tokio::test]
async fn plugins_are_replaced_behind_a_client_that_reads_nothing_and_later_gets_every_frame_once() {
    let scene = Scene::new(Manner::Dylib);
    let host = scene.start().await;
    for turn in 0..TURNS {
        let words = char::from(b'a' + u8::try_from(turn).expect("few")).to_string().repeat(BYTES);
        host.client.turn("c", &format!("[[say: {words}]]")).await;
    }
    let stream = unread(&host).await;
    for plugin in ["conversation-store", "session-orchestrator", "conversation-store"] {
        let reloaded = scene.run(&["reload", plugin, "--json"]).await;
        assert_eq!(reloaded.code, Some(0), "{plugin}: {reloaded:?}");
    }
    let frames = read_on(stream, TURNS).await;
    let mut said = vec![0; TURNS];
    let (mut turn, mut last) = (0, (0, 0));
    for frame in &frames {
        let place =
            (frame["position"].as_u64().expect("a place"), frame["offset"].as_u64().expect("a place"));
        assert!(place > last, "{place:?} behind {last:?}");
        assert!(place.0 == last.0 || place.0 == last.0 + 1, "{place:?} behind {last:?}");
        last = place;
        said[turn.min(TURNS - 1)] += frame["delta"].as_str().map_or(0, str::len);
        turn += usize::from(frame["type"] == "turn-sealed");
    }
    assert_eq!((turn, said), (TURNS, vec![BYTES; TURNS]));
    let health = host.client.get("/health").await;
    assert_eq!(health["degraded"], json!([]));
    host.stop().await;
}
