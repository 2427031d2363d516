//! What plugins have to remember: keys and documents, each plugin for itself.

use rusqlite::Connection;
use transom_agent::storage::{StorageRead, StorageRow, StorageRows, StorageWrites, StorageWritten};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Json, List, Maybe};

use super::changed::Changed;
use super::failure::Failure;
use super::writer::Write;

/// The most bytes of a key.
const LONGEST_KEY: usize = 512;

/// The most bytes of a document.
const LARGEST_VALUE: usize = 1 << 20;

/// The most changes in one call.
const MOST_WRITES: usize = 10_000;

/// The most rows of one answer, and how many there are when nobody says.
const MOST_ROWS: u32 = 10_000;
const USUAL_ROWS: u32 = 1_000;

/// An answer ends behind the row that brings it over so many bytes.
const ENOUGH_BYTES: usize = 8 << 20;

/// Changes of one plugin, checked before they reach the writer.
pub(crate) struct StorageWrite {
    plugin: String,
    writes: StorageWrites,
}

impl StorageWrite {
    pub(crate) fn prepare(plugin: &str, writes: StorageWrites) -> Result<Self, CallError> {
        let count = writes.writes.len();
        if count > MOST_WRITES {
            let message = format!("`writes` are {count}, expected at most {MOST_WRITES} in one call");
            return Err(CallError::invalid_input(message));
        }
        for write in &writes.writes {
            check_key(&write.key)?;
            let size = write.value.as_ref().map_or(0, |value| value.as_str().len());
            if size > LARGEST_VALUE {
                let key = write.key.escape_debug();
                let message =
                    format!("`value` of key `{key}` has {size} bytes, expected at most {LARGEST_VALUE}");
                return Err(CallError::invalid_input(message));
            }
        }
        Ok(Self { plugin: owner(plugin).to_owned(), writes })
    }
}

/// Whose rows a plugin writes and reads.
fn owner(plugin: &str) -> &str {
    if sabotaged("share-what-plugins-remember") { "everybody" } else { plugin }
}

fn check_key(key: &str) -> Result<(), CallError> {
    let length = key.len();
    if (1..=LONGEST_KEY).contains(&length) {
        return Ok(());
    }
    Err(CallError::invalid_input(format!("`key` has {length} bytes, expected 1 to {LONGEST_KEY}")))
}

impl Write for StorageWrite {
    type Answer = StorageWritten;

    fn apply(&self, connection: &Connection, _: &mut Changed) -> Result<StorageWritten, Failure> {
        let keep = "INSERT INTO storage (plugin, key, value) VALUES (?1, ?2, ?3)
                    ON CONFLICT (plugin, key) DO UPDATE SET value = ?3";
        let mut keep = connection.prepare_cached(keep)?;
        let mut remove = connection.prepare_cached("DELETE FROM storage WHERE plugin = ?1 AND key = ?2")?;
        for write in &self.writes.writes {
            let key = write.key.as_str();
            match &write.value {
                Maybe::Some(value) => keep.execute((&self.plugin, key, value.as_str()))?,
                Maybe::None => remove.execute((&self.plugin, key))?,
            };
        }
        Ok(StorageWritten {})
    }
}

/// Rows of one plugin, in byte order of their keys.
pub(crate) fn read(
    connection: &Connection,
    plugin: &str,
    read: &StorageRead,
) -> Result<StorageRows, Failure> {
    let limit = read.limit.into_option().unwrap_or(USUAL_ROWS).min(MOST_ROWS) as usize;
    let (prefix, after) = (read.prefix.as_str(), read.after.as_deref());
    let sql = "SELECT key, value FROM storage
               WHERE plugin = ?1 AND key >= ?2 AND (?3 IS NULL OR key > ?3) ORDER BY key";
    let mut statement = connection.prepare_cached(sql)?;
    let from = after.filter(|after| *after > prefix).unwrap_or(prefix);
    let mut found = statement.query((owner(plugin), from, after))?;
    let (mut rows, mut bytes) = (List::new(), 0);
    while let Some(row) = found.next()? {
        let key = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        if !key.starts_with(prefix) {
            break;
        }
        if rows.len() >= limit || bytes > ENOUGH_BYTES {
            return Ok(StorageRows { rows, more: true });
        }
        let value = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        bytes += key.len() + value.len();
        let damaged = |error| CallError::failed(format!("what stands under `{key}` cannot be read: {error}"));
        rows.push(StorageRow { key: key.into(), value: Json::parse(value).map_err(damaged)? });
    }
    Ok(StorageRows { rows, more: false })
}
