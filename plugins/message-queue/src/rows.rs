//! How a [`Line`] lies in the storage: a row for each message, for each batch on its way, and for being held.
//!
//! | key | value |
//! |---|---|
//! | `c/<conversation>/held` | `true` |
//! | `c/<conversation>/message/<number, 20 digits>` | the message |
//! | `c/<conversation>/steering` | the batch on its way into the running turn |
//! | `c/<conversation>/turn` | the batch on its way into a turn of its own |
//!
//! So all of it belongs to its conversation, and goes with it.

use serde::Serialize;
use transom_agent::storage::{StorageRow, StorageWrite};
use transom_plugin_api::{CallError, Json, Maybe, Text};

use crate::line::{Change, Line, Way};

/// Begins the keys of all conversations.
pub(crate) const ALL: &str = "c/";

const HELD: &str = "held";
const MESSAGE: &str = "message/";

/// Begins the keys of a conversation.
pub(crate) fn prefix(conversation_id: &str) -> Text {
    format!("{ALL}{conversation_id}/").into()
}

/// A key behind all those of a conversation, and before those of the next.
pub(crate) fn behind(conversation_id: &str) -> Text {
    format!("{ALL}{conversation_id}/~").into()
}

/// The conversation that a key belongs to.
pub(crate) fn conversation_of(key: &str) -> Option<&str> {
    Some(key.strip_prefix(ALL)?.split_once('/')?.0)
}

/// The change as it is stored.
///
/// # Errors
/// When it cannot be encoded.
pub(crate) fn write(conversation_id: &str, change: &Change) -> Result<StorageWrite, CallError> {
    let (name, value) = match change {
        Change::Message(number, message) => (format!("{MESSAGE}{number:020}"), encoded(message.as_ref())?),
        Change::Batch(way, batch) => (name_of(*way).to_owned(), encoded(batch.as_ref())?),
        Change::Held(held) => (HELD.to_owned(), encoded(held.then_some(true).as_ref())?),
    };
    Ok(StorageWrite { key: format!("{}{name}", prefix(conversation_id)).into(), value })
}

const fn name_of(way: Way) -> &'static str {
    match way {
        Way::Turn => "turn",
        Way::Steering => "steering",
    }
}

fn encoded<T: Serialize>(value: Option<&T>) -> Result<Maybe<Json>, CallError> {
    Ok(value.map(Json::of).transpose()?.into())
}

/// Puts a row into its line. What a later revision has stored is left where it is.
///
/// # Errors
/// When the row is damaged; names it.
pub(crate) fn read(row: &StorageRow, line: &mut Line) -> Result<(), CallError> {
    match change(row) {
        Ok(Some(change)) => line.apply(change),
        Ok(None) => tracing::warn!("row `{}` of the queue is not known here, and left out", row.key),
        Err(problem) => {
            return Err(CallError::failed(format!(
                "row `{}` of the queue cannot be read: {problem}",
                row.key
            )));
        }
    }
    Ok(())
}

fn change(row: &StorageRow) -> Result<Option<Change>, serde_json::Error> {
    let name = conversation_of(&row.key).and_then(|id| row.key.strip_prefix(prefix(id).as_str()));
    let number = name.and_then(|name| name.strip_prefix(MESSAGE)).and_then(|number| number.parse().ok());
    Ok(match (name, number) {
        (_, Some(number)) => Some(Change::Message(number, Some(row.value.read()?))),
        (Some(HELD), _) => Some(Change::Held(row.value.read()?)),
        (Some("turn"), _) => Some(Change::Batch(Way::Turn, Some(row.value.read()?))),
        (Some("steering"), _) => Some(Change::Batch(Way::Steering, Some(row.value.read()?))),
        _ => None,
    })
}
