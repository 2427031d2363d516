//! [`Outbox`]: what is on its way to one client, bounded in bytes.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};
use transom_plugin_api::sabotage::sabotaged;

/// What a message takes besides its bytes.
const OVERHEAD: usize = 64;

/// Where a client's messages are put. Whoever puts one waits until there is room, each in turn.
pub(crate) struct Outbox {
    most: u32,
    room: Arc<Semaphore>,
    queue: mpsc::UnboundedSender<Parcel>,
}

/// A message on its way, with the room that it takes.
pub(crate) struct Parcel {
    pub(crate) message: Message,
    _room: Option<OwnedSemaphorePermit>,
}

/// Where they come out, in the order in which they were put in.
pub(crate) type Queue = mpsc::UnboundedReceiver<Parcel>;

impl Outbox {
    /// With room for so many bytes; a message that is larger takes all of it.
    pub(crate) fn new(bytes: u32) -> (Self, Queue) {
        let (queue, parcels) = mpsc::unbounded_channel();
        (Self { most: bytes, room: Arc::new(Semaphore::new(bytes as usize)), queue }, parcels)
    }

    /// Puts a message in when there is room. It is lost when the connection is.
    pub(crate) async fn send(&self, text: Utf8Bytes) {
        let bytes = u32::try_from(text.len() + OVERHEAD).unwrap_or(u32::MAX).min(self.most);
        let bytes = if sabotaged("queue-without-limit") { 0 } else { bytes };
        if let Ok(room) = self.room.clone().acquire_many_owned(bytes).await {
            let _ = self.queue.send(Parcel { message: Message::Text(text), _room: Some(room) });
        }
    }

    /// Closes the connection behind what is in.
    pub(crate) fn close(&self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let _ = self.queue.send(Parcel { message: Message::Close(Some(frame)), _room: None });
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn who_sends_waits_for_room_and_a_large_message_is_not_stuck() {
        let (outbox, mut queue) = Outbox::new(100);
        outbox.send("a".repeat(200).into()).await;
        let mut second = pin!(outbox.send("b".into()));
        assert!(poll_fn(|context| Poll::Ready(second.as_mut().poll(context))).await.is_pending());
        drop(queue.recv().await);
        second.await;
        assert_eq!(queue.recv().await.unwrap().message, Message::text("b"));
    }
}
