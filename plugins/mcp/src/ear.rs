//! [`Ear`]: what a server says by itself: that its tools are others, and how a call goes on.
//!
//! What a server asks for is not offered: it is told so at once.

#![expect(
    deprecated,
    reason = "servers log in the old way for as long as there are versions of the protocol that have it"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rmcp::ClientHandler;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ClientJsonRpcMessage, Implementation, LoggingMessageNotificationParam,
    ProgressNotificationParam, ProgressToken, ProtocolVersion, ServerJsonRpcMessage, ServerNotification,
};
use rmcp::service::{NotificationContext, RoleClient};
use rmcp::transport::Transport;
use tokio::sync::{Mutex, Notify, watch};
use transom_agent::tool::{ToolCall, ToolPrinted};
use transom_plugin_api::{Emitter, Host, Text};

/// Bytes of one message, and of all messages of a call, that are printed.
const LONGEST: usize = 4 << 10;
const MOST: usize = 64 << 10;

/// How long an answer waits for what came before it.
const TO_SETTLE: Duration = Duration::from_millis(100);

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
    received: AtomicU64,
    handled: watch::Sender<u64>,
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
        let (under_way, received) = (Mutex::default(), AtomicU64::new(0));
        Self { printed, under_way, received, handled: watch::Sender::new(0) }
    }

    /// Waits until what has come so far is printed, which is a matter of turns: an answer may overtake what came before it.
    pub(crate) async fn settled(&self, host: &Host) {
        let received = self.received.load(Ordering::SeqCst);
        let mut handled = self.handled.subscribe();
        let settled =
            host.within(TO_SETTLE, handled.wait_for(|handled| *handled >= received)).await.is_some();
        if !settled {
            self.handled.send_modify(|handled| *handled = received.max(*handled));
        }
    }

    fn handle(&self) {
        self.handled.send_modify(|handled| *handled += 1);
    }
}

/// A transport that counts what will be printed, in the order in which it comes.
pub(crate) struct Counted<T> {
    pub(crate) inner: T,
    pub(crate) calls: Arc<Calls>,
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Counted<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        let message = self.inner.receive().await?;
        if let ServerJsonRpcMessage::Notification(told) = &message
            && let ServerNotification::ProgressNotification(_)
            | ServerNotification::LoggingMessageNotification(_) = told.notification
        {
            self.calls.received.fetch_add(1, Ordering::SeqCst);
        }
        Some(message)
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
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
        drop(under_way);
        self.calls.handle();
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
        self.calls.handle();
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
