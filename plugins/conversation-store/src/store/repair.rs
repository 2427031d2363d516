//! Repairing what a crash has left: turns that run by the log and by nobody else end as lost.

mod drafted;

use std::collections::HashSet;

use rusqlite::Connection;
use transom_agent::conversation::Conversation;
use transom_agent::log::{DraftPiece, Entry, LostTurn, ParkedTurn};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::turn::{EndReason, TurnRecord};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, List, Maybe, Text};

use self::drafted::{Drafted, drafted};
use super::changed::Changed;
use super::conversations::{self, Known};
use super::failure::Failure;
use super::fold::Fold;
use super::place::LARGEST;
use super::tally::Tally;
use super::writer::Write;
use super::{drafts, ends, log};
use crate::entry::EncodedEntry;

/// The most turns that are repaired in one transaction.
pub(crate) const BATCH: usize = 64;

/// A part of a repair: the turns of conversations behind a number.
pub(crate) struct RepairWrite {
    pub(crate) alive: std::sync::Arc<HashSet<Text>>,
    pub(crate) after: i64,
    pub(crate) now: i64,
}

/// What a part of a repair came to.
pub(crate) struct Part {
    pub(crate) lost: Vec<LostTurn>,
    /// The number of the last conversation that was looked at; `None` when there are no more.
    pub(crate) up_to: Option<i64>,
}

impl Write for RepairWrite {
    type Answer = Part;

    fn apply(&self, connection: &Connection, changed: &mut Changed) -> Result<Part, Failure> {
        let running = running_after(connection, self.after)?;
        let up_to = running.last().map(|turn| turn.conversation);
        let mut lost = Vec::new();
        for turn in running.into_iter().filter(|turn| !self.alive.contains(&turn.turn_id)) {
            match alone(connection, || mend(connection, &turn, self.now, changed)) {
                Ok(Some(conversation)) => lost.push(LostTurn { turn_id: turn.turn_id, conversation }),
                // It is parked now, and told with the others that are.
                Ok(None) => {}
                Err(failure) if failure.is_passing() => return Err(failure),
                Err(failure) => {
                    let (turn, error) = (&turn.turn_id, CallError::from(failure));
                    tracing::error!("turn `{turn}` was interrupted and cannot be repaired: {error}");
                }
            }
        }
        Ok(Part { lost, up_to })
    }
}

/// One that cannot be repaired must not keep all the others from it.
fn alone<T>(connection: &Connection, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    connection.execute_batch("SAVEPOINT one_of_many")?;
    let outcome = work();
    if outcome.is_err() {
        connection.execute_batch("ROLLBACK TO one_of_many")?;
    }
    connection.execute_batch("RELEASE one_of_many")?;
    outcome
}

/// A turn that runs by the log.
struct Running {
    number: i64,
    conversation: i64,
    turn_id: Text,
    first_seq: i64,
    started_seq: i64,
}

// However many turns have ended: the index holds those that have not.
fn running_after(connection: &Connection, after: i64) -> rusqlite::Result<Vec<Running>> {
    let sql = "SELECT t.number, t.conversation, t.turn_id, t.first_seq, t.started_seq
               FROM turns t INDEXED BY one_turn_at_a_time
               JOIN conversations c ON c.number = t.conversation AND c.id IS NOT NULL
               WHERE t.state IN ('running', 'parked') AND t.state = 'running' AND t.conversation > ?1
               ORDER BY t.conversation LIMIT ?2";
    let turn = |row: &rusqlite::Row<'_>| {
        Ok(Running {
            number: row.get(0)?,
            conversation: row.get(1)?,
            turn_id: row.get::<_, String>(2)?.into(),
            first_seq: row.get(3)?,
            started_seq: row.get(4)?,
        })
    };
    connection.prepare_cached(sql)?.query_map((after, BATCH as i64), turn)?.collect()
}

/// The turns that wait for a person, in the order in which they began.
pub(crate) fn parked(connection: &Connection) -> rusqlite::Result<List<ParkedTurn>> {
    let sql = "SELECT t.turn_id, c.id
               FROM turns t INDEXED BY one_turn_at_a_time
               JOIN conversations c ON c.number = t.conversation AND c.id IS NOT NULL
               WHERE t.state IN ('running', 'parked') AND t.state = 'parked' ORDER BY t.number";
    let turn = |row: &rusqlite::Row<'_>| {
        Ok(ParkedTurn {
            turn_id: row.get::<_, String>(0)?.into(),
            conversation_id: row.get::<_, String>(1)?.into(),
        })
    };
    connection.prepare_cached(sql)?.query_map((), turn)?.collect()
}

/// Puts everything into the log that was drafted of a turn, answers its calls, and ends it as lost: the conversation as it is now.
/// One that had just gone on, after a person had answered, is parked instead, so that it goes on: `None`.
fn mend(
    connection: &Connection,
    turn: &Running,
    now: i64,
    changed: &mut Changed,
) -> Result<Option<Conversation>, Failure> {
    let known = conversations::numbered(connection, turn.conversation)?;
    let known = known.ok_or_else(|| CallError::failed("a conversation went away while it was repaired"))?;
    let mut pieces = drafts::of_turn(connection, turn.conversation, turn.number)?;
    if sabotaged("lose-a-draft-on-repair") {
        pieces.pop();
    }
    let stored = stored_chunks(connection, turn)?;
    let goes_on = has_just_gone_on(&stored, &pieces) && !sabotaged("lose-the-turn-that-went-on");
    let drafted = drafted(pieces, &stored, &turn.turn_id, known.latest_position);
    let record = record_of(connection, turn, &stored, &drafted, now)?;
    let last = match drafted.last {
        Some(last) => last,
        None => last_shown(connection, &known)?,
    };
    let generation = known.generation.saturating_add(1);
    let mut position = drafted.highest.max(known.latest_position);
    let mut fold = Fold::of(connection, known);
    for mut entry in drafted.entries {
        entry.message.id = log::unused_id(connection, turn.conversation, &entry.message.id)?.into();
        fold.apply(&EncodedEntry::of(entry)?, now)?;
    }
    if sabotaged("repair-in-two-transactions") {
        connection.execute_batch("COMMIT; BEGIN IMMEDIATE; SAVEPOINT one_of_many")?;
    }
    let repaired = Chunk::Repaired { generation, position: last.0, offset: last.1 };
    let end = (!goes_on).then_some((Chunk::TurnEnd { record }, true));
    for (chunk, is_shown) in [(repaired, false)].into_iter().chain(end) {
        let name = if is_shown { "end" } else { "repaired" };
        let id = log::unused_id(connection, turn.conversation, &format!("{}-{name}", turn.turn_id))?;
        let message = Message { id: id.into(), role: Role::System, chunks: List::from([chunk]) };
        position += i64::from(is_shown);
        let positions = if is_shown { List::from([position]) } else { List::new() };
        let entry = Entry { message, turn_id: Maybe::Some(turn.turn_id.clone()), positions };
        fold.apply(&EncodedEntry::of(entry)?, now)?;
    }
    ends::count_turns(connection, fold.ended(), now)?;
    let conversation = fold.finish(changed)?;
    Ok((!goes_on).then_some(conversation))
}

/// Whether a turn has gone on after it had waited for a person, and its model has said nothing since: what comes next follows from
/// the log.
fn has_just_gone_on(stored: &[Chunk], pieces: &[DraftPiece]) -> bool {
    let last = stored.iter().rev().find(|chunk| {
        matches!(chunk, Chunk::GoneOn { .. } | Chunk::StepComplete { .. } | Chunk::TurnStart { .. })
    });
    let is_silent = pieces.iter().all(|piece| piece.role != Role::Assistant);
    is_silent && matches!(last, Some(Chunk::GoneOn { .. }))
}

fn stored_chunks(connection: &Connection, turn: &Running) -> Result<Vec<Chunk>, Failure> {
    let mut chunks = Vec::new();
    log::for_each_message(connection, turn.conversation, turn.first_seq..=LARGEST, |stored| {
        let entry = stored.encoded.entry;
        if entry.turn_id.as_deref() == Some(turn.turn_id.as_str()) {
            chunks.extend(entry.message.chunks);
        }
        Ok(())
    })?;
    Ok(chunks)
}

fn record_of(
    connection: &Connection,
    turn: &Running,
    stored: &[Chunk],
    drafted: &Drafted,
    now: i64,
) -> Result<TurnRecord, Failure> {
    let mut tally = Tally::default();
    stored.iter().chain(drafted.chunks()).for_each(|chunk| tally.add(chunk));
    let model = stored.iter().find_map(|chunk| match chunk {
        Chunk::TurnStart { model, .. } => Some(model.clone()),
        _ => None,
    });
    let start = log::chunk_at(connection, turn.conversation, turn.started_seq)?;
    let started_at = start.map_or(now, |start| start.created_at);
    Ok(TurnRecord {
        turn_id: turn.turn_id.clone(),
        model: model.unwrap_or_default(),
        reason: EndReason::Lost,
        usage: tally.usage,
        steps: tally.steps(),
        error_class: Maybe::None,
        context_size: tally.context_size,
        started_at,
        duration_ms: now.saturating_sub(started_at).max(0).unsigned_abs(),
    })
}

/// The last position of the log, and the bytes that viewers were shown there in pieces.
fn last_shown(connection: &Connection, known: &Known) -> Result<(i64, u64), Failure> {
    let position = known.latest_position;
    let last = log::chunk_shown_at(connection, known.number, position)?;
    let offset =
        last.filter(|last| last.role == Role::Assistant).map_or(0, |last| drafted::length(&last.chunk));
    Ok((position, offset))
}
