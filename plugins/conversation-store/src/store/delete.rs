//! Deleting: a conversation is gone at once, since nothing has its id any more; its rows go in small batches when nobody
//! waits for the writer.

use rusqlite::{Connection, OptionalExtension};
use transom_agent::conversation::Deleted;
use transom_agent::refusal::check_conversation_id;
use transom_agent::turn::TurnState;
use transom_plugin_api::CallError;
use transom_plugin_api::sabotage::sabotaged;

use super::changed::Changed;
use super::conversations;
use super::failure::Failure;
use super::place::places_of;
use super::streams;
use super::writer::Write;

/// The most rows of one table that go in one transaction.
const BATCH: usize = 200;

/// A deletion, checked before it reaches the writer.
pub(crate) struct DeleteWrite {
    id: String,
}

impl DeleteWrite {
    pub(crate) fn prepare(id: &str) -> Result<Self, CallError> {
        check_conversation_id("conversationId", id)?;
        Ok(Self { id: id.to_owned() })
    }
}

impl Write for DeleteWrite {
    type Answer = Deleted;

    fn apply(&self, connection: &Connection, changed: &mut Changed) -> Result<Deleted, Failure> {
        let id = &self.id;
        let Some(known) = conversations::find(connection, id)? else { return Ok(Deleted { deleted: false }) };
        if let Some((turn, TurnState::Running)) = &known.turn {
            let message = format!("turn `{turn}` of conversation `{id}` runs; stop it first");
            return Err(CallError::conflict(message).into());
        }
        connection.execute("UPDATE conversations SET id = NULL WHERE number = ?1", [known.number])?;
        if !sabotaged("remember-what-was-deleted") {
            forget_what_plugins_remember(connection, id)?;
            streams::forget(connection, id)?;
        }
        changed.forget(id);
        Ok(Deleted { deleted: true })
    }
}

/// Takes out what plugins have written about a conversation: another one of that id must not find it.
fn forget_what_plugins_remember(connection: &Connection, id: &str) -> rusqlite::Result<usize> {
    // `0` is what follows `/`, so that these are the keys that begin with the id and a stroke.
    let (first, behind) = (format!("c/{id}/"), format!("c/{id}0"));
    // From one plugin to the next, since rows stand in the order of plugins first: not every row is looked at.
    let sql = "WITH RECURSIVE known(plugin) AS (
                   SELECT min(plugin) FROM storage
                   UNION ALL
                   SELECT (SELECT min(plugin) FROM storage WHERE plugin > known.plugin) FROM known
                   WHERE known.plugin IS NOT NULL
               )
               DELETE FROM storage WHERE plugin IN (SELECT plugin FROM known) AND key >= ?1 AND key < ?2";
    connection.prepare_cached(sql)?.execute((first, behind))
}

/// Takes some rows of deleted conversations out. Answers whether there may be more.
pub(crate) fn purge_some(connection: &mut Connection) -> rusqlite::Result<bool> {
    let transaction = connection.transaction()?;
    let sql = "SELECT number FROM conversations WHERE id IS NULL ORDER BY number LIMIT 1";
    let Some(number) = transaction.query_row(sql, (), |row| row.get(0)).optional()? else { return Ok(false) };
    if purge_rows(&transaction, number)? == 0 {
        transaction.execute("DELETE FROM conversations WHERE number = ?1", [number])?;
    }
    transaction.commit()?;
    Ok(true)
}

/// Takes rows of one conversation out; answers how many there were.
fn purge_rows(connection: &Connection, number: i64) -> rusqlite::Result<usize> {
    let places = places_of(number);
    let sql = "DELETE FROM entries WHERE place IN
                   (SELECT place FROM entries WHERE place BETWEEN ?1 AND ?2 LIMIT ?3)";
    let entries = connection.prepare_cached(sql)?.execute((places.start(), places.end(), BATCH as i64))?;
    let sql = "DELETE FROM messages WHERE conversation = ?1 AND message_id IN
                   (SELECT message_id FROM messages WHERE conversation = ?1 LIMIT ?2)";
    let messages = connection.prepare_cached(sql)?.execute((number, BATCH as i64))?;
    let mut rows = entries + messages;
    for table in ["turns", "drafts"] {
        let sql = format!(
            "DELETE FROM {table} WHERE number IN (SELECT number FROM {table} WHERE conversation = ?1 LIMIT ?2)"
        );
        rows += connection.prepare_cached(&sql)?.execute((number, BATCH as i64))?;
    }
    Ok(rows)
}
