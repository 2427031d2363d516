//! [`Board`]: news for every client, and of each conversation only the latest.
//!
//! A client that is slow finds what is true when it looks, and not everything that was true meanwhile; so nothing that is
//! sent to everybody has to be queued for anybody.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use transom_agent::compaction::Compacted;
use transom_agent::conversation::{Conversation, Opened};
use transom_plugin_api::Text;
use transom_plugin_api::sabotage::sabotaged;

use crate::said::Said;

/// Notes that hang there, at most; the oldest is taken down first.
const MOST: usize = 10_000;

/// What hangs there.
#[derive(Default)]
pub(crate) struct Board {
    posted: Mutex<Posted>,
    latest: watch::Sender<u64>,
}

#[derive(Default)]
struct Posted {
    last: u64,
    numbers: HashMap<Subject, u64>,
    notes: BTreeMap<u64, (Subject, Utf8Bytes)>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Subject {
    Opened(Text),
    Status(Text),
    Compacted(Text),
}

impl Board {
    /// That somebody wants a conversation to be shown. It is news each time.
    pub(crate) fn post_opened(&self, event: &Opened) {
        let note = Said::opened(event).written();
        self.post(Subject::Opened(event.conversation_id.clone()), note, true);
    }

    /// What a conversation does. It is news when it was something else that was posted before.
    pub(crate) fn post_status(&self, conversation: &Conversation) {
        let note = Said::status(conversation).written();
        self.post(Subject::Status(conversation.id.clone()), note, sabotaged("post-everything"));
    }

    /// That a conversation was compacted.
    pub(crate) fn post_compacted(&self, event: &Compacted) {
        let note = Said::compacted(event).written();
        self.post(Subject::Compacted(event.conversation_id.clone()), note, true);
    }

    fn post(&self, subject: Subject, note: Utf8Bytes, always: bool) {
        let mut posted = self.posted();
        let last = posted.last + 1;
        let before = posted.numbers.get(&subject).copied();
        if let Some(before) = before {
            if !always && posted.notes.get(&before).is_some_and(|(_, text)| *text == note) {
                return;
            }
            posted.notes.remove(&before);
        }
        posted.last = last;
        posted.numbers.insert(subject.clone(), last);
        posted.notes.insert(last, (subject, note));
        if posted.notes.len() > MOST
            && let Some((_, (oldest, _))) = posted.notes.pop_first()
        {
            posted.numbers.remove(&oldest);
        }
        drop(posted);
        self.latest.send_replace(last);
    }

    /// Where somebody stands who comes now.
    pub(crate) fn reader(&self) -> Reader<'_> {
        // First, so that nothing posted in between is missed.
        let changed = self.latest.subscribe();
        Reader { board: self, seen: self.posted().last, changed }
    }

    fn after(&self, seen: u64) -> Option<(u64, Utf8Bytes)> {
        let posted = self.posted();
        let (number, (_, note)) = posted.notes.range(seen + 1..).next()?;
        Some((*number, note.clone()))
    }

    fn posted(&self) -> MutexGuard<'_, Posted> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who reads what is new.
pub(crate) struct Reader<'a> {
    board: &'a Board,
    seen: u64,
    changed: watch::Receiver<u64>,
}

impl Reader<'_> {
    /// The next note; waits for it.
    pub(crate) async fn next(&mut self) -> Utf8Bytes {
        loop {
            self.changed.mark_unchanged();
            if let Some((number, note)) = self.board.after(self.seen) {
                self.seen = number;
                return note;
            }
            if self.changed.changed().await.is_err() {
                // The board outlives its readers.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use transom_agent::conversation::Status;

    use super::*;
    use crate::tests::conversation;

    async fn told(reader: &mut Reader<'_>) -> String {
        reader.next().await.to_string()
    }

    fn opened(id: &str) -> Opened {
        Opened { conversation_id: id.into(), workspace_id: "default".into() }
    }

    #[tokio::test]
    async fn a_status_is_told_when_it_is_another_or_its_workspace_is() {
        let board = Board::default();
        board.post_opened(&opened("before"));
        let mut reader = board.reader();
        let mut known = conversation("c");
        board.post_status(&known);
        assert_eq!(
            told(&mut reader).await,
            r#"{"type":"conversation.statusChanged","conversationId":"c","status":"idle","workspaceId":"default"}"#
        );
        known.latest_seq += 1;
        board.post_status(&known);
        board.post_opened(&opened("between"));
        assert!(told(&mut reader).await.contains("between"), "nothing is new about the other");
        known.workspace_id = "work".into();
        board.post_status(&known);
        assert!(told(&mut reader).await.contains(r#""workspaceId":"work""#));
        known.status = Status::Active;
        board.post_status(&known);
        assert!(told(&mut reader).await.contains(r#""status":"active""#));
    }

    #[tokio::test]
    async fn who_is_slow_finds_the_latest_of_each_conversation_in_order() {
        let board = Board::default();
        let mut reader = board.reader();
        let (mut c, d) = (conversation("c"), conversation("d"));
        board.post_status(&c);
        board.post_status(&d);
        for status in [Status::Active, Status::Closed] {
            c.status = status;
            board.post_status(&c);
        }
        board.post_opened(&opened("c"));
        board.post_opened(&opened("c"));
        assert!(told(&mut reader).await.contains(r#""conversationId":"d""#));
        assert!(told(&mut reader).await.contains(r#""status":"closed""#));
        assert!(told(&mut reader).await.contains("conversation.open"));
        board.post_opened(&opened("last"));
        assert!(told(&mut reader).await.contains(r#""conversationId":"last""#));
    }

    #[test]
    fn what_hangs_there_is_bounded() {
        let board = Board::default();
        for number in 0..MOST + 10 {
            board.post_opened(&opened(&number.to_string()));
        }
        let posted = board.posted();
        assert_eq!((posted.notes.len(), posted.numbers.len()), (MOST, MOST));
    }
}
