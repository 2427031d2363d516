//! The one way in which a log grows, and in which what is known about a conversation follows from its log: entry by entry.
//! What is appended comes through here, and so does a log that is read again from its beginning.

use rusqlite::Connection;
use transom_agent::conversation::Conversation;
use transom_agent::message::Chunk;
use transom_agent::turn::TurnState;
use transom_plugin_api::CallError;
use transom_plugin_api::sabotage::sabotaged;

use super::changed::Changed;
use super::conversations::{self, Known};
use super::failure::Failure;
use super::log::{self, Span};
use super::place::LARGEST;
use super::positions::Positions;
use super::{drafts, summary, turns, workspaces};
use crate::entry::EncodedEntry;
use crate::setting::Setting;
use crate::title::title_of;
use crate::word::word_of;

/// A conversation to which entries are added.
pub(crate) struct Fold<'a> {
    connection: &'a Connection,
    before: Option<Conversation>,
    known: Known,
    positions: Positions,
    /// The reasons for which turns ended in what was added.
    ended: Vec<String>,
}

impl<'a> Fold<'a> {
    /// Of a conversation by its id, made now when it is not there.
    pub(crate) fn open(connection: &'a Connection, id: &str, now: i64) -> Result<Self, Failure> {
        match conversations::find(connection, id)? {
            Some(known) => Ok(Self::of(connection, known)),
            None => {
                Ok(Self { before: None, ..Self::of(connection, conversations::make(connection, id, now)?) })
            }
        }
    }

    /// Of a conversation that is there.
    pub(crate) fn of(connection: &'a Connection, known: Known) -> Self {
        let positions = Positions::above(known.latest_position);
        Self { connection, before: Some(known.conversation()), known, positions, ended: Vec::new() }
    }

    /// What is known by now.
    pub(crate) const fn known(&self) -> &Known {
        &self.known
    }

    /// The reasons for which turns ended in what was added.
    pub(crate) fn ended(&self) -> &[String] {
        &self.ended
    }

    /// Adds an entry with everything that follows from it; skips one that is stored already, with the same content.
    /// Answers where it stands; `None` for a message without chunks, which is not stored.
    ///
    /// # Errors
    /// `Conflict`, and then nothing of this conversation may be kept.
    pub(crate) fn apply(&mut self, encoded: &EncodedEntry, now: i64) -> Result<Option<Span>, Failure> {
        let (connection, number) = (self.connection, self.known.number);
        if let Some(span) = log::span_of(connection, number, encoded.id())? {
            return self.check_same(span, encoded).map(|()| Some(span));
        }
        if encoded.chunks.is_empty() {
            return Ok(None);
        }
        let next = self.known.latest_seq + 1;
        if next > LARGEST - encoded.chunks.len() as i64 {
            let id = &self.known.id;
            return Err(CallError::failed(format!("the log of conversation `{id}` is full; fork it")).into());
        }
        for (chunk, position) in encoded.entry.message.chunks.iter().zip(&encoded.entry.positions) {
            self.positions.take(chunk, *position)?;
        }
        let turn = match encoded.entry.turn_id.as_deref() {
            Some(turn_id) => Some(turns::number_of(connection, number, turn_id, next)?),
            None => None,
        };
        let span = log::add(connection, number, self.known.latest_seq, encoded, turn, now)?;
        self.known.latest_seq = span.last_seq();
        self.follow(encoded, span, turn, now)?;
        Ok(Some(span))
    }

    fn check_same(&self, span: Span, encoded: &EncodedEntry) -> Result<(), Failure> {
        if log::holds(self.connection, self.known.number, span, encoded)? {
            return Ok(());
        }
        let (id, conversation) = (encoded.id(), &self.known.id);
        let message = format!("message `{id}` of conversation `{conversation}` is stored with other content");
        Err(CallError::conflict(message).into())
    }

    fn follow(
        &mut self,
        encoded: &EncodedEntry,
        span: Span,
        turn: Option<i64>,
        now: i64,
    ) -> Result<(), Failure> {
        let message = &encoded.entry.message;
        self.known.latest_position = self.positions.highest();
        if self.known.first_words.is_empty() {
            self.known.first_words = title_of(message).unwrap_or_default();
        }
        for (chunk, seq) in message.chunks.iter().zip(span.first_seq..) {
            self.follow_chunk(chunk, seq, turn, now)?;
        }
        // To choose something, to sum up a conversation or to copy it is not to take part in it.
        let is_activity = |chunk: &Chunk| {
            !matches!(chunk, Chunk::Setting { .. } | Chunk::Compacted { .. } | Chunk::Forked { .. })
        };
        if message.chunks.iter().any(is_activity) {
            // The clock may have been set back; the order of conversations must not follow it.
            self.known.last_activity_at = self.known.last_activity_at.max(now);
        }
        Ok(())
    }

    fn follow_chunk(&mut self, chunk: &Chunk, seq: i64, turn: Option<i64>, now: i64) -> Result<(), Failure> {
        let (connection, number) = (self.connection, self.known.number);
        match (chunk, turn) {
            (Chunk::TurnStart { turn_id, .. }, Some(turn)) => {
                turns::claim(connection, number, turn, seq)?;
                self.known.closed = false;
                self.known.turn = Some((turn_id.as_str().to_owned(), TurnState::Running));
            }
            (Chunk::TurnEnd { record }, Some(turn)) => {
                turns::end(connection, turn, seq, record, now)?;
                drafts::drop_of_turn(connection, number, turn)?;
                self.known.turn = None;
                self.ended.push(word_of(&record.reason));
            }
            (Chunk::Question { question_id, .. }, Some(turn)) => {
                turns::ask(connection, turn, question_id, true)?;
                self.park(turn, true)?;
            }
            // A turn whose questions are all answered is parked until somebody goes on with it.
            (Chunk::Answer { question_id, .. }, Some(turn)) => {
                turns::ask(connection, turn, question_id, false)?;
                if sabotaged("lose-the-answered-turn") {
                    self.park(turn, false)?;
                }
            }
            (Chunk::GoneOn { .. }, Some(turn)) => self.park(turn, false)?,
            (Chunk::Repaired { generation, .. }, turn) => {
                self.known.generation = *generation;
                // Unless its end follows, somebody has to go on with it.
                turn.map_or(Ok(()), |turn| self.park(turn, true))?;
            }
            (Chunk::Setting { name, value }, _) => {
                if let Ok(Some(setting)) = Setting::read(name, value) {
                    self.set(setting, now)?;
                }
            }
            (Chunk::Compacted { summary }, _) => {
                summary::check(connection, &self.known, summary)?;
                self.known.summary_seq = Some(seq);
            }
            (Chunk::Forked { .. }, _) => turns::mark_copied(connection, number)?,
            _ => {}
        }
        Ok(())
    }

    fn park(&mut self, turn: i64, parked: bool) -> Result<(), Failure> {
        let is_there = turns::park(self.connection, turn, parked)?;
        if let (true, Some((_, state))) = (is_there, &mut self.known.turn) {
            *state = if parked { TurnState::Parked } else { TurnState::Running };
        }
        Ok(())
    }

    fn set(&mut self, setting: Setting, now: i64) -> Result<(), Failure> {
        if let Setting::Workspace(Some(id)) = &setting {
            workspaces::make(self.connection, id, now)?;
        }
        self.known.set(setting);
        Ok(())
    }

    /// Appends a choice, unless it was made already.
    pub(crate) fn choose(&mut self, setting: Setting, now: i64) -> Result<(), Failure> {
        let mut chosen = self.known.clone();
        chosen.set(setting.clone());
        if chosen == self.known {
            return Ok(());
        }
        if sabotaged("choose-without-an-entry") {
            return self.set(setting, now);
        }
        self.state(setting.chunk(), "setting", now)
    }

    /// Appends a fact that belongs to no turn and is shown to nobody.
    pub(crate) fn state(&mut self, fact: Chunk, what: &str, now: i64) -> Result<(), Failure> {
        let wanted = format!("{what}-{}", self.known.latest_seq + 1);
        let id = log::unused_id(self.connection, self.known.number, &wanted)?;
        self.apply(&EncodedEntry::of_fact(id, fact)?, now).map(|_| ())
    }

    /// Writes what is known now, lets go of drafts that are in the log, and notes the conversation as changed if it is.
    pub(crate) fn finish(self, changed: &mut Changed) -> Result<Conversation, Failure> {
        let Self { connection, before, known, positions, .. } = self;
        let conversation = known.conversation();
        if before.as_ref() == Some(&conversation) {
            return Ok(conversation);
        }
        conversations::store(connection, &known)?;
        if !positions.is_empty() && !sabotaged("keep-drafts") {
            drafts::drop_up_to(connection, known.number, positions.highest())?;
        }
        changed.note(&conversation);
        Ok(conversation)
    }
}
