//! [`Ear`]: what a server says by itself: that its tools are others, and how a call goes on.
//!
//! What a server asks for is not offered: it is told so at once.

#![expect(
    deprecated,
    reason = "servers log in the old way for as long as there are versions of the protocol that have it"
)]

use std::collections::HashMap;
use std::sync::Arc;

use rmcp::ClientHandler;
use rmcp::model::{
    ClientCapabilities, ClientConfig, Implementation, LoggingMessageNotificationParam,
    ProgressNotificationParam, ProgressToken, ProtocolVersion,
};
use rmcp::service::{NotificationContext, RoleClient};
use tokio::sync::{Mutex, Notify};
use transom_agent::tool::{ToolCall, ToolPrinted};
use transom_plugin_api::{Emitter, Text};

/// Bytes of one message, and of all messages of a call, that are printed.
const LONGEST: usize = 4 << 10;
const MOST: usize = 64 << 10;

/// Hears one connection.
#[derive(Clone, Debug)]
pub(crate) struct Ear {
    pub(crate) calls: Arc<Calls>,
    pub(crate) listed: Arc<Notify>,
}

/// The calls that are under way at a server, by what their progress is told under.
#[derive(Debug)]
pub(crate) struct Calls {
    printed: Emitter<ToolPrinted>,
    // Held while a call is sent, so that none of its progress comes before it is known.
    pub(crate) under_way: Mutex<HashMap<ProgressToken, Listening>>,
}

/// Who is told how a call goes on.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    conversation_id: Text,
    tool_call_id: Text,
    printed: usize,
}

impl Listening {
    pub(crate) fn of(call: &ToolCall) -> Self {
        let (conversation_id, tool_call_id) = (call.conversation_id.clone(), call.tool_call_id.clone());
        Self { conversation_id, tool_call_id, printed: 0 }
    }

    fn print(&mut self, emitter: &Emitter<ToolPrinted>, line: &str) {
        let line = &line[..line.floor_char_boundary(LONGEST)];
        self.printed += line.len() + 1;
        if self.printed <= MOST {
            emitter.emit(&ToolPrinted {
                conversation_id: self.conversation_id.clone(),
                tool_call_id: self.tool_call_id.clone(),
                data: format!("{line}\n").into(),
                stream: "stderr".into(),
            });
        }
    }
}

impl Calls {
    pub(crate) fn new(printed: Emitter<ToolPrinted>) -> Self {
        Self { printed, under_way: Mutex::default() }
    }
}

impl ClientHandler for Ear {
    fn get_info(&self) -> ClientConfig {
        let implementation = Implementation::new("transom", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), implementation)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.listed.notify_one();
    }

    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        let mut under_way = self.calls.under_way.lock().await;
        if let Some(call) = under_way.get_mut(&progress.progress_token) {
            call.print(&self.calls.printed, &told(&progress));
        }
    }

    /// Whose call a message belongs to is not told: it is shown to all of them.
    async fn on_logging_message(
        &self,
        message: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let line = message.data.as_str().map_or_else(|| message.data.to_string(), str::to_owned);
        for call in self.calls.under_way.lock().await.values_mut() {
            call.print(&self.calls.printed, &line);
        }
    }
}

fn told(progress: &ProgressNotificationParam) -> String {
    let done = progress
        .total
        .map_or_else(|| progress.progress.to_string(), |total| format!("{} of {total}", progress.progress));
    match &progress.message {
        Some(message) => format!("{done}: {message}"),
        None => done,
    }
}
