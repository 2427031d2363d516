//! Changing what is known about a conversation.

use rusqlite::Connection;
use transom_agent::conversation::{Conversation, Update};
use transom_plugin_api::{CallError, Maybe, Text};

use super::conversations;
use super::failure::Failure;
use super::writer::Write;
use crate::identity::check_conversation_id;
use crate::status;

/// An update, checked before it reaches the writer.
pub(crate) struct UpdateWrite {
    update: Update,
    now: i64,
}

impl UpdateWrite {
    pub(crate) fn prepare(update: Update, now: i64) -> Result<Self, CallError> {
        check_conversation_id("conversationId", &update.conversation_id)?;
        update.status.as_ref().map_or(Ok(()), status::check)?;
        Ok(Self { update, now })
    }
}

impl Write for UpdateWrite {
    type Answer = Conversation;

    fn apply(&self, connection: &Connection) -> Result<Conversation, Failure> {
        let mut known = conversations::find_or_make(connection, &self.update.conversation_id, self.now)?;
        let conversation = &mut known.conversation;
        if let Maybe::Some(wanted) = &self.update.status {
            conversation.status = status::next(&conversation.status, wanted);
        }
        change(&mut conversation.cwd, &self.update.cwd);
        change(&mut conversation.model, &self.update.model);
        conversations::store(connection, &known)?;
        Ok(known.conversation)
    }
}

/// Absent leaves a choice as it is, an empty text takes it back.
fn change(chosen: &mut Maybe<Text>, wanted: &Maybe<Text>) {
    if let Maybe::Some(wanted) = wanted {
        *chosen = if wanted.is_empty() { Maybe::None } else { Maybe::Some(wanted.clone()) };
    }
}
