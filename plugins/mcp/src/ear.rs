//! [`Ear`] and [`Heard`]: what a server says by itself: that its tools are others, and how a call goes on.
//!
//! What a server asks for is not offered: it is told so at once.

#![expect(
    deprecated,
    reason = "servers log in the old way for as long as there are versions of the protocol that have it"
)]

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::ClientHandler;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ClientJsonRpcMessage, Implementation, ProgressNotificationParam,
    ProgressToken, ProtocolVersion, ServerJsonRpcMessage, ServerNotification,
};
use rmcp::service::{NotificationContext, RoleClient};
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::sync::Notify;
use transom_agent::tool::{ToolCall, ToolPrinted};
use transom_plugin_api::{Emitter, Text};

/// Bytes of one message, and of all messages of a call, that are printed.
const LONGEST: usize = 4 << 10;
const MOST: usize = 64 << 10;
/// Messages that are kept of calls that are not known yet.
const EARLY: usize = 32;

/// Hears that a connection's tools are others.
#[derive(Clone, Debug)]
pub(crate) struct Ear {
    pub(crate) calls: Arc<Calls>,
    pub(crate) lists: Arc<Lists>,
}

/// Whether a server's list of tools is another than was taken last.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    changed: Notify,
    is_waiting: AtomicBool,
}

impl Lists {
    /// Nothing is waited for: a session begins.
    pub(crate) fn begin(&self) {
        self.is_waiting.store(false, Ordering::SeqCst);
    }

    /// Waits until it is.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
        self.is_waiting.store(false, Ordering::SeqCst);
    }
}

/// The calls that are under way at a server.
#[derive(Debug)]
pub(crate) struct Calls {
    printed: Emitter<ToolPrinted>,
    under_way: Mutex<UnderWay>,
}

/// By what their progress is told under; and what came before it was known whose it is.
#[derive(Debug, Default)]
struct UnderWay {
    calls: HashMap<ProgressToken, Listening>,
    /// Calls that are being sent: what they are told under is not known yet.
    sending: Vec<Listening>,
    early: VecDeque<(ProgressToken, String)>,
}

impl UnderWay {
    /// A call that was being sent.
    fn take(&mut self, call: &(Text, Text)) -> Option<Listening> {
        let is_it = |one: &Listening| (&one.conversation_id, &one.tool_call_id) == (&call.0, &call.1);
        self.sending.iter().position(is_it).map(|at| self.sending.swap_remove(at))
    }
}

/// Who is told how a call goes on.
#[derive(Clone, Debug)]
struct Listening {
    conversation_id: Text,
    tool_call_id: Text,
    printed: usize,
}

impl Listening {
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

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call is about to be sent.
    pub(crate) fn send(self: &Arc<Self>, call: &ToolCall) -> Sending {
        let (conversation_id, tool_call_id) = (call.conversation_id.clone(), call.tool_call_id.clone());
        let call = (conversation_id.clone(), tool_call_id.clone());
        self.under_way().sending.push(Listening { conversation_id, tool_call_id, printed: 0 });
        Sending { calls: Arc::clone(self), call }
    }

    /// It was sent; what came for it meanwhile is printed.
    fn begin(&self, token: &ProgressToken, call: &(Text, Text)) {
        let mut under_way = self.under_way();
        let Some(mut listening) = under_way.take(call) else { return };
        under_way.early.iter().filter(|(of, _)| of == token).for_each(|(_, line)| {
            listening.print(&self.printed, line);
        });
        under_way.early.retain(|(of, _)| of != token);
        under_way.calls.insert(token.clone(), listening);
    }

    /// It is over.
    pub(crate) fn end(&self, token: &ProgressToken) {
        self.under_way().calls.remove(token);
    }

    fn progress(&self, progress: &ProgressNotificationParam) {
        let mut under_way = self.under_way();
        match under_way.calls.get_mut(&progress.progress_token) {
            Some(call) => call.print(&self.printed, &told(progress)),
            None => {
                if under_way.early.len() == EARLY {
                    under_way.early.pop_front();
                }
                under_way.early.push_back((progress.progress_token.clone(), told(progress)));
            }
        }
    }

    /// Whose call a message belongs to is not told: it is shown to all of them.
    fn logged(&self, message: &Value) {
        let line = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
        let UnderWay { calls, sending, .. } = &mut *self.under_way();
        calls.values_mut().chain(sending).for_each(|call| call.print(&self.printed, &line));
    }
}

/// A call that is being sent. Dropped, it is not any more.
pub(crate) struct Sending {
    calls: Arc<Calls>,
    call: (Text, Text),
}

impl Sending {
    /// What is told of it comes under this from now on.
    pub(crate) fn sent(self, token: &ProgressToken) {
        self.calls.begin(token, &self.call);
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.calls.under_way().take(&self.call);
    }
}

/// A transport whose notifications are heard in the order in which they come, before what comes behind them. Only what the library
/// has to know, too, gets to it.
pub(crate) struct Heard<T> {
    pub(crate) inner: T,
    pub(crate) ear: Ear,
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Heard<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            let message = self.inner.receive().await?;
            match &message {
                ServerJsonRpcMessage::Notification(said) if !self.ear.passes_on(&said.notification) => {}
                _ => return Some(message),
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}

impl Ear {
    /// Hears something, and tells whether the library has to know of it.
    fn passes_on(&self, said: &ServerNotification) -> bool {
        match said {
            ServerNotification::ProgressNotification(progress) => self.calls.progress(&progress.params),
            ServerNotification::LoggingMessageNotification(message) => {
                self.calls.logged(&message.params.data)
            }
            // Of many that nobody has looked at yet one is enough.
            ServerNotification::ToolListChangedNotification(_) => {
                return !self.lists.is_waiting.swap(true, Ordering::SeqCst);
            }
            _ => {}
        }
        false
    }
}

impl ClientHandler for Ear {
    fn get_info(&self) -> ClientConfig {
        let implementation = Implementation::new("transom", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), implementation)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.lists.changed.notify_one();
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
