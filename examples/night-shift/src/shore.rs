//! [`Shore`]: a model of a provider on shore, which keeps word for word what it was shown.
//!
//! It is the far end of the provider for OpenAI's wire format. To a person it answers with a call of a command, so that whoever
//! forbids commands is asked, and to what a tool has answered with a word.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What stands before the `/` in its name.
pub(crate) const PROVIDER: &str = "shore";

/// What stands behind it.
pub(crate) const MODEL: &str = "lighthouse";

/// The file that its command makes, in the folder of a turn.
pub(crate) const MARK: &str = "boarded";

/// A model that serves. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Shore {
    address: SocketAddr,
    shown: Shown,
}

/// The requests that came, as they came.
type Shown = Arc<Mutex<Vec<String>>>;

impl Shore {
    /// Begins to serve, until the program ends.
    ///
    /// # Errors
    /// When this machine has no port to give.
    pub(crate) fn open() -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let (address, shown) = (listener.local_addr()?, Shown::default());
        let listener = TcpListener::from_std(listener)?;
        let routes = Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(&shown));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { address, shown })
    }

    /// Where the provider finds it.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests that came since the last look.
    pub(crate) fn take_shown(&self) -> Vec<String> {
        std::mem::take(&mut *self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answer(State(shown): State<Shown>, request: String) -> impl IntoResponse {
    let asked: Value = serde_json::from_str(&request).unwrap_or_default();
    shown.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    let last = asked["messages"].as_array().and_then(|messages| messages.last());
    let (delta, reason) = match last.map(|message| &message["role"]) {
        Some(role) if role == "user" => {
            (command(asked["messages"].as_array().map_or(0, Vec::len)), "tool_calls")
        }
        _ => (json!({ "content": "aye" }), "stop"),
    };
    let piece = |delta: &Value, reason: Value| json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] });
    let (said, end) = (piece(&delta, Value::Null), piece(&json!({}), reason.into()));
    ([(CONTENT_TYPE, "text/event-stream")], format!("data: {said}\n\ndata: {end}\n\ndata: [DONE]\n\n"))
}

/// A call whose id nothing before it bears.
fn command(messages: usize) -> Value {
    let input = json!({ "command": format!("touch {MARK}") }).to_string();
    let call = json!({ "name": "run_shell", "arguments": input });
    json!({ "tool_calls": [{ "index": 0, "id": format!("call-{messages}"), "type": "function", "function": call }] })
}

/// Whether its command has run in a folder.
pub(crate) fn has_boarded(folder: &Path) -> bool {
    folder.join(MARK).exists()
}
