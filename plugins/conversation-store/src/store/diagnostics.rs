//! How turns ended lately, over all conversations.

use rusqlite::Connection;
use serde::Serialize;
use transom_agent::message::Chunk;
use transom_agent::turn::TurnRecord;
use transom_plugin_api::Map;

use super::ends::{self, Of, Total};
use super::place::place;
use crate::entry;

/// What to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lately {
    /// Only turns that ended at this time or later.
    pub(crate) since: i64,
    /// The most turns to tell one by one.
    pub(crate) limit: u32,
}

/// How turns ended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndedTurns {
    /// The newest first.
    pub(crate) turns: Vec<EndedTurn>,
    /// Of all turns that ended in that time, by reason.
    pub(crate) counts: Map<u64>,
    /// Of all turns that ever ended here, by reason: deleted ones, too.
    pub(crate) total: Total,
}

/// How a turn ended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndedTurn {
    conversation_id: String,
    ended_at: i64,
    #[serde(flatten)]
    record: TurnRecord,
}

/// The turns that ended lately; those that were copied with their conversation are counted where they ran.
pub(crate) fn lately(connection: &Connection, wanted: &Lately) -> rusqlite::Result<EndedTurns> {
    Ok(EndedTurns {
        turns: turns(connection, wanted)?,
        counts: counts(connection, wanted.since)?,
        total: ends::total(connection, Of::Turns)?,
    })
}

fn turns(connection: &Connection, wanted: &Lately) -> rusqlite::Result<Vec<EndedTurn>> {
    let sql = "SELECT c.id, t.ended_at, t.conversation, t.ended_seq
               FROM turns t JOIN conversations c ON c.number = t.conversation AND c.id IS NOT NULL
               WHERE t.ended_at >= ?1 ORDER BY t.ended_at DESC, t.number DESC LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((wanted.since, wanted.limit))?;
    let mut record = connection.prepare_cached("SELECT chunk FROM entries WHERE place = ?1")?;
    let mut turns = Vec::new();
    while let Some(row) = rows.next()? {
        let end = place(row.get(2)?, row.get(3)?);
        let chunk = record.query_row([end], |row| Ok(entry::decode(row.get_ref(0)?.as_str()?)))?;
        if let Chunk::TurnEnd { record } = chunk {
            turns.push(EndedTurn { conversation_id: row.get(0)?, ended_at: row.get(1)?, record });
        }
    }
    Ok(turns)
}

fn counts(connection: &Connection, since: i64) -> rusqlite::Result<Map<u64>> {
    let sql = "SELECT t.reason, count(*)
               FROM turns t JOIN conversations c ON c.number = t.conversation AND c.id IS NOT NULL
               WHERE t.ended_at >= ?1 GROUP BY t.reason ORDER BY t.reason";
    let count =
        |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs()));
    connection.prepare_cached(sql)?.query_map([since], count)?.collect()
}
