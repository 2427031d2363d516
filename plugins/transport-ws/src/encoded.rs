//! [`Encoder`]: frames, written once for all viewers of this transport.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio_tungstenite::tungstenite::Utf8Bytes;
use transom_agent::event::AgentEvent;
use transom_plugin_api::sabotage::sabotaged;

use crate::said::Said;

/// Bytes of written frames that are kept. Viewers of one conversation are seldom further apart, and those that are cost
/// only the time to write a frame again.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// What is counted for a frame besides its text: it is kept twice, as it came and as it was written.
const OVERHEAD: usize = 512;

/// Writes frames, and remembers those that it wrote last.
#[derive(Default)]
pub(crate) struct Encoder {
    hasher: RandomState,
    kept: Mutex<Kept>,
    count: AtomicU64,
}

#[derive(Default)]
struct Kept {
    by_place: HashMap<u64, VecDeque<(AgentEvent, Utf8Bytes)>>,
    /// The places in the order in which their frames were written.
    order: VecDeque<u64>,
    bytes: usize,
}

impl Encoder {
    /// The frame as the text that viewers get.
    pub(crate) fn encoded(&self, event: &AgentEvent) -> Utf8Bytes {
        let place =
            self.hasher.hash_one((event.conversation_id.as_str(), event.at.position, event.at.offset));
        // It is written under the lock, so that a second viewer waits for the text instead of writing it, too.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = kept.find(place, event).filter(|_| !sabotaged("encode-for-each-viewer")) {
            return text;
        }
        let text = Said::Delta { event }.written();
        self.count.fetch_add(1, Ordering::Relaxed);
        kept.keep(place, event, &text);
        text
    }

    /// How many frames were written.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Kept {
    fn find(&self, place: u64, event: &AgentEvent) -> Option<Utf8Bytes> {
        let frames = self.by_place.get(&place)?;
        frames.iter().find(|(kept, _)| kept == event).map(|(_, text)| text.clone())
    }

    fn keep(&mut self, place: u64, event: &AgentEvent, text: &Utf8Bytes) {
        let bytes = size(text);
        if bytes > KEPT_BYTES {
            return;
        }
        while self.bytes + bytes > KEPT_BYTES {
            self.forget_oldest();
        }
        self.bytes += bytes;
        self.order.push_back(place);
        self.by_place.entry(place).or_default().push_back((event.clone(), text.clone()));
    }

    fn forget_oldest(&mut self) {
        let Some(place) = self.order.pop_front() else { return };
        let Some(frames) = self.by_place.get_mut(&place) else { return };
        if let Some((_, text)) = frames.pop_front() {
            self.bytes -= size(&text);
        }
        if frames.is_empty() {
            self.by_place.remove(&place);
        }
    }
}

fn size(text: &Utf8Bytes) -> usize {
    2 * text.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use transom_agent::event::{AgentEventKind, Place};

    use super::*;

    fn frame(conversation: &str, position: i64, delta: &str) -> AgentEvent {
        let at = Place { generation: 0, position, offset: 0, volatile: true };
        AgentEventKind::TextDelta { delta: delta.into() }.of(&conversation.into(), &"turn".into(), at)
    }

    #[test]
    fn equal_frames_are_written_once_and_others_never_taken_for_them() {
        let encoder = Encoder::default();
        let first = encoder.encoded(&frame("c", 1, "hello"));
        let again = encoder.encoded(&frame("c", 1, "hello"));
        assert_eq!((first.as_str(), encoder.count()), (again.as_str(), 1));
        assert_eq!(first.as_bytes().as_ptr(), again.as_bytes().as_ptr(), "the same bytes");
        let mut durable = frame("c", 1, "hello");
        durable.at.volatile = false;
        let mut repaired = frame("c", 1, "hello");
        repaired.at.generation = 1;
        for other in
            [frame("c", 1, "help!"), frame("d", 1, "hello"), frame("c", 2, "hello"), durable, repaired]
        {
            assert_ne!(encoder.encoded(&other), first, "{other:?}");
        }
        assert_eq!(encoder.count(), 6);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let encoder = Encoder::default();
        let text = "x".repeat(100_000);
        for position in 0..100 {
            encoder.encoded(&frame("c", position, &text));
        }
        let kept = encoder.kept.lock().unwrap();
        assert!(kept.bytes <= KEPT_BYTES && kept.bytes > KEPT_BYTES / 2, "{}", kept.bytes);
        assert_eq!(kept.by_place.len(), kept.order.len());
        drop(kept);
        encoder.encoded(&frame("c", 99, &text));
        assert_eq!(encoder.count(), 100, "the newest is kept");
        encoder.encoded(&frame("c", 0, &text));
        assert_eq!(encoder.count(), 101, "the oldest is not");
        encoder.encoded(&frame("c", 200, &"x".repeat(KEPT_BYTES)));
        assert!(encoder.kept.lock().unwrap().bytes <= KEPT_BYTES);
    }
}
