//! The turns of a conversation: which of them runs, and where each stands in the log.

use rusqlite::{Connection, ErrorCode, OptionalExtension};
use transom_agent::turn::TurnRecord;
use transom_plugin_api::CallError;
use transom_plugin_api::sabotage::sabotaged;

use super::failure::Failure;
use crate::word::word_of;

/// The number of a turn, which gets one when an entry first names it.
pub(crate) fn number_of(
    connection: &Connection,
    conversation: i64,
    turn_id: &str,
    seq: i64,
) -> rusqlite::Result<i64> {
    if let Some(number) = find(connection, conversation, turn_id)? {
        return Ok(number);
    }
    let sql = "INSERT INTO turns (conversation, turn_id, first_seq) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute((conversation, turn_id, seq))?;
    Ok(connection.last_insert_rowid())
}

/// The number of a turn, if an entry has named it.
pub(crate) fn find(
    connection: &Connection,
    conversation: i64,
    turn_id: &str,
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT number FROM turns WHERE conversation = ?1 AND turn_id = ?2";
    connection.prepare_cached(sql)?.query_row((conversation, turn_id), |row| row.get(0)).optional()
}

/// Makes a turn the one that runs. The index refuses it while another one does: this statement is the claim.
///
/// # Errors
/// `Conflict` naming the turn that is under way, or saying that this one was before.
pub(crate) fn claim(
    connection: &Connection,
    conversation: i64,
    number: i64,
    seq: i64,
) -> Result<(), Failure> {
    let sql = "UPDATE turns SET state = 'running', started_seq = ?2 WHERE number = ?1 AND state IS NULL";
    match connection.prepare_cached(sql)?.execute((number, seq)) {
        Ok(1) => Ok(()),
        Ok(_) => {
            let turn = name_of(connection, number)?;
            Err(CallError::conflict(format!("turn `{turn}` was started before; start another one")).into())
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            if sabotaged("start-beside-a-running-turn") {
                return Ok(());
            }
            let sql = "SELECT number FROM turns WHERE conversation = ?1 AND state IN ('running', 'parked')";
            let current = connection.prepare_cached(sql)?.query_row([conversation], |row| row.get(0))?;
            let current = name_of(connection, current)?;
            let message = format!("turn `{current}` is under way; wait for its end, or stop it");
            Err(CallError::conflict(message).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn name_of(connection: &Connection, number: i64) -> rusqlite::Result<String> {
    connection.query_row("SELECT turn_id FROM turns WHERE number = ?1", [number], |row| row.get(0))
}

/// Ends a turn that runs or is parked.
///
/// # Errors
/// `Conflict` when it does neither.
pub(crate) fn end(
    connection: &Connection,
    number: i64,
    seq: i64,
    record: &TurnRecord,
    now: i64,
) -> Result<(), Failure> {
    let sql = "UPDATE turns SET state = 'ended', ended_seq = ?2, ended_at = ?3, reason = ?4, questions = NULL
               WHERE number = ?1 AND state IN ('running', 'parked')";
    let reason = word_of(&record.reason);
    if connection.prepare_cached(sql)?.execute((number, seq, now, reason))? == 1 {
        return Ok(());
    }
    let turn = &record.turn_id;
    Err(CallError::conflict(format!("turn `{turn}` does not run, so it cannot end")).into())
}

/// Puts down a question of a turn, or takes one back. A turn that has ended asks nothing.
pub(crate) fn ask(
    connection: &Connection,
    number: i64,
    question_id: &str,
    open: bool,
) -> Result<(), Failure> {
    let sql = "SELECT questions FROM turns WHERE number = ?1 AND state IN ('running', 'parked')";
    let stored: Option<Option<String>> =
        connection.prepare_cached(sql)?.query_row([number], |row| row.get(0)).optional()?;
    let Some(stored) = stored else { return Ok(()) };
    let mut questions: Vec<String> = match stored {
        Some(stored) => serde_json::from_str(&stored).map_err(CallError::from)?,
        None => Vec::new(),
    };
    questions.retain(|question| question != question_id);
    if open {
        questions.push(question_id.to_owned());
    }
    let questions = (!questions.is_empty()).then(|| serde_json::to_string(&questions));
    let questions = questions.transpose().map_err(CallError::from)?;
    let sql = "UPDATE turns SET questions = ?2 WHERE number = ?1";
    connection.prepare_cached(sql)?.execute((number, questions))?;
    Ok(())
}

/// Parks a turn, or has it run again; whether it has not ended yet.
pub(crate) fn park(connection: &Connection, number: i64, parked: bool) -> rusqlite::Result<bool> {
    let state = if parked { "parked" } else { "running" };
    let sql = "UPDATE turns SET state = ?2 WHERE number = ?1 AND state IN ('running', 'parked')";
    Ok(connection.prepare_cached(sql)?.execute((number, state))? > 0)
}

/// Says of all turns of a conversation that they were copied: they ended elsewhere, and are counted there.
pub(crate) fn mark_copied(connection: &Connection, conversation: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE turns SET ended_at = NULL WHERE conversation = ?1";
    connection.prepare_cached(sql)?.execute([conversation]).map(|_| ())
}

/// A turn with `seq` in it, and something behind `seq`.
pub(crate) fn around(
    connection: &Connection,
    conversation: i64,
    seq: i64,
) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT turn_id FROM turns WHERE conversation = ?1 AND state IS NOT NULL AND first_seq <= ?2
                   AND (ended_seq IS NULL OR ended_seq > ?2)";
    connection.prepare_cached(sql)?.query_row((conversation, seq), |row| row.get(0)).optional()
}
