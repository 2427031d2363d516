//! What conversations have said so far, kept between their turns, so that a long one is not read again for each message.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use transom_agent::conversation::Conversation;
use transom_agent::message::{Chunk, Message};
use transom_plugin_api::{List, Shared, Text};

/// Bytes of all conversations together.
const BYTES: usize = 16 * 1024 * 1024;
/// Milliseconds after which a conversation that nobody used is forgotten.
const KEPT_MS: i64 = 5 * 60 * 1000;
/// Bytes that a message takes besides its words.
const MESSAGE_BYTES: usize = 200;

/// The messages that a model may be shown, up to a place in the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Past {
    /// In order.
    pub(crate) messages: Shared<List<Message>>,
    /// The messages in front that belong to turns that have ended.
    pub(crate) settled: usize,
    /// The last `seq` of the last of these turns; 0 when there is none.
    pub(crate) settled_seq: i64,
}

/// The pasts of conversations in which no turn runs.
#[derive(Debug, Default)]
pub(crate) struct Histories(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    by_conversation: HashMap<Text, Kept>,
    /// Each with its number, in the order in which they were kept; those that were taken since then stand here, too.
    in_order: VecDeque<(u64, Text)>,
    next: u64,
    /// Of all that are kept.
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    /// Which conversation of that id: a deleted one may have had it, too.
    created_at: i64,
    past: Past,
    bytes: usize,
    number: u64,
    used_at: i64,
}

impl Past {
    /// A past that ends with an ended turn.
    fn settled(messages: Shared<List<Message>>, settled_seq: i64) -> Self {
        let settled = messages.len();
        Self { messages, settled, settled_seq }
    }

    /// Adds what was said meanwhile.
    pub(crate) fn extend(&mut self, messages: impl IntoIterator<Item = Message>) {
        self.messages.to_mut().extend(messages);
    }

    /// What it was before the running turn.
    pub(crate) fn before_the_turn(mut self) -> Self {
        if self.messages.len() > self.settled {
            self.messages.to_mut().truncate(self.settled);
        }
        self
    }
}

impl Histories {
    /// Takes out what is kept of a conversation; empty when that is nothing.
    pub(crate) fn take(&self, conversation: &Conversation) -> Past {
        let kept = self.lock().take(&conversation.id);
        let kept = kept.filter(|kept| {
            kept.created_at == conversation.created_at && kept.past.settled_seq <= conversation.latest_seq
        });
        kept.map(|kept| kept.past).unwrap_or_default()
    }

    /// Keeps a past that ends at `latest_seq`, the last of a turn that has ended.
    pub(crate) fn keep(&self, conversation: &Conversation, past: Past, latest_seq: i64, now_ms: i64) {
        let bytes = past.messages.iter().map(weight).sum();
        let past = Past::settled(past.messages, latest_seq);
        let mut shelf = self.lock();
        let number = shelf.next;
        let kept = Kept { created_at: conversation.created_at, past, bytes, number, used_at: now_ms };
        shelf.put(conversation.id.clone(), kept);
        shelf.forget_oldest(now_ms);
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn take(&mut self, id: &Text) -> Option<Kept> {
        let kept = self.by_conversation.remove(id)?;
        self.bytes -= kept.bytes;
        Some(kept)
    }

    fn put(&mut self, id: Text, kept: Kept) {
        self.take(&id);
        self.bytes += kept.bytes;
        self.in_order.push_back((self.next, id.clone()));
        self.by_conversation.insert(id, kept);
        self.next += 1;
    }

    /// Forgets what nobody used for long, and the oldest of what is too much. Looks at no more than it forgets and was taken.
    fn forget_oldest(&mut self, now_ms: i64) {
        while let Some((number, id)) = self.in_order.front() {
            let kept = self.by_conversation.get(id).filter(|kept| kept.number == *number);
            let stays = |kept: &Kept| now_ms - kept.used_at <= KEPT_MS && self.bytes <= BYTES;
            if kept.is_some_and(stays) {
                return;
            }
            let is_there = kept.is_some();
            let Some((_, id)) = self.in_order.pop_front() else { return };
            if is_there {
                self.take(&id);
            }
        }
    }
}

/// About how many bytes a message holds.
fn weight(message: &Message) -> usize {
    let chunks = message.chunks.iter().map(|chunk| match chunk {
        Chunk::Text { text } => text.len(),
        Chunk::Thinking { text, state } => {
            text.len() + state.as_ref().map_or(0, |state| state.state.as_str().len())
        }
        Chunk::ToolCall { input, .. } => input.as_str().len(),
        Chunk::ToolResult { content, .. } => content.len(),
        Chunk::Unknown(unknown) => unknown.content().as_str().len(),
        _ => 0,
    });
    MESSAGE_BYTES + chunks.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use transom_agent::message::Role;

    use super::*;
    use crate::edges::fake::store::conversation;

    fn of(id: &str, latest_seq: i64) -> Conversation {
        Conversation { latest_seq, ..conversation(&id.into()) }
    }

    fn past(bytes: usize) -> Past {
        let message = Message::text("m", Role::User, "x".repeat(bytes));
        Past { messages: Shared::new(List::from([message])), ..Past::default() }
    }

    #[test]
    fn what_is_kept_is_taken_once_and_only_by_the_same_conversation() {
        let histories = Histories::default();
        histories.keep(&of("c", 5), past(1), 5, 0);
        let other = Conversation { created_at: 7, ..of("c", 9) };
        assert_eq!(histories.take(&other), Past::default());
        histories.keep(&of("c", 5), past(1), 5, 0);
        let taken = histories.take(&of("c", 9));
        assert_eq!((taken.messages.len(), taken.settled, taken.settled_seq), (1, 1, 5));
        assert_eq!(histories.take(&of("c", 9)), Past::default());
    }

    #[test]
    fn what_nobody_used_for_a_while_goes_and_then_the_oldest_of_what_is_too_much() {
        let histories = Histories::default();
        let third = BYTES / 3;
        histories.keep(&of("old", 1), past(1), 1, 0);
        histories.keep(&of("first", 1), past(third), 1, KEPT_MS);
        for (id, at) in [("second", 1), ("third", 2)] {
            histories.keep(&of(id, 1), past(third), 1, KEPT_MS + at);
        }
        let left: Vec<_> =
            ["old", "first", "second", "third"].map(|id| histories.take(&of(id, 2)).settled).into();
        assert_eq!(left, [0, 0, 1, 1]);
    }

    #[test]
    fn a_turn_that_is_left_out_leaves_what_was_before_it() {
        let mut past = Past::settled(past(1).messages, 4);
        past.extend([Message::text("n", Role::User, "more")]);
        assert_eq!(past.messages.len(), 2);
        let past = past.before_the_turn();
        assert_eq!((past.messages.len(), past.settled_seq), (1, 4));
    }
}
