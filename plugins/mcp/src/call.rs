//! A call of a tool, from its input to what a model is told.

use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CancelledNotification, CancelledNotificationParam, ClientRequest,
    JsonObject, ProgressToken, RequestId, ServerResult,
};
use rmcp::service::{Peer, PeerRequestOptions, RequestHandle, ServiceError};
use serde_json::Value;
use transom_agent::tool::{ToolCall, ToolOutput};
use transom_plugin_api::Host;
use transom_plugin_api::sabotage::sabotaged;

use crate::answer;
use crate::connection::{Connection, Line, Phase};
use crate::ear::Calls;
use crate::session::{chain, short};

/// How long it may take to tell a server that nobody waits for an answer any more.
const TO_CANCEL: Duration = Duration::from_secs(5);

impl Connection {
    /// Calls a tool. Dropped, the server is told that nobody waits for the answer.
    pub(crate) async fn call(&self, tool: &str, call: &ToolCall) -> ToolOutput {
        let limit = self.definition.terms.call;
        let asked_at = self.host().now_ms();
        let mut asked = None;
        let answered = self.host().within(limit, self.ask(tool, call, &mut asked)).await;
        if let (None, Some(line)) = (&answered, &asked) {
            self.was_not_answered(line, tool, asked_at);
        }
        match answered {
            Some(Ok(output)) => output,
            Some(Err(problem)) => ToolOutput::error(format!("the server `{}` {problem}", self.name())),
            None => ToolOutput::error(format!(
                "the server `{}` did not answer within {} s",
                self.name(),
                limit.as_secs()
            )),
        }
    }

    /// Asks a server, which is put into `asked` as soon as the request is on its way.
    async fn ask(&self, tool: &str, call: &ToolCall, asked: &mut Option<Line>) -> Result<ToolOutput, String> {
        let arguments = match call.input.value() {
            Value::Object(arguments) => arguments,
            Value::Null => JsonObject::new(),
            _ => return Err("was not asked: the input of its tools is an object".to_owned()),
        };
        let line = self.line().await?;
        let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(request));
        let sent = self.send(&line.peer, request, call).await;
        let sent = sent.map_err(|error| self.problem(&line, &error))?;
        *asked = Some(line.clone());
        let request = Some((line.peer.clone(), sent.id.clone()));
        let (host, calls, token) =
            (self.host().clone(), Arc::clone(&self.calls), sent.progress_token.clone());
        let mut waiting = Waiting { host, calls, token, request };
        let answer = sent.await_response().await;
        waiting.request = None;
        if matches!(answer, Ok(_) | Err(ServiceError::McpError(_))) {
            self.was_answered();
        }
        match answer.map_err(|error| self.problem(&line, &error))? {
            ServerResult::CallToolResult(result) => Ok(answer::output(&result)),
            ServerResult::EmptyResult(_) => Ok(ToolOutput::ok("")),
            _ => Err("answered something that is no answer of a tool".to_owned()),
        }
    }

    /// Who is asked, as soon as the server is ready.
    async fn line(&self) -> Result<Line, String> {
        self.past(|phase| matches!(phase, Phase::Connecting { .. })).await;
        let state = self.state();
        match (state.line, state.error) {
            (Some(line), _) => Ok(line),
            (None, Some(error)) => Err(format!("is not there: {error}; it is tried again soon")),
            (None, None) => Err("is not there any more".to_owned()),
        }
    }

    async fn send(
        &self,
        peer: &Peer<RoleClient>,
        request: ClientRequest,
        call: &ToolCall,
    ) -> Result<RequestHandle<RoleClient>, ServiceError> {
        let sending = self.calls.send(call);
        let sent = peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await?;
        sending.sent(&sent.progress_token);
        Ok(sent)
    }

    /// What went wrong, for a model. Where nothing gets through any more the server is started anew.
    fn problem(&self, line: &Line, error: &ServiceError) -> String {
        let shown = |text: &str| short(&self.definition.without_secrets(text));
        match error {
            ServiceError::McpError(error) => format!("refused: {}", shown(&error.message)),
            ServiceError::TransportClosed => {
                line.is_broken();
                "went away in the middle of the call".to_owned()
            }
            ServiceError::TransportSend(error) => {
                line.is_broken();
                format!("could not be reached: {}", shown(&chain(error.error.as_ref())))
            }
            error => format!("could not be asked: {}", shown(&chain(error))),
        }
    }
}

/// A request that waits for its answer. Dropped before, it is cancelled.
struct Waiting {
    host: Host,
    calls: Arc<Calls>,
    token: ProgressToken,
    request: Option<(Peer<RoleClient>, RequestId)>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.calls.end(&self.token);
        let Some((peer, id)) = self.request.take().filter(|_| !sabotaged("let-servers-go-on")) else {
            return;
        };
        let host = self.host.clone();
        drop(self.host.spawn(async move {
            let reason = Some("nobody waits for the answer any more".to_owned());
            let cancelled = CancelledNotification::new(CancelledNotificationParam::new(Some(id), reason));
            host.within(TO_CANCEL, peer.send_notification(cancelled.into())).await;
        }));
    }
}
