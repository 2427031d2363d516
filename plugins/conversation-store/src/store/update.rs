//! Changing what is known about a conversation: each choice is an entry of its log.

use rusqlite::Connection;
use transom_agent::conversation::{Conversation, Update};
use transom_agent::refusal::check_conversation_id;
use transom_plugin_api::CallError;

use super::changed::Changed;
use super::failure::Failure;
use super::fold::Fold;
use super::writer::Write;
use crate::setting::Setting;

/// An update, checked before it reaches the writer.
pub(crate) struct UpdateWrite {
    conversation_id: String,
    settings: Vec<Setting>,
    now: i64,
}

impl UpdateWrite {
    pub(crate) fn prepare(update: &Update, now: i64) -> Result<Self, CallError> {
        check_conversation_id("conversationId", &update.conversation_id)?;
        let conversation_id = update.conversation_id.as_str().to_owned();
        Ok(Self { conversation_id, settings: Setting::all_of(update)?, now })
    }
}

impl Write for UpdateWrite {
    type Answer = Conversation;

    fn apply(&self, connection: &Connection, changed: &mut Changed) -> Result<Conversation, Failure> {
        let mut fold = Fold::open(connection, &self.conversation_id, self.now)?;
        for setting in &self.settings {
            fold.choose(setting.clone(), self.now)?;
        }
        fold.finish(changed)
    }
}
