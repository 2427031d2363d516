//! How streams of frames to viewers ended: counted, and the last of them one by one.
//!
//! What is heard is kept in memory until it is written, all of it in one transaction and no more than one a second, since
//! viewers come and go by the hundred. A crash loses what was not written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use transom_agent::stream::StreamEnded;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Map, Text};

use super::changed::Changed;
use super::conversations;
use super::diagnostics::Lately;
use super::ends::{self, OWN, Of, Total};
use super::failure::Failure;
use super::writer::Write;
use crate::word::word_of;

/// The streams that are told one by one.
const KEPT: u64 = 500;

/// A stream that has ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndedStream {
    ended_at: i64,
    #[serde(flatten)]
    pub(crate) ended: StreamEnded,
}

/// How streams ended.
#[derive(Serialize)]
pub(crate) struct EndedStreams {
    /// The newest first.
    pub(crate) streams: Vec<EndedStream>,
    /// Of those of that time that are still known one by one, by reason.
    pub(crate) counts: Map<u64>,
    /// Of all.
    pub(crate) total: Total,
}

/// What was heard and is not written yet.
#[derive(Default)]
pub(crate) struct Heard {
    unwritten: Mutex<StreamsWrite>,
    came: Notify,
}

impl Heard {
    pub(crate) fn add(&self, ended: StreamEnded, now: i64) {
        let mut unwritten = self.lock();
        *unwritten.counts.entry(word_of(&ended.reason)).or_default() += 1;
        unwritten.streams.push_back(EndedStream { ended_at: now, ended });
        unwritten.forget_oldest();
        drop(unwritten);
        self.came.notify_one();
    }

    /// Waits until there is something to write.
    pub(crate) async fn came(&self) {
        self.came.notified().await;
    }

    /// What is to be written; `None` when there is nothing.
    pub(crate) fn take(&self) -> Option<StreamsWrite> {
        let unwritten = std::mem::take(&mut *self.lock());
        (!unwritten.counts.is_empty()).then_some(unwritten)
    }

    /// Keeps what could not be written for the next time.
    pub(crate) fn give_back(&self, mut older: StreamsWrite) {
        let mut unwritten = self.lock();
        for (reason, count) in std::mem::take(&mut unwritten.counts) {
            *older.counts.entry(reason).or_default() += count;
        }
        older.streams.append(&mut unwritten.streams);
        older.forget_oldest();
        *unwritten = older;
        drop(unwritten);
        self.came.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, StreamsWrite> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Streams to be counted.
#[derive(Clone, Default)]
pub(crate) struct StreamsWrite {
    counts: BTreeMap<String, u64>,
    /// The last of them.
    streams: VecDeque<EndedStream>,
}

impl StreamsWrite {
    fn forget_oldest(&mut self) {
        let excess = self.streams.len().saturating_sub(usize::try_from(KEPT).unwrap_or(usize::MAX));
        self.streams.drain(..excess);
    }
}

impl Write for StreamsWrite {
    type Answer = ();

    fn apply(&self, connection: &Connection, _: &mut Changed) -> Result<(), Failure> {
        let Some(first) = self.streams.front().map(|stream| stream.ended_at) else { return Ok(()) };
        if sabotaged("count-streams-in-memory") {
            return Ok(());
        }
        for (reason, more) in &self.counts {
            ends::count(connection, Of::Streams, reason, *more, first)?;
        }
        let ended = counted(&ends::total(connection, Of::Streams)?);
        let keep = "INSERT INTO storage (plugin, key, value) VALUES (?1, ?2, ?3)
                    ON CONFLICT (plugin, key) DO UPDATE SET value = ?3";
        let mut keep = connection.prepare_cached(keep)?;
        for (stream, back) in self.streams.iter().rev().zip(1..) {
            let mut stream = stream.clone();
            let is_known = conversations::find(connection, &stream.ended.conversation_id)?.is_some();
            if !is_known && !sabotaged("name-what-was-deleted") {
                // Nothing is told of what was deleted. The row is there all the same, since its place follows from the count.
                stream.ended.conversation_id = Text::default();
            }
            let document = serde_json::to_string(&stream).map_err(CallError::from)?;
            keep.execute((OWN, place(ended, back), document))?;
        }
        Ok(())
    }
}

/// Where the stream stands that ended so many before the last, 1 being the last.
fn place(ended: u64, back: u64) -> String {
    format!("last-streams/{:03}", ended.wrapping_sub(back) % KEPT)
}

fn counted(total: &Total) -> u64 {
    total.counts.iter().map(|(_, count)| *count).sum()
}

/// How streams ended lately.
pub(crate) fn lately(connection: &Connection, wanted: &Lately) -> rusqlite::Result<EndedStreams> {
    let total = ends::total(connection, Of::Streams)?;
    let known = known(connection, counted(&total))?;
    let known: Vec<EndedStream> =
        known.into_iter().filter(|stream| stream.ended_at >= wanted.since).collect();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for stream in &known {
        *counts.entry(word_of(&stream.ended.reason)).or_default() += 1;
    }
    let streams = known.into_iter().take(wanted.limit as usize).collect();
    Ok(EndedStreams { streams, counts: counts.into_iter().collect(), total })
}

/// Those that are known one by one, the newest first. One that cannot be read is left out.
fn known(connection: &Connection, ended: u64) -> rusqlite::Result<Vec<EndedStream>> {
    let sql = "SELECT key, value FROM storage WHERE plugin = ?1 AND key >= 'last-streams/' AND key < 'last-streams0'";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([OWN], row)?;
    let mut rows = rows.collect::<rusqlite::Result<BTreeMap<String, String>>>()?;
    let newest_first = (1..=KEPT).filter_map(|back| rows.remove(&place(ended, back)));
    Ok(newest_first.filter_map(|document| serde_json::from_str(&document).ok()).collect())
}

/// Forgets those of a conversation, one by one; they stay counted.
pub(crate) fn forget(connection: &Connection, conversation: &str) -> rusqlite::Result<usize> {
    // A row that is no JSON is nobody's, and must not keep any conversation from being deleted.
    let sql = "DELETE FROM storage WHERE plugin = ?1 AND key >= 'last-streams/' AND key < 'last-streams0'
               AND CASE WHEN json_valid(value) THEN json_extract(value, '$.conversationId') = ?2 END";
    connection.prepare_cached(sql)?.execute((OWN, conversation))
}
