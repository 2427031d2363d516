//! The store on real files.

mod appending;
mod copying;
mod deleting;
mod diagnosing;
mod drafting;
mod ending;
mod folding;
mod forking;
mod measuring;
mod migrating;
mod opening;
mod points;
mod reading;
mod remembering;
mod repairing;
mod saying;
mod scripts;
mod settings;
mod summing_up;
mod surviving;
mod turning;
mod workspaces;
mod writing;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;
use transom_agent::log::{Append, Appended, Entry, Read, StoredChunk};
use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::{CallError, List, Maybe};

use super::*;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Opens a store whose clock says 1, 2, 3 …
fn open(folder: &Path) -> Store {
    open_and_say(folder, |_| ())
}

fn open_and_say(folder: &Path, say: impl Fn(&Conversation) + Send + 'static) -> Store {
    let time = AtomicI64::new(0);
    let clock = move || time.fetch_add(1, Ordering::Relaxed) + 1;
    let say = move |news: News<'_>| {
        if let News::Changed(conversation) = news {
            say(conversation);
        }
    };
    Store::open(folder, Durability::Normal, clock, say).unwrap_or_else(|error| panic!("{error}"))
}

/// Opens a store whose clock stands still.
fn open_at(folder: &Path, now: i64) -> Store {
    Store::open(folder, Durability::Full, move || now, |_| ()).unwrap_or_else(|error| panic!("{error}"))
}

fn append(conversation: &str, messages: impl IntoIterator<Item = Message>) -> Append {
    let entry = |message| Entry { message, turn_id: Maybe::None, positions: List::new() };
    Append { conversation_id: conversation.into(), entries: messages.into_iter().map(entry).collect() }
}

fn user(id: &str, text: &str) -> Message {
    Message::text(id, Role::User, text)
}

/// A message of as many chunks.
fn long(id: &str, chunks: usize) -> Message {
    let chunks = (0..chunks).map(|index| Chunk::Text { text: format!("{id}:{index}").into() }).collect();
    Message { id: id.into(), role: Role::Assistant, chunks }
}

fn everything(conversation: &str) -> Read {
    Read { conversation_id: conversation.into(), ..Read::default() }
}

fn history_of(conversation: &str) -> HistoryOf {
    HistoryOf { conversation_id: conversation.into(), after_seq: 0, before_seq: None.into() }
}

/// From the first seq to the last.
fn seqs(appended: Result<Appended, CallError>) -> (i64, i64) {
    let appended = appended.expect("appended");
    (appended.first_seq, appended.last_seq)
}

async fn chunks(store: &Store, conversation: &str) -> Vec<StoredChunk> {
    store.read(everything(conversation)).await.expect("reads").chunks.into_vec()
}

/// Seqs from 1 without a gap, and everything that is known follows from the log.
async fn assert_sound(store: &Store, conversation: &str) {
    let seqs: Vec<i64> = chunks(store, conversation).await.iter().map(|chunk| chunk.seq).collect();
    let latest = store.find(conversation).await.expect("is there").latest_seq;
    assert_eq!(seqs, (1..=latest).collect::<Vec<_>>());
    assert_well(store).await;
}

/// The doctor finds nothing.
async fn assert_well(store: &Store) {
    assert_eq!(store.diagnose().await.expect("examined").faults.into_vec(), []);
}
