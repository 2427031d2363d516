//! What clients are told.

use serde::Serialize;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use transom_agent::compaction::Compacted;
use transom_agent::conversation::{Conversation, Opened, Status};
use transom_agent::event::AgentEvent;
use transom_plugin_api::Text;

/// A message to a client. Fields that are absent are left out.
#[derive(Serialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub(crate) enum Said<'a> {
    /// A frame of a conversation that the client watches.
    #[serde(rename = "chat.delta")]
    Delta {
        /// The frame.
        event: &'a AgentEvent,
    },
    /// An operation on a conversation failed, or watching it did.
    #[serde(rename = "chat.error")]
    ChatError {
        /// Which conversation, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation_id: Option<&'a str>,
        /// What happened.
        message: &'a str,
        /// The operation; none when watching ended by itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        op: Option<&'a str>,
        /// What the client called it.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Value>,
    },
    /// Another operation failed, or a message was none.
    #[serde(rename = "error")]
    Error {
        /// What happened.
        message: &'a str,
        /// The operation, where it could be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        op: Option<&'a str>,
        /// What the client called it.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Value>,
    },
    /// What an operation gave.
    #[serde(rename = "reply")]
    Reply {
        /// What the client called it.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Value>,
        /// The operation.
        op: &'a str,
        /// Its result.
        result: Value,
    },
    /// Somebody wants a conversation to be shown.
    #[serde(rename = "conversation.open")]
    Open {
        /// Which conversation.
        conversation_id: &'a Text,
        /// The workspace it belongs to.
        workspace_id: &'a Text,
    },
    /// A conversation does something else than before, or belongs to another workspace.
    #[serde(rename = "conversation.statusChanged")]
    StatusChanged {
        /// Which conversation.
        conversation_id: &'a Text,
        /// What it does.
        status: &'a Status,
        /// The workspace it belongs to.
        workspace_id: &'a Text,
    },
    /// A summary took the place of what was said in a conversation, as far as its model is shown it.
    #[serde(rename = "conversation.compacted")]
    Compacted {
        /// Which conversation.
        conversation_id: &'a Text,
        /// Where the summary stands in its log.
        seq: i64,
        /// How many messages it stands for.
        messages_summarized: u64,
    },
}

impl<'a> Said<'a> {
    /// That a conversation was compacted.
    pub(crate) const fn compacted(event: &'a Compacted) -> Self {
        let Compacted { conversation_id, seq, summary } = event;
        Self::Compacted { conversation_id, seq: *seq, messages_summarized: summary.messages }
    }

    /// That a conversation is to be shown.
    pub(crate) const fn opened(event: &'a Opened) -> Self {
        Self::Open { conversation_id: &event.conversation_id, workspace_id: &event.workspace_id }
    }

    /// What a conversation does.
    pub(crate) const fn status(of: &'a Conversation) -> Self {
        Self::StatusChanged { conversation_id: &of.id, status: &of.status, workspace_id: &of.workspace_id }
    }

    /// As it is sent; an error in the client's words where it cannot be written.
    pub(crate) fn written(&self) -> Utf8Bytes {
        let written = serde_json::to_string(self).unwrap_or_else(|error| {
            tracing::error!("a message to a client cannot be written: {error}");
            r#"{"type":"error","message":"a message could not be written; the server's log has more"}"#
                .to_owned()
        });
        written.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_absent_is_left_out() {
        let said = Said::Error { message: "no", op: None, id: None };
        assert_eq!(said.written().as_str(), r#"{"type":"error","message":"no"}"#);
        let id = json!(7);
        let said = Said::ChatError {
            conversation_id: Some("c"),
            message: "no",
            op: Some("chat.stop"),
            id: Some(&id),
        };
        assert_eq!(
            said.written().as_str(),
            r#"{"type":"chat.error","conversationId":"c","message":"no","op":"chat.stop","id":7}"#
        );
    }
}
