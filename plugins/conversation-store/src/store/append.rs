//! Appending: entries and everything that follows from them, all of it or nothing.

use rusqlite::Connection;
use transom_agent::log::{Append, Appended};
use transom_agent::refusal::check_conversation_id;
use transom_plugin_api::CallError;

use super::changed::Changed;
use super::ends;
use super::failure::Failure;
use super::fold::Fold;
use super::log::Span;
use super::writer::Write;
use crate::entry::EncodedEntry;
use crate::identity::check_entry_ids;

/// An append, checked and encoded before it reaches the writer.
pub(crate) struct AppendWrite {
    conversation_id: String,
    entries: Vec<EncodedEntry>,
    now: i64,
}

impl AppendWrite {
    pub(crate) fn prepare(append: Append, now: i64) -> Result<Self, CallError> {
        check_conversation_id("conversationId", &append.conversation_id)?;
        for entry in &append.entries {
            check_entry_ids("id", &entry.message.id, entry.turn_id.as_deref())?;
        }
        let entries = append.entries.into_iter().map(EncodedEntry::of).collect::<Result<_, _>>()?;
        Ok(Self { conversation_id: append.conversation_id.into_string(), entries, now })
    }
}

impl Write for AppendWrite {
    type Answer = Appended;

    fn apply(&self, connection: &Connection, changed: &mut Changed) -> Result<Appended, Failure> {
        let mut fold = Fold::open(connection, &self.conversation_id, self.now)?;
        let mut place = Place::default();
        for entry in &self.entries {
            place.include(fold.apply(entry, self.now)?);
        }
        ends::count_turns(connection, fold.ended(), self.now)?;
        let conversation = fold.finish(changed)?;
        let (first_seq, last_seq) = place.seqs.unwrap_or((0, conversation.latest_seq));
        Ok(Appended { first_seq, last_seq, conversation })
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
}
