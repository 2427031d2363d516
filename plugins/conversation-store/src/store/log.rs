//! The log of a conversation, as rows.

use rusqlite::{Connection, OptionalExtension, Row};
use transom_agent::conversation::{Read, StoredChunk};
use transom_agent::message::{Message, Role};
use transom_plugin_api::List;

use super::conversations::unknown_name;
use crate::entry::{self, EncodedMessage};

/// Where a message stands in its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first_seq: i64,
    pub(crate) chunks: usize,
}

impl Span {
    /// The last seq; before the first for a message without chunks.
    pub(crate) const fn last_seq(self) -> i64 {
        self.first_seq + self.chunks as i64 - 1
    }
}

const COLUMNS: &str = "seq, message_id, role, chunk";

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredChunk> {
    Ok(StoredChunk {
        seq: row.get(0)?,
        message_id: row.get::<_, String>(1)?.into(),
        role: role_in(row, 2)?,
        chunk: entry::decode(row.get_ref(3)?.as_str()?),
    })
}

fn role_in(row: &Row<'_>, column: usize) -> rusqlite::Result<Role> {
    let name = row.get_ref(column)?.as_str()?;
    entry::role_named(name).ok_or_else(|| unknown_name(column, "role", name))
}

/// The part of a log that `read` asks for, ascending.
pub(crate) fn window(
    connection: &Connection,
    number: i64,
    read: &Read,
) -> rusqlite::Result<Vec<StoredChunk>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM entries WHERE conversation = ?1 AND seq > ?2 AND seq < ?3 ORDER BY seq DESC LIMIT ?4"
    );
    let since = read.since_seq.into_option().unwrap_or(0);
    let before = read.before_seq.into_option().unwrap_or(i64::MAX);
    let limit = read.limit.into_option().map_or(-1, i64::from);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map((number, since, before, limit), stored)?;
    let mut newest_first = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    newest_first.reverse();
    Ok(newest_first)
}

/// All messages of a log, as they were appended.
pub(crate) fn messages(connection: &Connection, number: i64) -> rusqlite::Result<Vec<Message>> {
    let sql = format!("SELECT {COLUMNS} FROM entries WHERE conversation = ?1 ORDER BY seq");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut messages: Vec<Message> = Vec::new();
    for row in statement.query_map([number], stored)? {
        let StoredChunk { message_id, role, chunk, .. } = row?;
        match messages.last_mut().filter(|last| last.id == message_id) {
            Some(last) => last.chunks.push(chunk),
            None => messages.push(Message { id: message_id, role, chunks: List::from([chunk]) }),
        }
    }
    Ok(messages)
}

/// Where a message stands, if it is stored.
pub(crate) fn span_of(
    connection: &Connection,
    number: i64,
    message_id: &str,
) -> rusqlite::Result<Option<Span>> {
    let sql = "SELECT first_seq, chunks FROM messages WHERE conversation = ?1 AND message_id = ?2";
    let span = |row: &Row<'_>| Ok(Span { first_seq: row.get(0)?, chunks: row.get::<_, u32>(1)? as usize });
    connection.prepare_cached(sql)?.query_row((number, message_id), span).optional()
}

/// Whether exactly this message stands there.
pub(crate) fn holds(
    connection: &Connection,
    number: i64,
    span: Span,
    message: &EncodedMessage,
) -> rusqlite::Result<bool> {
    if span.chunks != message.chunks.len() {
        return Ok(false);
    }
    let sql =
        "SELECT role, chunk FROM entries WHERE conversation = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((number, span.first_seq, span.last_seq()))?;
    for chunk in &message.chunks {
        let Some(row) = rows.next()? else { return Ok(false) };
        if role_in(row, 0)? != message.role || row.get_ref(1)?.as_str()? != chunk {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes a message behind `latest_seq`.
pub(crate) fn add(
    connection: &Connection,
    number: i64,
    latest_seq: i64,
    message: &EncodedMessage,
    now: i64,
) -> rusqlite::Result<Span> {
    let span = Span { first_seq: latest_seq + 1, chunks: message.chunks.len() };
    let sql = "INSERT INTO messages (conversation, message_id, first_seq, chunks) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute((number, &message.id, span.first_seq, span.chunks as i64))?;
    let sql = "INSERT INTO entries (conversation, seq, message_id, chunk_index, role, chunk, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = connection.prepare_cached(sql)?;
    let role = entry::role_name(message.role);
    for (index, (seq, chunk)) in (0_i64..).zip((span.first_seq..).zip(&message.chunks)) {
        statement.execute((number, seq, &message.id, index, role, chunk, now))?;
    }
    Ok(span)
}
