//! Many conversations that stream at once at a pace, each watched over a WebSocket of its own.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::figures::Figures;
use crate::host::Host;
use crate::provider::Provider;

/// Between two pieces of a text.
const PACE: Duration = Duration::from_millis(20);
/// Pieces of each text, each of `WIDTH` bytes: ten seconds of them.
const PIECES: usize = 500;
const WIDTH: usize = 6;

/// What one viewer saw.
struct Watched {
    /// By how much each piece was later than its place in the schedule.
    late: Vec<Duration>,
    frames: usize,
    took: Duration,
}

pub(crate) async fn crowd(_: &Provider, figures: &mut Figures) {
    for conversations in [100, 1000] {
        let host = Host::scripted(PACE).await;
        let address = host.web_socket().await;
        let before = host.resident();
        let mut clients = Vec::with_capacity(conversations);
        for _ in 0..conversations {
            clients.push(connected(&address).await);
        }
        let connected = host.resident();
        let (began, ticks) = (Instant::now(), host.ticks());
        let all = clients.into_iter().enumerate().map(|(number, client)| tokio::spawn(watch(client, number)));
        let all: Vec<_> = all.collect();
        tokio::time::sleep(PACE * (PIECES as u32) / 2).await;
        let streaming = host.resident();
        let (mut late, mut frames, mut took) = (Vec::new(), 0, Duration::ZERO);
        for one in all {
            let watched = one.await.expect("no viewer panics");
            late.extend(watched.late);
            frames += watched.frames;
            took = took.max(watched.took);
        }
        let (elapsed, ticks) = (began.elapsed(), host.ticks() - ticks);
        let kib = |from: u64, to: u64| to.saturating_sub(from) as f64 / conversations as f64 / 1024.0;
        figures.times(&format!("{conversations} conversations at 50 pieces/s, a piece is late by"), late);
        figures.add(
            "all of them",
            format!(
                "{frames} frames for {} pieces in {:.1} s, the slowest turn {:.1} s, {:.0} % of one core",
                conversations * PIECES,
                elapsed.as_secs_f64(),
                took.as_secs_f64(),
                ticks as f64 / elapsed.as_secs_f64()
            ),
        );
        figures.add(
            "memory",
            format!(
                "{:.0} KiB for each connection, {:.0} KiB for each active turn",
                kib(before, connected),
                kib(connected, streaming)
            ),
        );
        host.stop().await;
    }
}

pub(crate) async fn connected(address: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address.strip_prefix("ws://").expect("it speaks WebSocket")).await;
    let stream = stream.expect("somebody listens");
    stream.set_nodelay(true).expect("a socket");
    client_async(address, stream).await.expect("it is let in").0
}

async fn watch(mut client: WebSocketStream<TcpStream>, number: usize) -> Watched {
    let text: String = (0..PIECES).map(|piece| format!("w{piece:04} ")).collect();
    assert_eq!(text.len(), PIECES * WIDTH);
    let id = format!("c{number}");
    let said = json!({ "type": "chat.send", "conversationId": id, "message": text.trim_end() });
    client.send(Message::text(said.to_string())).await.expect("the connection is open");
    let (began, mut arrived, mut frames, mut read) = (Instant::now(), Vec::with_capacity(PIECES), 0, 0);
    loop {
        let Message::Text(message) = client.next().await.expect("a message").expect("it is open") else {
            continue;
        };
        let now = Instant::now();
        let message: Value = serde_json::from_str(&message).expect("JSON");
        let frame = &message["event"];
        match frame["type"].as_str() {
            Some("text-delta") => {
                let delta = frame["delta"].as_str().expect("text");
                assert_eq!(frame["offset"].as_u64(), Some(read as u64), "no frame is lost or told twice");
                assert_eq!(&text[read..read + delta.len()], delta);
                read += delta.len();
                frames += 1;
                while arrived.len() < read.div_ceil(WIDTH) {
                    arrived.push(now);
                }
            }
            Some("turn-sealed") => break,
            _ => assert_ne!(message["type"], "chat.error", "{message}"),
        }
    }
    assert_eq!(arrived.len(), PIECES, "all was said");
    Watched { late: lateness(&arrived), frames, took: began.elapsed() }
}

/// The piece that came earliest, measured by its place, is on time; the others are late.
fn lateness(arrived: &[Instant]) -> Vec<Duration> {
    let places = || arrived.iter().zip(0_u32..).map(|(at, place)| *at - PACE * place);
    let Some(begin) = places().min() else { return Vec::new() };
    places().map(|at| at - begin).collect()
}
