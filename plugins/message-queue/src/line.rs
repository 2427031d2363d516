//! [`Line`]: the messages of one conversation that wait, and what may become of them. Pure: no storage, no clock.
//!
//! Every question to a line is answered with the [changes](Change) that follow, which are made durable first and applied
//! to the line after that. So what a line is follows from its rows alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use transom_agent::queue::{Delivery, Queue, QueuedMessage};
use transom_plugin_api::{CallError, Maybe, Text};

/// Messages that may wait in one conversation.
pub(crate) const MOST_MESSAGES: usize = 1_000;
/// Bytes of text that may wait in one conversation.
pub(crate) const MOST_BYTES: usize = 1 << 20;
/// Stands between the messages of a batch.
const BETWEEN: &str = "\n\n";

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Waiting {
    /// The message.
    #[serde(flatten)]
    pub(crate) message: QueuedMessage,
    /// Where its conversation belongs to, should it have to be made.
    #[serde(default, skip_serializing_if = "Maybe::is_none")]
    pub(crate) workspace_id: Maybe<Text>,
}

/// The ways on which messages leave a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Into a turn of their own.
    Turn,
    /// Into the running turn.
    Steering,
}

/// Messages that are on their way together, as one. Nobody knows yet whether they have arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// The id of that one message in the log.
    pub(crate) id: Text,
    /// The numbers of the messages, ascending.
    pub(crate) messages: Vec<u64>,
}

/// A change of one row of a line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// The message of this number waits, or does so no longer.
    Message(u64, Option<Waiting>),
    /// A batch is on its way, or is so no longer.
    Batch(Way, Option<Batch>),
    /// Whether anything is delivered without somebody sending a message.
    Held(bool),
}

/// What waits in a conversation, in the order of its arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Line {
    waiting: BTreeMap<u64, Waiting>,
    turn: Option<Batch>,
    steering: Option<Batch>,
    held: bool,
}

impl Line {
    /// Makes a change that is durable.
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Message(number, Some(message)) => drop(self.waiting.insert(number, message)),
            Change::Message(number, None) => drop(self.waiting.remove(&number)),
            Change::Batch(way, batch) => *self.on(way) = batch,
            Change::Held(held) => self.held = held,
        }
    }

    fn on(&mut self, way: Way) -> &mut Option<Batch> {
        match way {
            Way::Turn => &mut self.turn,
            Way::Steering => &mut self.steering,
        }
    }

    /// What is on its way on that way.
    pub(crate) const fn batch(&self, way: Way) -> Option<&Batch> {
        match way {
            Way::Turn => self.turn.as_ref(),
            Way::Steering => self.steering.as_ref(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) const fn is_held(&self) -> bool {
        self.held
    }

    /// A number behind those of all that wait.
    pub(crate) fn next_number(&self) -> u64 {
        self.waiting.last_key_value().map_or(1, |(number, _)| number.saturating_add(1))
    }

    /// What clients are shown. What is on its way still waits until it is known to have arrived.
    pub(crate) fn shown(&self, conversation_id: &Text) -> Queue {
        let queue = self.waiting.values().map(|waiting| waiting.message.clone()).collect();
        Queue { conversation_id: conversation_id.clone(), queue, held: self.held && !self.is_empty() }
    }

    /// Refuses a text for which there is no room, be it a new one or in the place of `instead_of` bytes.
    ///
    /// # Errors
    /// `InvalidInput` for a text that never has room, `Conflict` for one that has none now.
    pub(crate) fn check_room(&self, text: &str, instead_of: Option<usize>) -> Result<(), CallError> {
        check_length(text)?;
        let there: usize = self.waiting.values().map(|waiting| waiting.message.text.len()).sum();
        if instead_of.is_none() && self.waiting.len() >= MOST_MESSAGES {
            return Err(CallError::conflict(format!(
                "{} messages wait in the conversation, and no more than {MOST_MESSAGES} may; take some out, or try again later",
                self.waiting.len()
            )));
        }
        let would_be = there - instead_of.unwrap_or(0) + text.len();
        if would_be > MOST_BYTES {
            return Err(CallError::conflict(format!(
                "{there} bytes of text wait in the conversation, and no more than {MOST_BYTES} may, {} with this message; \
                 take some out, or try again later",
                would_be
            )));
        }
        Ok(())
    }

    /// A message waits from now on.
    pub(crate) fn join(&self, number: u64, waiting: Waiting) -> Vec<Change> {
        let mut changes = vec![Change::Message(number, Some(waiting))];
        // Of a line without messages nobody stores whether it is held.
        if self.is_empty() && self.held {
            changes.push(Change::Held(true));
        }
        changes
    }

    /// Other words, or none, for a message that still waits; nothing for one that is on its way or was never there.
    ///
    /// # Errors
    /// As [`check_room`](Self::check_room).
    pub(crate) fn change(&self, id: &str, text: Option<Text>) -> Result<Vec<Change>, CallError> {
        let Some((number, known)) = self.free().find(|(_, waiting)| waiting.message.id == id) else {
            return Ok(Vec::new());
        };
        let Some(text) = text else { return Ok(self.without(&[number])) };
        self.check_room(&text, Some(known.message.text.len()))?;
        let message = QueuedMessage { text, ..known.message.clone() };
        Ok(vec![Change::Message(number, Some(Waiting { message, ..known.clone() }))])
    }

    /// Holds the line, or lets it go on. Of a line without messages it is only remembered, not to be stored.
    pub(crate) fn hold(&mut self, held: bool) -> Vec<Change> {
        if self.is_empty() {
            self.held = held;
        }
        if self.held == held { Vec::new() } else { vec![Change::Held(held)] }
    }

    /// Sends everything that waits into a turn of its own, in order; `None` when there is nothing.
    pub(crate) fn send_all(&self, new_id: impl FnOnce() -> Text) -> Option<Batch> {
        self.batch_of(new_id, |_| true)
    }

    /// Sends the messages that steer into the running turn; `None` when there are none.
    pub(crate) fn send_steering(&self, new_id: impl FnOnce() -> Text) -> Option<Batch> {
        self.batch_of(new_id, |waiting| waiting.message.delivery == Delivery::Steer)
    }

    fn batch_of(&self, new_id: impl FnOnce() -> Text, is_of_it: impl Fn(&Waiting) -> bool) -> Option<Batch> {
        let chosen = || self.free().filter(|(_, waiting)| is_of_it(waiting));
        let first = chosen().next()?.1;
        // One that goes alone keeps its name, so that who sent it finds it in the log.
        let id = if chosen().nth(1).is_none() { first.message.id.clone() } else { new_id() };
        Some(Batch { id, messages: chosen().map(|(number, _)| number).collect() })
    }

    /// The messages that are not on their way.
    fn free(&self) -> impl Iterator<Item = (u64, &Waiting)> {
        let is_sent = |number| [&self.turn, &self.steering].into_iter().flatten().any(|it| it.has(number));
        self.waiting
            .iter()
            .map(|(number, waiting)| (*number, waiting))
            .filter(move |(number, _)| !is_sent(*number))
    }

    /// The words of a batch.
    pub(crate) fn words(&self, batch: &Batch) -> Text {
        let texts: Vec<&str> = self.of(batch).map(|waiting| waiting.message.text.as_str()).collect();
        texts.join(BETWEEN).into()
    }

    /// The workspace that a batch wants for its conversation, should that have to be made.
    pub(crate) fn workspace_of(&self, batch: &Batch) -> Maybe<Text> {
        self.of(batch).find_map(|waiting| waiting.workspace_id.clone().into_option()).into()
    }

    fn of(&self, batch: &Batch) -> impl Iterator<Item = &Waiting> {
        batch.messages.iter().filter_map(|number| self.waiting.get(number))
    }

    /// A batch has arrived: its messages wait no longer.
    pub(crate) fn arrived(&self, way: Way) -> Vec<Change> {
        let Some(batch) = self.batch(way) else { return Vec::new() };
        let mut changes = vec![Change::Batch(way, None)];
        changes.extend(self.without(&batch.messages));
        changes
    }

    fn without(&self, numbers: &[u64]) -> Vec<Change> {
        let mut changes: Vec<Change> = numbers.iter().map(|number| Change::Message(*number, None)).collect();
        let is_last = self.waiting.keys().all(|number| numbers.contains(number));
        if is_last && self.held {
            changes.push(Change::Held(false));
        }
        changes
    }
}

impl Batch {
    fn has(&self, number: u64) -> bool {
        self.messages.binary_search(&number).is_ok()
    }
}

/// Refuses a text that can never wait.
///
/// # Errors
/// `InvalidInput` with the name of the field.
pub(crate) fn check_length(text: &str) -> Result<(), CallError> {
    if text.len() > MOST_BYTES {
        return Err(CallError::invalid_input(format!(
            "`text` has {} bytes, expected at most {MOST_BYTES}",
            text.len()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
