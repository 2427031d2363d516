//! Examines conversations: is the log whole, and is everything that is known about them what follows from it?

use rusqlite::Connection;
use transom_agent::log::Fault;
use transom_agent::message::Chunk;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Text};

use super::conversations::{self, Known};
use super::failure::Failure;
use super::log;
use super::place::{LARGEST, places_of, seq_at};
use super::positions::Positions;
use super::scratch::{Projections, Scratch};
use crate::entry;

/// The most conversations that are examined at one moment of the database, so that no moment is held for long.
pub(crate) const BATCH: usize = 16;

/// The most faults of a diagnosis.
pub(crate) const MOST_FAULTS: usize = 1_000;

/// The most bytes of one row in a fault.
const SHOWN: usize = 300;

/// What SQLite itself finds wrong with the file: pages that are damaged, and rows that cannot be. One fault for each.
pub(crate) fn examine_file(connection: &Connection) -> Result<Vec<Fault>, Failure> {
    let mut statement = connection.prepare("PRAGMA quick_check(100)")?;
    let rows = statement.query_map((), |row| row.get::<_, String>(0))?;
    let problems: Vec<String> = rows.collect::<Result<_, _>>()?;
    let is_told = |problem: &String| problem != "ok" && !sabotaged("trust-the-file");
    let fault = |problem: String| Fault {
        conversation_id: Text::new(),
        projection: "file".into(),
        problem: problem.into(),
    };
    Ok(problems.into_iter().filter(is_told).map(fault).collect())
}

/// Examines the conversations behind a number; answers the last of them, and adds to the faults. `None` when there are
/// no more.
pub(crate) fn examine_some(
    connection: &Connection,
    scratch: &Scratch,
    after: i64,
    faults: &mut Vec<Fault>,
) -> Result<(usize, Option<i64>), Failure> {
    let numbers = conversations::numbers_after(connection, after, BATCH)?;
    for number in &numbers {
        if let Some(known) = conversations::numbered(connection, *number)? {
            faults.extend(examine(connection, scratch, &known)?);
        }
    }
    Ok((numbers.len(), numbers.last().copied()))
}

/// Everything that is wrong with one conversation, one fault for each projection.
pub(crate) fn examine(
    connection: &Connection,
    scratch: &Scratch,
    known: &Known,
) -> Result<Vec<Fault>, Failure> {
    let fault = |projection: &str, problem: String| Fault {
        conversation_id: (&known.id).into(),
        projection: projection.into(),
        problem: problem.into(),
    };
    if let Some(problem) = damage(connection, known)? {
        return Ok(vec![fault("log", problem)]);
    }
    let mut faults = Vec::new();
    faults.extend(stray_position(connection, known.number)?.map(|problem| fault("positions", problem)));
    faults.extend(stray_turn(connection, known.number)?.map(|problem| fault("turns", problem)));
    faults.extend(stray_draft(connection, known)?.map(|problem| fault("drafts", problem)));
    let stored = Projections::of(connection, known)?;
    match scratch.fold(connection, known) {
        Ok(follows) => {
            let pairs = [
                ("conversation", &stored.conversation, &follows.conversation),
                ("turns", &stored.turns, &follows.turns),
                ("messages", &stored.messages, &follows.messages),
                ("positions", &stored.positions, &follows.positions),
            ];
            let differing = pairs.into_iter().filter_map(|(name, stored, follows)| {
                difference(stored, follows).map(|problem| fault(name, problem))
            });
            for found in differing {
                if !faults.iter().any(|fault| fault.projection == found.projection) {
                    faults.push(found);
                }
            }
        }
        // What is wrong with the positions was told already.
        Err(_) if !faults.is_empty() => {}
        Err(failure) if failure.is_passing() => return Err(failure),
        Err(failure) => {
            let error = CallError::from(failure);
            faults.push(fault("log", format!("it could not have been appended: {error}")));
        }
    }
    Ok(faults)
}

/// The first row in which they differ.
fn difference(stored: &[String], follows: &[String]) -> Option<String> {
    let missing = "nothing".to_owned();
    let rows = stored.len().max(follows.len());
    (0..rows).find_map(|row| {
        let (stored, follows) = (stored.get(row).unwrap_or(&missing), follows.get(row).unwrap_or(&missing));
        (stored != follows).then(|| {
            format!("stored is `{}`, from the log follows `{}`", shortened(stored), shortened(follows))
        })
    })
}

fn shortened(text: &str) -> &str {
    let end = (0..=SHOWN.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// What is wrong with the rows of the log themselves: each `seq` once, each chunk behind the one before it, each readable.
fn damage(connection: &Connection, known: &Known) -> Result<Option<String>, Failure> {
    let places = places_of(known.number);
    let sql = "SELECT place, chunk_index, message_id, chunk FROM entries WHERE place BETWEEN ?1 AND ?2 ORDER BY place";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((places.start(), places.end()))?;
    let (mut expected, mut index) = (1, 0);
    while let Some(row) = rows.next()? {
        let (seq, found) = (seq_at(row.get(0)?), row.get::<_, i64>(1)?);
        if seq != expected {
            return Ok(Some(format!("behind seq {} comes seq {seq}", expected - 1)));
        }
        let is_first = row.get::<_, Option<String>>(2)?.is_some();
        if found != if is_first { 0 } else { index } {
            return Ok(Some(format!("seq {seq} is chunk {found} of its message, expected another")));
        }
        let text: String = row.get(3)?;
        if let Some(error) = entry::unreadable(&text) {
            return Ok(Some(format!("seq {seq} cannot be read: {error}")));
        }
        (expected, index) = (expected + 1, found + 1);
    }
    let latest = expected - 1;
    if latest < known.latest_seq {
        return Ok(Some(format!("it ends at seq {latest}, expected {}", known.latest_seq)));
    }
    Ok(None)
}

/// A position where none can be.
fn stray_position(connection: &Connection, number: i64) -> Result<Option<String>, Failure> {
    let places = places_of(number);
    let sql =
        "SELECT place, shown, chunk_index, chunk FROM entries WHERE place BETWEEN ?1 AND ?2 ORDER BY place";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((places.start(), places.end()))?;
    let mut positions = Positions::above(0);
    let mut is_shown = false;
    while let Some(row) = rows.next()? {
        let (seq, shown) = (seq_at(row.get(0)?), row.get::<_, Option<i64>>(1)?);
        if row.get::<_, i64>(2)? > 0 && shown.is_some() != is_shown {
            return Ok(Some(format!("of the message of seq {seq} only some chunks are shown")));
        }
        is_shown = shown.is_some();
        let Some(shown) = shown else { continue };
        if !places.contains(&shown) {
            return Ok(Some(format!("seq {seq} is shown in another conversation")));
        }
        let chunk: Chunk = entry::decode(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?);
        if let Err(error) = positions.take(&chunk, seq_at(shown)) {
            return Ok(Some(format!("at seq {seq}: {error}")));
        }
    }
    Ok(None)
}

/// A message that belongs to another turn than it speaks of.
fn stray_turn(connection: &Connection, number: i64) -> Result<Option<String>, Failure> {
    let places = places_of(number);
    let sql = "SELECT place FROM entries WHERE place BETWEEN ?1 AND ?2 AND turn IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.number = entries.turn AND t.conversation = ?3)";
    let mut statement = connection.prepare_cached(sql)?;
    let mut nameless = statement.query((places.start(), places.end(), number))?;
    if let Some(row) = nameless.next()? {
        return Ok(Some(format!("the turn of seq {} is not there", seq_at(row.get(0)?))));
    }
    let mut stray = None;
    log::for_each_message(connection, number, 1..=LARGEST, |stored| {
        if stray.is_none() {
            stray = entry::turn_of(&stored.encoded.entry).err().map(|error| error.message.into_string());
        }
        Ok(())
    })?;
    Ok(stray)
}

/// A draft that nothing will take out any more.
fn stray_draft(connection: &Connection, known: &Known) -> Result<Option<String>, Failure> {
    let sql = "SELECT d.position, t.turn_id, t.state FROM drafts d LEFT JOIN turns t ON t.number = d.turn
               WHERE d.conversation = ?1
               AND (d.position <= ?2 OR t.state IS NULL OR t.state = 'ended' OR t.conversation <> ?1) LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((known.number, known.latest_position))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (position, turn): (i64, Option<String>) = (row.get(0)?, row.get(1)?);
    let turn = turn.unwrap_or_default();
    Ok(Some(format!("there is one of turn `{turn}` at position {position}, where the log has gone on")))
}
