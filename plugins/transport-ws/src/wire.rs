//! The socket of a connection: its writing half, pings, and its last bytes.

use std::time::Duration;

use futures_util::sink::SinkExt;
use futures_util::stream::SplitSink;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};
use transom_plugin_api::sabotage::sabotaged;

use crate::outbox::{Parcel, Queue};
use crate::pulse::{Pulse, Stalled};

/// Pings in a row that may stay without any sign of life.
const MISSED: u32 = 2;

/// Messages between two flushes, and so between two looks at the clock.
const AT_ONCE: usize = 32;

/// How long the last bytes of a client are read that was told to leave, and how many.
const LINGER: Duration = Duration::from_secs(1);
const LEFTOVER: u64 = 16 * 1024 * 1024;

/// Why nothing more is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwritten {
    /// The last message was one that closes.
    Closed,
    /// The connection broke.
    Broken,
    /// Nobody answered pings.
    Gone,
    /// Nothing was taken for too long.
    Stalled,
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Between two pings.
    pub(crate) ping: Duration,
    /// For the other end to take something.
    pub(crate) stall: Duration,
}

/// Writes what is in the queue, and pings, until one of them is the last.
pub(crate) async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    mut queue: Queue,
    pulse: &Pulse,
    patience: Patience,
) -> Unwritten {
    let mut ping = interval_at(Instant::now() + patience.ping, patience.ping);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Pings first, so that a full queue does not look like a dead end.
        let step = tokio::select! {
            biased;
            _ = ping.tick() => {
                if pulse.unanswered() >= MISSED && !sabotaged("keep-the-dead") {
                    return Unwritten::Gone;
                }
                pulse.asked();
                pulse.within(patience.stall, sink.send(Message::Ping(Vec::new().into()))).await
            }
            Some(parcel) = queue.recv() => {
                match pulse.within(patience.stall, feed(sink, parcel, &mut queue)).await {
                    Ok(Ok(is_last)) if is_last => return Unwritten::Closed,
                    sent => sent.map(|sent| sent.map(drop)),
                }
            }
        };
        match step {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Unwritten::Broken,
            Err(Stalled) => return Unwritten::Stalled,
        }
    }
}

/// Writes one message, and some of those that are there already behind it, and only then flushes. Says whether one of them
/// was the last.
async fn feed<S: AsyncRead + AsyncWrite + Unpin>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    first: Parcel,
    queue: &mut Queue,
) -> tungstenite::Result<bool> {
    let further = std::iter::from_fn(|| queue.try_recv().ok());
    for Parcel { message, .. } in std::iter::once(first).chain(further).take(AT_ONCE) {
        if message.is_close() {
            sink.send(message).await?;
            return Ok(true);
        }
        sink.feed(message).await?;
    }
    sink.flush().await?;
    Ok(false)
}

/// Lets the other end read what it was sent last: a socket that is closed with something unread in it takes that back.
pub(crate) async fn linger<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut S) {
    let reading = async {
        socket.shutdown().await?;
        tokio::io::copy(&mut socket.take(LEFTOVER), &mut tokio::io::sink()).await
    };
    let _ = timeout(LINGER, reading).await;
}
