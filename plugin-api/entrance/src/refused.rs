//! [`Refused`]: an answer that is none, as a status and `{"error": message}`.

use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use transom_plugin_api::{CallError, CallErrorKind};

/// Why a request was not answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    status: StatusCode,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refused {
    /// The client gets `message` with that status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), header: None }
    }

    /// With a header that goes with the status.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// What the client gets it with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What the client is told.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.message }).to_string();
        let json = HeaderValue::from_static("application/json");
        (self.status, [(CONTENT_TYPE, json)], self.header.map(|header| [header]), body).into_response()
    }
}

/// What a client is told of a call that failed. The text of a panic is for the log: it was written for nobody.
#[must_use]
pub fn public_message(error: &CallError) -> String {
    match error.kind {
        CallErrorKind::Panicked => {
            "the plugin that answers this broke down; the server's log has more".to_owned()
        }
        _ => error.message.to_string(),
    }
}
