//! What is known about a conversation, as text that can be compared, and the same once more from its log alone.

use rusqlite::Connection;
use transom_agent::conversation::Conversation;

use super::changed::Changed;
use super::conversations::{self, Known};
use super::failure::Failure;
use super::fold::Fold;
use super::log;
use super::place::{LARGEST, places_of, seq_at};
use super::schema;

/// What follows from a log, by the names that a diagnosis gives it; each row is a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Projections {
    pub(crate) conversation: Vec<String>,
    pub(crate) turns: Vec<String>,
    pub(crate) messages: Vec<String>,
    pub(crate) positions: Vec<String>,
}

impl Projections {
    /// As they stand in a database.
    pub(crate) fn of(connection: &Connection, known: &Known) -> Result<Self, Failure> {
        let Conversation { latest_position, .. } = known.conversation();
        let nameless = Known { number: 0, latest_position: 0, ..known.clone() };
        let mut positions = shown(connection, known.number)?;
        positions.push(format!("the latest is {latest_position}"));
        Ok(Self {
            conversation: vec![format!("{nameless:?}")],
            turns: turns(connection, known.number)?,
            messages: messages(connection, known.number)?,
            positions,
        })
    }
}

fn turns(connection: &Connection, number: i64) -> rusqlite::Result<Vec<String>> {
    let sql =
        "SELECT format('%s %s from %d, started %s, ended %s at %s: %s %s', turn_id, coalesce(state, 'named'),
                   first_seq, started_seq, ended_seq, ended_at, reason, questions)
               FROM turns WHERE conversation = ?1 ORDER BY turn_id";
    connection.prepare_cached(sql)?.query_map([number], |row| row.get(0))?.collect()
}

fn messages(connection: &Connection, number: i64) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT format('%s from %d, %d chunks', message_id, first_seq, chunks)
               FROM messages WHERE conversation = ?1 ORDER BY message_id";
    connection.prepare_cached(sql)?.query_map([number], |row| row.get(0))?.collect()
}

fn shown(connection: &Connection, number: i64) -> rusqlite::Result<Vec<String>> {
    let places = places_of(number);
    let sql =
        "SELECT place, shown FROM entries WHERE place BETWEEN ?1 AND ?2 AND shown IS NOT NULL ORDER BY place";
    let line = |row: &rusqlite::Row<'_>| {
        Ok(format!("{} is shown at {}", seq_at(row.get(0)?), row.get::<_, i64>(1).map(seq_at)?))
    };
    connection.prepare_cached(sql)?.query_map((places.start(), places.end()), line)?.collect()
}

/// A database in memory, into which logs are read once more.
pub(crate) struct Scratch {
    connection: Connection,
}

impl Scratch {
    pub(crate) fn new() -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.set_prepared_statement_cache_capacity(super::database::STATEMENTS);
        schema::make(&connection)?;
        Ok(Self { connection })
    }

    /// What follows from the log of a conversation.
    ///
    /// # Errors
    /// When no such log could have been appended.
    pub(crate) fn fold(&self, source: &Connection, known: &Known) -> Result<Projections, Failure> {
        let transaction = self.connection.unchecked_transaction()?;
        let mut made = conversations::make(&transaction, &known.id, known.created_at)?;
        made.last_activity_at = known.created_at;
        let mut fold = Fold::of(&transaction, made);
        log::for_each_message(source, known.number, 1..=LARGEST, |stored| {
            fold.apply(&stored.encoded, stored.created_at).map(|_| ())
        })?;
        let folded = fold.known().clone();
        fold.finish(&mut Changed::default())?;
        Projections::of(&transaction, &folded)
    }
}
