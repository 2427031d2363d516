//! The log of a conversation, as rows.

use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Row};
use transom_agent::log::{Entry, Located, Read, StoredChunk};
use transom_agent::message::{Message, Role};
use transom_plugin_api::{CallError, List, Maybe};

use super::failure::Failure;
use super::place::{LARGEST, place, seq_at};
use crate::entry::{self, EncodedEntry};

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

// What belongs to the whole message stands with its first chunk.
const SELECT: &str = "SELECT e.place, h.message_id, h.role, t.turn_id, e.shown, h.created_at, e.chunk, e.chunk_index
    FROM entries e JOIN entries h ON h.place = e.place - e.chunk_index LEFT JOIN turns t ON t.number = h.turn";

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredChunk> {
    let shown: Option<i64> = row.get(4)?;
    Ok(StoredChunk {
        seq: seq_at(row.get(0)?),
        message_id: row.get_ref(1)?.as_str()?.into(),
        role: role_in(row, 2)?,
        turn_id: row.get::<_, Option<String>>(3)?.map(Into::into).into(),
        position: shown.map(seq_at).into(),
        created_at: row.get(5)?,
        chunk: entry::decode(row.get_ref(6)?.as_str()?),
    })
}

/// The role in a row.
pub(crate) fn role_in(row: &Row<'_>, column: usize) -> rusqlite::Result<Role> {
    let name = row.get_ref(column)?.as_str()?;
    entry::role_named(name).ok_or_else(|| {
        let error = FromSqlError::other(CallError::failed(format!("`{name}` is no role")));
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// The part of a log that `read` asks for: by `seq`, or by position.
pub(crate) fn window(
    connection: &Connection,
    number: i64,
    read: &Read,
) -> rusqlite::Result<Vec<StoredChunk>> {
    let since = place(number, read.since_seq.into_option().unwrap_or(0));
    let before = place(number, read.before_seq.into_option().unwrap_or(LARGEST + 1));
    let limit = read.limit.into_option().map_or(-1, i64::from);
    let order = if read.oldest { "ASC" } else { "DESC" };
    let mut chunks: Vec<_> = match read.from_position {
        Maybe::Some(from) => {
            let sql = format!(
                "{SELECT} WHERE e.place > ?1 AND e.place < ?2 AND e.shown >= ?4 AND e.shown <= ?5
                 ORDER BY e.shown {order} LIMIT ?3"
            );
            let (from, last) = (place(number, from), place(number, LARGEST));
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map((since, before, limit, from, last), stored)?.collect::<rusqlite::Result<_>>()
        }
        Maybe::None => {
            let sql =
                format!("{SELECT} WHERE e.place > ?1 AND e.place < ?2 ORDER BY e.place {order} LIMIT ?3");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map((since, before, limit), stored)?.collect()
        }
    }?;
    if !read.oldest {
        chunks.reverse();
    }
    Ok(chunks)
}

/// One chunk, if it is there.
pub(crate) fn chunk_at(
    connection: &Connection,
    number: i64,
    seq: i64,
) -> rusqlite::Result<Option<StoredChunk>> {
    let sql = format!("{SELECT} WHERE e.place = ?1");
    connection.prepare_cached(&sql)?.query_row([place(number, seq)], stored).optional()
}

/// The chunk that viewers see at a position, if there is one.
pub(crate) fn chunk_shown_at(
    connection: &Connection,
    number: i64,
    position: i64,
) -> rusqlite::Result<Option<StoredChunk>> {
    let sql = format!("{SELECT} WHERE e.shown = ?1");
    connection.prepare_cached(&sql)?.query_row([place(number, position)], stored).optional()
}

/// A message as it was appended.
pub(crate) struct StoredMessage {
    pub(crate) encoded: EncodedEntry,
    pub(crate) created_at: i64,
}

/// Gives the messages from one `seq` to another to `take`, in order.
pub(crate) fn for_each_message(
    connection: &Connection,
    number: i64,
    seqs: std::ops::RangeInclusive<i64>,
    mut take: impl FnMut(StoredMessage) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let sql = format!("{SELECT} WHERE e.place >= ?1 AND e.place <= ?2 ORDER BY e.place");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((place(number, *seqs.start()), place(number, *seqs.end())))?;
    let mut current: Option<StoredMessage> = None;
    while let Some(row) = rows.next()? {
        let text = row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?.to_owned();
        let StoredChunk { message_id, role, turn_id, position, created_at, chunk, .. } = stored(row)?;
        if row.get::<_, i64>(7)? == 0 || current.is_none() {
            let message = Message { id: message_id, role, chunks: List::new() };
            let entry = Entry { message, turn_id, positions: List::new() };
            let encoded = EncodedEntry { entry, chunks: Vec::new() };
            if let Some(complete) = current.replace(StoredMessage { encoded, created_at }) {
                take(complete)?;
            }
        }
        if let Some(StoredMessage { encoded, .. }) = &mut current {
            encoded.entry.message.chunks.push(chunk);
            encoded.entry.positions.extend(position.into_option());
            encoded.chunks.push(text);
        }
    }
    current.map_or(Ok(()), take)
}

/// The messages of a log from a `seq` on and before another, as they were appended.
pub(crate) fn messages(
    connection: &Connection,
    number: i64,
    from_seq: i64,
    before_seq: Option<i64>,
) -> Result<Vec<Message>, Failure> {
    let mut messages = Vec::new();
    let last = before_seq.map_or(LARGEST, |before| before.saturating_sub(1).clamp(0, LARGEST));
    for_each_message(connection, number, from_seq..=last, |stored| {
        messages.push(stored.encoded.entry.message);
        Ok(())
    })?;
    Ok(messages)
}

/// A message with `seq` in it, and something behind `seq`.
pub(crate) fn message_around(
    connection: &Connection,
    number: i64,
    seq: i64,
) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT h.message_id FROM entries e JOIN entries h ON h.place = e.place - e.chunk_index
               WHERE e.place = ?1 AND e.chunk_index > 0";
    connection.prepare_cached(sql)?.query_row([place(number, seq + 1)], |row| row.get(0)).optional()
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

/// Where a message stands, and in which turn.
pub(crate) fn locate(
    connection: &Connection,
    number: i64,
    message_id: &str,
) -> rusqlite::Result<Option<Located>> {
    let Some(span) = span_of(connection, number, message_id)? else { return Ok(None) };
    let first = chunk_at(connection, number, span.first_seq)?;
    Ok(first.map(|first| Located { first_seq: first.seq, turn_id: first.turn_id }))
}

/// An id that no message of the log has: the one that is wanted, or one like it.
pub(crate) fn unused_id(connection: &Connection, number: i64, wanted: &str) -> rusqlite::Result<String> {
    let mut id = wanted.to_owned();
    let mut next = 2_u64;
    while span_of(connection, number, &id)?.is_some() {
        id = format!("{wanted}-{next}");
        next += 1;
    }
    Ok(id)
}

/// Whether exactly this message stands there.
pub(crate) fn holds(
    connection: &Connection,
    number: i64,
    span: Span,
    encoded: &EncodedEntry,
) -> rusqlite::Result<bool> {
    if span.chunks != encoded.chunks.len() {
        return Ok(false);
    }
    let sql = "SELECT role, chunk FROM entries WHERE place BETWEEN ?1 AND ?2 ORDER BY place";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((place(number, span.first_seq), place(number, span.last_seq())))?;
    for (index, chunk) in encoded.chunks.iter().enumerate() {
        let Some(row) = rows.next()? else { return Ok(false) };
        let is_role = index > 0 || role_in(row, 0)? == encoded.entry.message.role;
        if !is_role || row.get_ref(1)?.as_str()? != chunk {
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
    encoded: &EncodedEntry,
    turn: Option<i64>,
    now: i64,
) -> rusqlite::Result<Span> {
    let span = Span { first_seq: latest_seq + 1, chunks: encoded.chunks.len() };
    let sql = "INSERT INTO messages (conversation, message_id, first_seq, chunks) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute((number, encoded.id(), span.first_seq, span.chunks as i64))?;
    let sql = "INSERT INTO entries (place, chunk_index, shown, message_id, role, turn, created_at, chunk)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut statement = connection.prepare_cached(sql)?;
    let role = entry::role_name(encoded.entry.message.role);
    for (index, chunk) in encoded.chunks.iter().enumerate() {
        let is_first = index == 0;
        let shown = encoded.entry.positions.get(index).map(|position| place(number, *position));
        let values = rusqlite::params![
            place(number, span.first_seq + index as i64),
            index as i64,
            shown,
            is_first.then_some(encoded.id()),
            is_first.then_some(role),
            turn.filter(|_| is_first),
            is_first.then_some(now),
            chunk,
        ];
        statement.execute(values)?;
    }
    Ok(span)
}
