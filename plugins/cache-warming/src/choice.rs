//! [`Choice`]: what somebody wants to be different about a conversation.

use transom_agent::conversation::{Conversation, Status};
use transom_plugin_api::CallError;

use crate::record::{Mode, Record};
use crate::warmer::Warmer;

/// What is absent stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) enabled: Option<bool>,
    pub(crate) mode: Option<Mode>,
    /// Milliseconds; nothing for the operator's.
    pub(crate) interval_ms: Option<Option<u64>>,
}

impl Choice {
    fn make(self, record: &mut Record) {
        record.enabled = self.enabled.unwrap_or(record.enabled);
        record.mode = self.mode.unwrap_or(record.mode);
        record.interval_ms = self.interval_ms.unwrap_or(record.interval_ms);
    }
}

/// Makes a choice, durably, and arms what follows from it.
///
/// # Errors
/// `Conflict` where a closed conversation is to be kept warm; what the store says, and then nothing has changed.
pub(crate) async fn choose(
    warmer: &Warmer,
    conversation: &Conversation,
    choice: &Choice,
) -> Result<(), CallError> {
    let id = &conversation.id;
    if choice.enabled == Some(true) && conversation.status == Status::Closed {
        let message = format!("conversation `{id}` is closed; send it a message first");
        return Err(CallError::conflict(message));
    }
    warmer.choose(id, conversation.created_at, |record| choice.make(record)).await?;
    warmer.look(id).await
}
