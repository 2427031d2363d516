//! From the first version of the tables to the second: what stood beside the log becomes entries of it.
//!
//! The first version had no facts. Its turns were records without a place in the log: each gets a beginning and an end at
//! the end of its conversation's log. What was chosen becomes settings. Nobody was shown positions.

use rusqlite::Connection;
use transom_agent::conversation::Status;
use transom_agent::log::Entry;
use transom_agent::message::{Chunk, Message};
use transom_agent::provider::ReasoningEffort;
use transom_agent::turn::TurnRecord;
use transom_plugin_api::{CallError, List, Maybe, Text};

use super::changed::Changed;
use super::conversations;
use super::failure::Failure;
use super::fold::Fold;
use super::log::role_in;
use super::schema;
use crate::entry::{self, EncodedEntry};
use crate::setting::Setting;
use crate::status;

/// Brings the tables of the second version to the third, in which a conversation has its summary, inside a transaction of the
/// caller's. No log of the second version holds one.
pub(crate) fn from_second(connection: &Connection) -> Result<(), Failure> {
    Ok(connection.execute_batch("ALTER TABLE conversations ADD COLUMN summary_seq INTEGER")?)
}

const OLD: [&str; 4] = ["conversations", "entries", "messages", "turns"];

/// Brings the tables of the first version to the second, inside a transaction of the caller's.
pub(crate) fn from_first(connection: &Connection) -> Result<(), Failure> {
    for table in OLD {
        connection.execute_batch(&format!("ALTER TABLE {table} RENAME TO first_{table}"))?;
    }
    schema::make(connection)?;
    let sql = "SELECT number, id, created_at, last_activity_at, status, cwd, model FROM first_conversations ORDER BY number";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        carry_over(connection, &First::read(row)?)?;
    }
    drop(rows);
    drop(statement);
    // What refers goes before what it refers to.
    for table in OLD.iter().rev() {
        connection.execute_batch(&format!("DROP TABLE first_{table}"))?;
    }
    Ok(())
}

/// A conversation of the first version.
struct First {
    number: i64,
    id: String,
    created_at: i64,
    last_activity_at: i64,
    status: String,
    cwd: Option<String>,
    model: Option<String>,
}

impl First {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            id: row.get(1)?,
            created_at: row.get(2)?,
            last_activity_at: row.get(3)?,
            status: row.get(4)?,
            cwd: row.get(5)?,
            model: row.get(6)?,
        })
    }

    /// What was chosen. Whatever ran has ended with its host.
    fn settings(&self) -> impl Iterator<Item = Setting> {
        let closed = self.status == status::name_of(&Status::Closed);
        let chosen = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        [Setting::Cwd(chosen(&self.cwd)), Setting::Model(chosen(&self.model)), Setting::Closed(closed)]
            .into_iter()
    }
}

fn carry_over(connection: &Connection, first: &First) -> Result<(), Failure> {
    let sql = "INSERT INTO conversations (number, id, created_at, last_activity_at) VALUES (?1, ?2, ?3, ?3)";
    connection.execute(sql, (first.number, &first.id, first.created_at))?;
    let mut fold = Fold::of(connection, conversations::find_known(connection, &first.id)?);
    messages(connection, first.number, |encoded, created_at| fold.apply(&encoded, created_at).map(|_| ()))?;
    let at = first.last_activity_at;
    for record in records(connection, first.number)? {
        let (start, end) = (beginning(&record), Chunk::TurnEnd { record: record.clone() });
        let id = super::log::unused_id(connection, first.number, &format!("{}-record", record.turn_id))?;
        let message = Message {
            id: id.into(),
            role: transom_agent::message::Role::System,
            chunks: List::from([start, end]),
        };
        let entry = Entry { message, turn_id: Maybe::Some(record.turn_id), positions: List::new() };
        fold.apply(&EncodedEntry::of(entry)?, at)?;
    }
    for setting in first.settings() {
        fold.choose(setting, at)?;
    }
    fold.finish(&mut Changed::default()).map(|_| ())
}

/// The first version did not say in which folder, nor how hard the model was to think.
fn beginning(record: &TurnRecord) -> Chunk {
    Chunk::TurnStart {
        turn_id: record.turn_id.clone(),
        model: record.model.clone(),
        cwd: Text::new(),
        reasoning_effort: ReasoningEffort::default(),
    }
}

/// The records of turns, in the order in which they began; one that cannot be read is left to the copy of the old file.
fn records(connection: &Connection, number: i64) -> Result<Vec<TurnRecord>, Failure> {
    let sql = "SELECT turn_id, record FROM first_turns WHERE conversation = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([number])?;
    let mut records: Vec<TurnRecord> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, text): (String, String) = (row.get(0)?, row.get(1)?);
        match serde_json::from_str::<TurnRecord>(&text) {
            Ok(record) => records.push(TurnRecord { turn_id: id.into(), ..record }),
            Err(error) => tracing::warn!("the record of turn `{id}` cannot be read and is left out: {error}"),
        }
    }
    records
        .sort_by(|left, right| (left.started_at, &*left.turn_id).cmp(&(right.started_at, &*right.turn_id)));
    Ok(records)
}

/// Gives the messages of the first version to `take`, in order, their chunks as they were written.
fn messages(
    connection: &Connection,
    number: i64,
    mut take: impl FnMut(EncodedEntry, i64) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let sql = "SELECT message_id, role, chunk, created_at, chunk_index FROM first_entries
               WHERE conversation = ?1 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([number])?;
    let mut current: Option<(EncodedEntry, i64)> = None;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        if row.get::<_, i64>(4)? == 0 {
            let message = Message { id: id.as_str().into(), role: role_in(row, 1)?, chunks: List::new() };
            let entry = Entry { message, turn_id: Maybe::None, positions: List::new() };
            let next = (EncodedEntry { entry, chunks: Vec::new() }, row.get(3)?);
            if let Some((complete, created_at)) = current.replace(next) {
                take(complete, created_at)?;
            }
        }
        let Some((encoded, _)) = &mut current else {
            let message = format!("message `{id}` has no beginning; restore the file from a backup");
            return Err(CallError::failed(message).into());
        };
        let text: String = row.get(2)?;
        encoded.entry.message.chunks.push(entry::decode(&text));
        encoded.chunks.push(text);
    }
    current.map_or(Ok(()), |(complete, created_at)| take(complete, created_at))
}
