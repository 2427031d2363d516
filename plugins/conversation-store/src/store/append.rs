//! Appending: messages, the record of their turn and what is known about the conversation, all of it or nothing.

use rusqlite::{Connection, OptionalExtension};
use transom_agent::conversation::{Append, Appended};
use transom_agent::turn::TurnRecord;
use transom_plugin_api::CallError;

use super::failure::Failure;
use super::log::Span;
use super::writer::Write;
use super::{conversations, log};
use crate::entry::EncodedMessage;
use crate::identity::check_conversation_id;
use crate::title::title_of;

/// An append, checked and encoded before it reaches the writer.
pub(crate) struct AppendWrite {
    conversation_id: String,
    messages: Vec<EncodedMessage>,
    title: Option<String>,
    turn: Option<EncodedTurn>,
    now: i64,
}

struct EncodedTurn {
    id: String,
    record: String,
}

impl AppendWrite {
    pub(crate) fn prepare(append: &Append, now: i64) -> Result<Self, CallError> {
        check_conversation_id("conversationId", &append.conversation_id)?;
        Ok(Self {
            conversation_id: append.conversation_id.as_str().to_owned(),
            messages: append.messages.iter().map(EncodedMessage::of).collect::<Result<_, _>>()?,
            title: title_of(&append.messages),
            turn: append.turn.as_ref().map(EncodedTurn::of).transpose()?,
            now,
        })
    }

    /// Whether there is nothing in it; it makes the conversation all the same.
    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.turn.is_none()
    }
}

impl EncodedTurn {
    fn of(record: &TurnRecord) -> Result<Self, CallError> {
        let id = record.turn_id.as_str().to_owned();
        match serde_json::to_string(record) {
            Ok(record) => Ok(Self { id, record }),
            Err(error) => Err(CallError::invalid_input(format!("`turn` `{id}` cannot be stored: {error}"))),
        }
    }
}

impl Write for AppendWrite {
    type Answer = Appended;

    fn apply(&self, connection: &Connection) -> Result<Appended, Failure> {
        let known = conversations::find_or_make(connection, &self.conversation_id, self.now)?;
        let mut end = LogEnd { connection, number: known.number, latest_seq: known.conversation.latest_seq };
        let before = end.latest_seq;
        let mut place = Place::default();
        for message in &self.messages {
            place.include(end.take(self, message)?);
        }
        let recorded = match &self.turn {
            Some(turn) => self.record(connection, known.number, turn)?,
            None => false,
        };
        // What was stored already is no activity: a retry leaves everything as it was.
        if end.latest_seq > before || recorded || self.is_empty() {
            let title = self.title.as_deref();
            conversations::note_activity(connection, known.number, end.latest_seq, title, self.now)?;
        }
        Ok(place.answer(end.latest_seq))
    }
}

impl AppendWrite {
    /// Records how the turn went; answers whether that is new. A turn ends once.
    fn record(&self, connection: &Connection, number: i64, turn: &EncodedTurn) -> Result<bool, Failure> {
        let sql = "SELECT record FROM turns WHERE conversation = ?1 AND turn_id = ?2";
        let stored =
            connection.prepare_cached(sql)?.query_row((number, &turn.id), |row| row.get::<_, String>(0));
        match stored.optional()? {
            Some(stored) if stored == turn.record => Ok(false),
            Some(_) => {
                let (id, conversation) = (&turn.id, &self.conversation_id);
                let message =
                    format!("turn `{id}` of conversation `{conversation}` is recorded with another end");
                Err(CallError::conflict(message).into())
            }
            None => {
                let sql = "INSERT INTO turns (conversation, turn_id, record) VALUES (?1, ?2, ?3)";
                connection.prepare_cached(sql)?.execute((number, &turn.id, &turn.record))?;
                Ok(true)
            }
        }
    }
}

/// The end of a log that grows.
struct LogEnd<'a> {
    connection: &'a Connection,
    number: i64,
    latest_seq: i64,
}

impl LogEnd<'_> {
    /// Adds a message unless it is there; answers where it stands.
    fn take(&mut self, append: &AppendWrite, message: &EncodedMessage) -> Result<Option<Span>, Failure> {
        let Self { connection, number, latest_seq } = *self;
        if let Some(span) = log::span_of(connection, number, &message.id)? {
            if log::holds(connection, number, span, message)? {
                return Ok(Some(span));
            }
            let (id, conversation) = (&message.id, &append.conversation_id);
            let message =
                format!("message `{id}` of conversation `{conversation}` is stored with other content");
            return Err(CallError::conflict(message).into());
        }
        if message.chunks.is_empty() {
            return Ok(None);
        }
        let span = log::add(connection, number, latest_seq, message, append.now)?;
        self.latest_seq = span.last_seq();
        Ok(Some(span))
    }
}

/// From the first chunk of the messages to the last.
#[derive(Default)]
struct Place {
    seqs: Option<(i64, i64)>,
}

impl Place {
    fn include(&mut self, span: Option<Span>) {
        let Some(span) = span else { return };
        let (first, last) = (span.first_seq, span.last_seq());
        let (low, high) = self.seqs.unwrap_or((first, last));
        self.seqs = Some((low.min(first), high.max(last)));
    }

    fn answer(&self, latest_seq: i64) -> Appended {
        let (first_seq, last_seq) = self.seqs.unwrap_or((0, latest_seq));
        Appended { first_seq, last_seq }
    }
}
