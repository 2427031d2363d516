//! What is stored of conversations that were opted in.
//!
//! | key | value |
//! |---|---|
//! | `c/<conversation>/warming` | a [`Record`] |

use serde_json::Value;
use transom_agent::storage::{self, StorageRead, StorageRow, StorageWrite, StorageWrites, is_without};
use transom_plugin_api::{CallError, Json, List, Maybe, Text};

use crate::CacheWarmingPorts;
use crate::record::Record;

/// Rows that are read at once.
const PAGE: u32 = 500;

/// A page of what is stored, and where the next one begins.
pub(crate) struct Page {
    /// By conversation.
    pub(crate) rows: Vec<(Text, Value)>,
    pub(crate) after: Option<Text>,
}

/// Reads the page behind a key, or the first.
///
/// # Errors
/// When the storage cannot be read.
pub(crate) async fn page(ports: &CacheWarmingPorts, after: Option<Text>) -> Result<Page, CallError> {
    let wanted = StorageRead { prefix: "c/".into(), after: after.into(), limit: Maybe::Some(PAGE) };
    let rows = match ports.read.call(wanted).await {
        Err(error) if is_without(&error) => return Ok(Page { rows: Vec::new(), after: None }),
        rows => rows?,
    };
    let after = rows.rows.last().map(|row| row.key.clone()).filter(|_| rows.more);
    Ok(Page { rows: rows.rows.into_iter().filter_map(of_a_conversation).collect(), after })
}

fn of_a_conversation(row: StorageRow) -> Option<(Text, Value)> {
    let id = row.key.strip_prefix("c/")?.strip_suffix("/warming")?;
    Some((id.into(), row.value.value()))
}

/// What is stored of a conversation.
///
/// # Errors
/// When the storage cannot be read.
pub(crate) async fn read(ports: &CacheWarmingPorts, id: &str) -> Result<Option<Value>, CallError> {
    match storage::row(&ports.read, &key(id)).await {
        Err(error) if is_without(&error) => Ok(None),
        row => Ok(row?.map(|row| row.value())),
    }
}

/// Stores the record of a conversation.
///
/// # Errors
/// When it cannot be stored.
pub(crate) async fn write(ports: &CacheWarmingPorts, id: &str, record: &Record) -> Result<(), CallError> {
    let value = Maybe::Some(Json::from(serde_json::to_value(record)?));
    let writes = List::from([StorageWrite { key: key(id), value }]);
    ports.write.call(StorageWrites { writes }).await.map(drop)
}

fn key(id: &str) -> Text {
    format!("c/{id}/warming").into()
}
