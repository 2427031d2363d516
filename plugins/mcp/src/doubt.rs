//! What becomes of a server that has not answered a call in time: it is asked whether it is there at all, and started anew where it does
//! not answer that either. One that does may have a tool that hangs, and others that do not.

use std::time::Duration;

use rmcp::model::{ClientRequest, PingRequest};
use rmcp::service::ServiceError;
use transom_plugin_api::sabotage::sabotaged;

use crate::connection::{Connection, Line};

/// How long the answer to a ping may take.
pub(crate) const TO_PING: Duration = Duration::from_secs(10);

/// Calls of a server that were not answered, since it answered one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    /// The tool that was called first.
    pub(crate) tool: String,
    /// When that was, in milliseconds since the epoch.
    pub(crate) since: i64,
    pub(crate) calls: u32,
    /// Whether it has answered a ping since the last of them.
    pub(crate) is_there: bool,
}

impl Connection {
    /// It has answered a call.
    pub(crate) fn was_answered(&self) {
        self.lock().unanswered = None;
    }

    /// It has not answered a call in time that was made then.
    pub(crate) fn was_not_answered(&self, line: &Line, tool: &str, asked_at: i64) {
        {
            let mut state = self.lock();
            let first = Unanswered { tool: tool.to_owned(), since: asked_at, calls: 0, is_there: false };
            let unanswered = state.unanswered.get_or_insert(first);
            unanswered.calls = unanswered.calls.saturating_add(1);
            unanswered.is_there = false;
        }
        line.is_doubted();
    }

    /// Whether it answers a ping, be it with a refusal. A connection that is closed is told by itself.
    pub(crate) async fn answers_a_ping(&self, line: &Line) -> bool {
        let ping = ClientRequest::PingRequest(PingRequest::default());
        let answered = self.host().within(TO_PING, line.peer.send_request(ping)).await;
        let is_there = matches!(answered, Some(Ok(_) | Err(ServiceError::McpError(_))));
        if let Some(unanswered) = &mut self.lock().unanswered {
            unanswered.is_there = is_there;
        }
        answered.is_some() || sabotaged("wait-for-silent-servers")
    }
}
