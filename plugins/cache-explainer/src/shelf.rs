//! What a conversation's requests begin with, in the storage: written when it changes, read once after a start.
//!
//! | key | value |
//! |---|---|
//! | `c/<conversation>/beginning` | the model, the effort, the system prompt and the tools |
//!
//! So it goes with its conversation.

use transom_agent::storage::{self, StorageWrite, StorageWrites, is_without};
use transom_plugin_api::{CallError, Json, List, Maybe, Text};

use crate::CacheExplainerPorts;
use crate::print::Beginning;

/// Bytes of system prompt and tools that are kept; of a larger beginning nothing is.
const LARGEST: usize = 256 * 1024;

fn key(conversation_id: &str) -> Text {
    format!("c/{conversation_id}/beginning").into()
}

/// What is stored; `None` also where nobody stores anything.
pub(crate) async fn read(ports: &CacheExplainerPorts, conversation_id: &str) -> Option<Beginning> {
    let stored = told(storage::row(&ports.read, &key(conversation_id)).await)??;
    // What another version has written is compared with nothing.
    serde_json::from_value(stored.value()).ok()
}

/// Stores it, or takes out what stood there when it is too large.
pub(crate) async fn write(ports: &CacheExplainerPorts, conversation_id: &str, beginning: &Beginning) {
    let size =
        beginning.system_prompt.len() + beginning.tools.iter().map(|tool| tool.text.len()).sum::<usize>();
    let value = match serde_json::to_value(beginning) {
        Ok(value) if size <= LARGEST => Maybe::Some(Json::from(value)),
        _ => Maybe::None,
    };
    let writes = List::from([StorageWrite { key: key(conversation_id), value }]);
    let _ = told(ports.write.call(StorageWrites { writes }).await);
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
