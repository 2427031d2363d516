//! Forking: a copy of a conversation up to a place in its log.

use rusqlite::Connection;
use transom_agent::conversation::{Conversation, Fork};
use transom_agent::message::Chunk;
use transom_agent::refusal::check_conversation_id;
use transom_plugin_api::{CallError, List};

use super::changed::Changed;
use super::conversations::{self, Known};
use super::failure::Failure;
use super::fold::Fold;
use super::log::{self, StoredMessage};
use super::turns;
use super::writer::Write;
use crate::setting::Setting;

/// A fork, checked before it reaches the writer.
pub(crate) struct ForkWrite {
    fork: Fork,
    now: i64,
}

impl ForkWrite {
    pub(crate) fn prepare(fork: Fork, now: i64) -> Result<Self, CallError> {
        check_conversation_id("from", &fork.from)?;
        check_conversation_id("to", &fork.to)?;
        Ok(Self { fork, now })
    }

    /// The last `seq` to copy, which parts nothing that belongs together.
    fn place(&self, connection: &Connection, source: &Known) -> Result<i64, Failure> {
        let latest = source.latest_seq;
        let seq = self.fork.at_seq.into_option().unwrap_or(latest);
        if !(0..=latest).contains(&seq) {
            let message = format!("`atSeq` is {seq}, expected 0 to {latest}");
            return Err(CallError::invalid_input(message).into());
        }
        if let Some(turn) = turns::around(connection, source.number, seq)? {
            let message = format!("`atSeq` {seq} lies in turn `{turn}`, expected the end of a turn");
            return Err(CallError::conflict(message).into());
        }
        match log::message_around(connection, source.number, seq)? {
            Some(id) => {
                let message = format!("`atSeq` {seq} lies in message `{id}`, expected its end");
                Err(CallError::conflict(message).into())
            }
            None => Ok(seq),
        }
    }
}

impl Write for ForkWrite {
    type Answer = Conversation;

    fn apply(&self, connection: &Connection, changed: &mut Changed) -> Result<Conversation, Failure> {
        let Fork { from, to, .. } = &self.fork;
        let source = conversations::find_known(connection, from)?;
        let last = self.place(connection, &source)?;
        if conversations::find(connection, to)?.is_some() {
            let message = format!("there is a conversation `{to}` already; choose another id");
            return Err(CallError::conflict(message).into());
        }
        let mut copy = Fold::open(connection, to, self.now)?;
        let mut shown = Renumbered { positions: 0 };
        log::for_each_message(connection, source.number, 1..=last, |mut stored| {
            if is_about_the_other(&stored) {
                return Ok(());
            }
            shown.renumber(&mut stored);
            copy.apply(&stored.encoded, stored.created_at).map(|_| ())
        })?;
        copy.state(Chunk::Forked { conversation_id: from.clone(), seq: last }, "forked", self.now)?;
        // A copy of what was put away was made to be used.
        copy.choose(Setting::Closed(false), self.now)?;
        copy.finish(changed)
    }
}

/// What viewers of the other conversation had to forget means nothing to those of the copy.
fn is_about_the_other(stored: &StoredMessage) -> bool {
    stored.encoded.entry.message.chunks.iter().all(|chunk| matches!(chunk, Chunk::Repaired { .. }))
}

/// Positions, counted anew without a gap.
struct Renumbered {
    positions: i64,
}

impl Renumbered {
    /// In the order of the log: results that were shown out of order are shown in order.
    fn renumber(&mut self, stored: &mut StoredMessage) {
        let entry = &mut stored.encoded.entry;
        if entry.positions.is_empty() {
            return;
        }
        let mut positions = List::with_capacity(entry.positions.len());
        for chunk in &entry.message.chunks {
            self.positions += 1;
            positions.push(self.positions);
            self.positions += i64::from(matches!(chunk, Chunk::TurnEnd { .. }));
        }
        entry.positions = positions;
    }
}
