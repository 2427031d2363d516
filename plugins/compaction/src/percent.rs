//! [`Percents`]: the share of the window at which a conversation is compacted, where somebody chose another than the operator's.
//!
//! | key | value |
//! |---|---|
//! | `c/<conversation>/percent` | a number from 0 to 100 |

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use transom_agent::storage::{self, StorageWrite, StorageWrites};
use transom_plugin_api::{CallError, Json, List, Text};

use crate::CompactionPorts;

/// Conversations of which is remembered what was chosen.
const REMEMBERED: usize = 1_000;

/// What was chosen for conversations.
#[derive(Debug)]
pub(crate) struct Percents {
    ports: CompactionPorts,
    usual: u8,
    /// What is stored, or that nothing is.
    known: Mutex<HashMap<Text, Option<u8>>>,
}

impl Percents {
    pub(crate) fn new(ports: CompactionPorts, usual: u8) -> Self {
        Self { ports, usual, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Text, Option<u8>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The share of a conversation.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub(crate) async fn of(&self, conversation_id: &Text) -> Result<u8, CallError> {
        let known = self.known().get(conversation_id).copied();
        let chosen = match known {
            Some(chosen) => chosen,
            None => {
                let chosen = self.read(conversation_id).await?;
                self.remember(conversation_id, chosen);
                chosen
            }
        };
        Ok(chosen.unwrap_or(self.usual))
    }

    async fn read(&self, conversation_id: &Text) -> Result<Option<u8>, CallError> {
        let row = match storage::row(&self.ports.read, &key(conversation_id)).await {
            // Without a storage nobody has chosen anything.
            Err(error) if storage::is_without(&error) => return Ok(None),
            row => row?,
        };
        let chosen = row.and_then(|row| row.value().as_u64());
        Ok(chosen.and_then(|percent| u8::try_from(percent).ok()).filter(|percent| *percent <= 100))
    }

    /// Chooses a share for a conversation, durably; `None` for the operator's.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(crate) async fn choose(&self, conversation_id: &Text, percent: Option<u8>) -> Result<(), CallError> {
        let value = percent.map(|percent| Json::from(serde_json::Value::from(percent))).into();
        let writes = List::from([StorageWrite { key: key(conversation_id), value }]);
        self.ports.write.call(StorageWrites { writes }).await?;
        self.remember(conversation_id, percent);
        Ok(())
    }

    fn remember(&self, conversation_id: &Text, chosen: Option<u8>) {
        let mut known = self.known();
        // They are all stored; to read one again is cheap.
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(conversation_id.clone(), chosen);
    }
}

fn key(conversation_id: &str) -> Text {
    format!("c/{conversation_id}/percent").into()
}
