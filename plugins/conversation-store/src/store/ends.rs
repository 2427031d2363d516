//! Counts of ends, by reason, for good: they stay when what ended is deleted. They stand among what plugins have to remember,
//! in the store's own name.

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use transom_plugin_api::Map;
use transom_plugin_api::sabotage::sabotaged;

/// Whose rows they are: no other plugin has this id.
pub(crate) const OWN: &str = "conversation-store";

/// What has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    Turns,
    Streams,
}

impl Of {
    /// Where the time stands at which counting began; the counts stand below it.
    const fn key(self) -> &'static str {
        match self {
            Self::Turns => "ends/turns",
            Self::Streams => "ends/streams",
        }
    }
}

/// All that were counted.
#[derive(Serialize)]
pub(crate) struct Total {
    /// When the first was counted, in milliseconds since the epoch.
    pub(crate) since: Option<i64>,
    /// By reason.
    pub(crate) counts: Map<u64>,
}

/// Counts so many more that ended for a reason.
pub(crate) fn count(
    connection: &Connection,
    of: Of,
    reason: &str,
    more: u64,
    now: i64,
) -> rusqlite::Result<()> {
    let began =
        "INSERT INTO storage (plugin, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (plugin, key) DO NOTHING";
    connection.prepare_cached(began)?.execute((OWN, of.key(), now.to_string()))?;
    let add = "INSERT INTO storage (plugin, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (plugin, key)
               DO UPDATE SET value = CAST(CAST(value AS INTEGER) + CAST(?3 AS INTEGER) AS TEXT)";
    let key = format!("{}/{reason}", of.key());
    connection.prepare_cached(add)?.execute((OWN, key, more.to_string())).map(drop)
}

/// Counts turns that ended in what was written just now.
pub(crate) fn count_turns<'a>(
    connection: &Connection,
    reasons: impl IntoIterator<Item = &'a String>,
    now: i64,
) -> rusqlite::Result<()> {
    if sabotaged("count-no-turns") {
        return Ok(());
    }
    reasons.into_iter().try_for_each(|reason| count(connection, Of::Turns, reason, 1, now))
}

/// What was counted so far.
pub(crate) fn total(connection: &Connection, of: Of) -> rusqlite::Result<Total> {
    let since = "SELECT CAST(value AS INTEGER) FROM storage WHERE plugin = ?1 AND key = ?2";
    let since = connection.prepare_cached(since)?.query_row((OWN, of.key()), |row| row.get(0)).optional()?;
    // `0` is what follows `/`.
    let (first, behind) = (format!("{}/", of.key()), format!("{}0", of.key()));
    let sql = "SELECT substr(key, length(?2) + 1), CAST(value AS INTEGER) FROM storage
               WHERE plugin = ?1 AND key >= ?2 AND key < ?3 ORDER BY key";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs()));
    let counts =
        connection.prepare_cached(sql)?.query_map((OWN, first, behind), row)?.collect::<Result<_, _>>()?;
    Ok(Total { since, counts })
}
