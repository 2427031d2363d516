//! [`Shelf`]: what a conversation's requests begin with, in the storage: written a moment after it has changed, read once after a
//! start.
//!
//! | key | value |
//! |---|---|
//! | `c/<conversation>/beginning` | the model, the effort, the system prompt and the tools |
//!
//! So it goes with its conversation. Written at once it would stand in the way of the turn, whose first request it comes from: the
//! store would sync it in front of what the turn itself has to say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use transom_agent::storage::{self, StorageWrite, StorageWrites, is_without};
use transom_plugin_api::{CallError, Host, Json, List, Maybe, Text};

use crate::CacheExplainerPorts;
use crate::print::Beginning;

/// Bytes of system prompt and tools that are kept; of a larger beginning nothing is.
const LARGEST: usize = 256 * 1024;
/// How long a beginning waits for others that are written with it.
const BEHIND: Duration = Duration::from_millis(500);
/// Beginnings that are written together at most.
const TOGETHER: usize = 256;

/// Keeps beginnings.
#[derive(Debug)]
pub(crate) struct Shelf {
    ports: CacheExplainerPorts,
    host: Host,
    /// By their keys; nothing where a row is to be taken out.
    unwritten: Mutex<BTreeMap<Text, Maybe<Json>>>,
}

impl Shelf {
    pub(crate) fn new(ports: CacheExplainerPorts, host: Host) -> Self {
        Self { ports, host, unwritten: Mutex::default() }
    }

    fn unwritten(&self) -> MutexGuard<'_, BTreeMap<Text, Maybe<Json>>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept; `None` also where nobody stores anything.
    pub(crate) async fn read(&self, conversation_id: &str) -> Option<Beginning> {
        let key = key(conversation_id);
        // In a statement of its own, so that the lock is free behind it.
        let unwritten = self.unwritten().get(&key).cloned();
        let stored = match unwritten {
            Some(unwritten) => unwritten.into_option(),
            None => told(storage::row(&self.ports.read, &key).await)?,
        };
        // What another version has written is compared with nothing.
        serde_json::from_value(stored?.value()).ok()
    }

    /// Has it stored soon, or has taken out what stood there when it is too large.
    pub(crate) fn keep(self: &Arc<Self>, conversation_id: &str, beginning: &Beginning) {
        let size =
            beginning.system_prompt.len() + beginning.tools.iter().map(|tool| tool.text.len()).sum::<usize>();
        let value = match serde_json::to_value(beginning) {
            Ok(value) if size <= LARGEST => Maybe::Some(Json::from(value)),
            _ => Maybe::None,
        };
        let mut unwritten = self.unwritten();
        let is_first = unwritten.is_empty();
        unwritten.insert(key(conversation_id), value);
        drop(unwritten);
        if is_first {
            let shelf = Arc::clone(self);
            self.host.spawn(async move {
                shelf.host.sleep(BEHIND).await;
                shelf.flush().await;
            });
        }
    }

    /// Stores what waits.
    pub(crate) async fn flush(&self) {
        let unwritten = std::mem::take(&mut *self.unwritten());
        let mut unwritten = unwritten.into_iter().map(|(key, value)| StorageWrite { key, value }).peekable();
        while unwritten.peek().is_some() {
            let writes: List<StorageWrite> = unwritten.by_ref().take(TOGETHER).collect();
            let _ = told(self.ports.write.call(StorageWrites { writes }).await);
        }
    }
}

fn key(conversation_id: &str) -> Text {
    format!("c/{conversation_id}/beginning").into()
}

/// What was answered; a storage that fails is told, one that is not there is not missed.
fn told<T>(answer: Result<T, CallError>) -> Option<T> {
    answer
        .inspect_err(|error| {
            if !is_without(error) {
                tracing::warn!("what requests begin with is not kept across a restart: {error}");
            }
        })
        .ok()
}
