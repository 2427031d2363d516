//! A place for what a plugin has to remember: keys and documents, durable, each plugin for itself. Served by the store.
//!
//! Whose place it is follows from who calls, which the kernel says and no plugin can change. A plugin needs no file of its
//! own, and what it writes shares the syncs of everything else.
//!
//! A key that begins with `c/<conversation id>/` belongs to that conversation: it goes when that is deleted.

use transom_plugin_api::{CallError, CallErrorKind, Caller, Json, List, Maybe, Service, Text, contract};

/// One change.
#[contract]
pub struct StorageWrite {
    /// Which key: 1 to 512 bytes.
    pub key: Text,
    /// What stands there from now on; the key is taken out when absent.
    pub value: Maybe<Json>,
}

/// Changes that happen together.
#[contract]
pub struct StorageWrites {
    /// In order; of several to one key the last one counts.
    pub writes: List<StorageWrite>,
}

/// What changes were answered with.
#[contract]
pub struct StorageWritten {}

/// Makes all of the changes or none, and answers when they are durable.
///
/// `agent/storage.write` · service · 30 s · the conversation store answers, for the plugin that calls
pub const STORAGE_WRITE: Service<StorageWrites, StorageWritten> = Service::new("agent/storage.write");

/// Which keys to read.
#[contract]
#[derive(Default)]
pub struct StorageRead {
    /// Only keys that begin so; all when empty.
    pub prefix: Text,
    /// Only keys behind this one, in byte order.
    pub after: Maybe<Text>,
    /// The most to answer; 1,000 when absent, and never more than 10,000.
    pub limit: Maybe<u32>,
}

/// A key and what stands there.
#[contract]
pub struct StorageRow {
    /// The key.
    pub key: Text,
    /// What stands there.
    pub value: Json,
}

/// Rows, in byte order of their keys.
#[contract]
pub struct StorageRows {
    /// Those asked for.
    pub rows: List<StorageRow>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// Reads what the calling plugin has written.
///
/// `agent/storage.read` · service · 30 s · the conversation store answers, for the plugin that calls
pub const STORAGE_READ: Service<StorageRead, StorageRows> = Service::new("agent/storage.read");

/// What stands under one key, by [`STORAGE_READ`]; nothing where nothing does.
///
/// # Errors
/// Those of the storage.
pub async fn row(read: &Caller<StorageRead, StorageRows>, key: &str) -> Result<Option<Json>, CallError> {
    let wanted = StorageRead { prefix: key.into(), limit: Maybe::Some(1), ..StorageRead::default() };
    let rows = read.call(wanted).await?.rows;
    // The first row of a prefix may be a longer key.
    Ok(rows.into_iter().find(|row| row.key == key).map(|row| row.value))
}

/// Whether a call failed since this plugin has no storage: nobody answers, or it may not call. Then nothing was ever kept.
#[must_use]
pub const fn is_without(error: &CallError) -> bool {
    matches!(error.kind, CallErrorKind::NoProvider | CallErrorKind::Denied)
}
