//! What is stored of conversations that were opted in.
//!
//! | key | value |
//! |---|---|
//! | `c/<conversation>/warming` | a [`Record`] |

use serde_json::Value;
use transom_agent::storage::{StorageRead, StorageRow, StorageWrite, StorageWrites};
use transom_plugin_api::{CallError, CallErrorKind, Json, List, Maybe, Text};

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
        Err(error) if has_nobody(&error) => return Ok(Page { rows: Vec::new(), after: None }),
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
    let key = key(id);
    let wanted = StorageRead { prefix: key.clone(), limit: Maybe::Some(1), ..StorageRead::default() };
    let rows = match ports.read.call(wanted).await {
        Err(error) if has_nobody(&error) => return Ok(None),
        rows => rows?.rows,
    };
    Ok(rows.into_iter().find(|row| row.key == key).map(|row| row.value.value()))
}

/// Without a storage nobody has chosen anything.
const fn has_nobody(error: &CallError) -> bool {
    matches!(error.kind, CallErrorKind::NoProvider | CallErrorKind::Denied)
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
