//! Drafts: what was shown of a running turn and is not in the log yet.

use rusqlite::Connection;
use transom_agent::log::{Draft, DraftPiece, Drafted};
use transom_agent::message::Chunk;
use transom_agent::refusal::check_conversation_id;
use transom_agent::turn::TurnState;
use transom_plugin_api::CallError;

use super::changed::Changed;
use super::failure::Failure;
use super::log::role_in;
use super::writer::Write;
use super::{conversations, turns};
use crate::entry::{self, check_position, role_name};
use crate::identity::check_entry_ids;

/// A draft, checked and encoded before it reaches the writer.
pub(crate) struct DraftWrite {
    draft: Draft,
    chunks: Vec<String>,
}

impl DraftWrite {
    pub(crate) fn prepare(draft: Draft) -> Result<Self, CallError> {
        check_conversation_id("conversationId", &draft.conversation_id)?;
        draft.pieces.iter().try_for_each(check)?;
        let chunks = draft.pieces.iter().map(|piece| {
            let id = &piece.message_id;
            entry::encode(&piece.chunk).map_err(|error| {
                CallError::invalid_input(format!("a piece of message `{id}` cannot be stored: {error}"))
            })
        });
        Ok(Self { chunks: chunks.collect::<Result<_, _>>()?, draft })
    }
}

fn check(piece: &DraftPiece) -> Result<(), CallError> {
    let id = &piece.message_id;
    check_entry_ids("messageId", id, None)?;
    check_position(id, piece.position)?;
    let comes_in_pieces = matches!(piece.chunk, Chunk::Text { .. } | Chunk::Thinking { .. });
    if (piece.offset != 0 && !comes_in_pieces) || i64::try_from(piece.offset).is_err() {
        let (offset, position) = (piece.offset, piece.position);
        let message = format!("`offset` at position {position} is {offset}, expected 0 for what is whole");
        return Err(CallError::invalid_input(message));
    }
    entry::check_facts(id, piece.role, std::slice::from_ref(&piece.chunk))?;
    if bounds_something(&piece.chunk) {
        let message =
            format!("`chunk` at position {} is one that is appended and never drafted", piece.position);
        return Err(CallError::invalid_input(message));
    }
    Ok(())
}

/// What changes a conversation, and so has to be in its log before anybody is told.
const fn bounds_something(chunk: &Chunk) -> bool {
    matches!(
        chunk,
        Chunk::TurnStart { .. }
            | Chunk::TurnEnd { .. }
            | Chunk::Question { .. }
            | Chunk::Answer { .. }
            | Chunk::GoneOn { .. }
            | Chunk::Repaired { .. }
            | Chunk::Setting { .. }
            | Chunk::Forked { .. }
    )
}

impl Write for DraftWrite {
    type Answer = Drafted;

    fn apply(&self, connection: &Connection, _: &mut Changed) -> Result<Drafted, Failure> {
        let Draft { conversation_id, turn_id, pieces } = &self.draft;
        let does_not_run = || {
            let message = format!("turn `{turn_id}` of conversation `{conversation_id}` does not run");
            Failure::from(CallError::conflict(message))
        };
        let known = conversations::find(connection, conversation_id)?.ok_or_else(does_not_run)?;
        if known.turn.is_none_or(|(id, state)| turn_id != &id || state != TurnState::Running) {
            return Err(does_not_run());
        }
        let turn = turns::find(connection, known.number, turn_id)?.ok_or_else(does_not_run)?;
        let sql = "INSERT INTO drafts (conversation, position, offset, turn, message_id, role, chunk)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                   ON CONFLICT (conversation, position, offset)
                   DO UPDATE SET turn = ?4, message_id = ?5, role = ?6, chunk = ?7";
        let mut statement = connection.prepare_cached(sql)?;
        for (piece, chunk) in
            pieces.iter().zip(&self.chunks).filter(|(piece, _)| piece.position > known.latest_position)
        {
            let DraftPiece { message_id, role, position, offset, .. } = piece;
            let (id, role) = (message_id.as_str(), role_name(*role));
            statement.execute((known.number, position, *offset as i64, turn, id, role, chunk))?;
        }
        Ok(Drafted {})
    }
}

/// What was drafted of a turn, in the order in which it was shown.
pub(crate) fn of_turn(
    connection: &Connection,
    conversation: i64,
    turn: i64,
) -> rusqlite::Result<Vec<DraftPiece>> {
    let sql = "SELECT message_id, role, position, offset, chunk FROM drafts
               WHERE conversation = ?1 AND turn = ?2 ORDER BY position, offset";
    let piece = |row: &rusqlite::Row<'_>| {
        Ok(DraftPiece {
            message_id: row.get_ref(0)?.as_str()?.into(),
            role: role_in(row, 1)?,
            position: row.get(2)?,
            offset: row.get::<_, i64>(3)?.unsigned_abs(),
            chunk: entry::decode(row.get_ref(4)?.as_str()?),
        })
    };
    connection.prepare_cached(sql)?.query_map((conversation, turn), piece)?.collect()
}

/// Lets go of what is in the log.
pub(crate) fn drop_up_to(connection: &Connection, conversation: i64, position: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM drafts WHERE conversation = ?1 AND position <= ?2";
    connection.prepare_cached(sql)?.execute((conversation, position)).map(|_| ())
}

/// Lets go of everything that was drafted of a turn: nothing of it will be appended any more.
pub(crate) fn drop_of_turn(connection: &Connection, conversation: i64, turn: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM drafts WHERE conversation = ?1 AND turn = ?2";
    connection.prepare_cached(sql)?.execute((conversation, turn)).map(|_| ())
}
