//! The store on real files.

mod appending;
mod opening;
mod reading;
mod surviving;
mod writing;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;
use transom_agent::conversation::{Append, Appended, Read, StoredChunk};
use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::{CallError, List, Maybe};

use super::*;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Opens a store whose clock says 1, 2, 3 …
fn open(folder: &Path) -> Store {
    let time = AtomicI64::new(0);
    Store::open(folder, Durability::Full, move || time.fetch_add(1, Ordering::Relaxed) + 1)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn append(conversation: &str, messages: impl IntoIterator<Item = Message>) -> Append {
    Append {
        conversation_id: conversation.into(),
        messages: messages.into_iter().collect(),
        turn: Maybe::None,
    }
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
    Read {
        conversation_id: conversation.into(),
        since_seq: Maybe::None,
        before_seq: Maybe::None,
        limit: Maybe::None,
    }
}

async fn chunks(store: &Store, conversation: &str) -> Vec<StoredChunk> {
    store.read(everything(conversation)).await.expect("reads").chunks.into_vec()
}

/// Seqs from 1 without a gap, and the projection says the same.
async fn assert_sound(store: &Store, conversation: &str) {
    let seqs: Vec<i64> = chunks(store, conversation).await.iter().map(|chunk| chunk.seq).collect();
    let latest = store.find(conversation).await.expect("is there").latest_seq;
    assert_eq!(seqs, (1..=latest).collect::<Vec<_>>());
}
