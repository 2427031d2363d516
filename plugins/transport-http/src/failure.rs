//! [`Failure`]: an answer that is none, as a status and `{"error": message}`.

use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use transom_plugin_api::{CallError, CallErrorKind};

/// Why a request was not answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Failure {
    /// The client gets `message` with that status.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), header: None }
    }

    /// With a header that goes with the status.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// What became of a call to `route`. What the client cannot have caused is logged.
    pub(crate) fn of_call(route: &str, error: &CallError) -> Self {
        let status = status_of(error.kind);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!("route `{route}` failed: {error}");
        }
        Self::new(status, public_message(error))
    }

    /// A plugin answered against the contract. It is named in the log, not to the client.
    pub(crate) fn of_contract(route: &str, plugin: &str, breach: &str) -> Self {
        tracing::error!("route `{route}` of `{plugin}` {breach}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the answer could not be sent; the server's log has more",
        )
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.message }).to_string();
        let json = HeaderValue::from_static("application/json");
        (self.status, [(CONTENT_TYPE, json)], self.header.map(|header| [header]), body).into_response()
    }
}

/// The status that a failed call suggests.
fn status_of(kind: CallErrorKind) -> StatusCode {
    match kind {
        CallErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        CallErrorKind::NotFound => StatusCode::NOT_FOUND,
        CallErrorKind::Conflict => StatusCode::CONFLICT,
        CallErrorKind::Refused | CallErrorKind::Denied => StatusCode::FORBIDDEN,
        CallErrorKind::Unavailable | CallErrorKind::NoProvider | CallErrorKind::Retired => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        CallErrorKind::Deadline => StatusCode::GATEWAY_TIMEOUT,
        CallErrorKind::Failed | CallErrorKind::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What a client is told. The text of a panic is for the log: it was written for nobody.
pub(crate) fn public_message(error: &CallError) -> String {
    match error.kind {
        CallErrorKind::Panicked => {
            "the plugin that answers this broke down; the server's log has more".to_owned()
        }
        _ => error.message.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_status() {
        let table = [
            (CallErrorKind::InvalidInput, 400),
            (CallErrorKind::NotFound, 404),
            (CallErrorKind::Conflict, 409),
            (CallErrorKind::Refused, 403),
            (CallErrorKind::Denied, 403),
            (CallErrorKind::Unavailable, 503),
            (CallErrorKind::NoProvider, 503),
            (CallErrorKind::Retired, 503),
            (CallErrorKind::Deadline, 504),
            (CallErrorKind::Failed, 500),
            (CallErrorKind::Panicked, 500),
        ];
        for (kind, status) in table {
            let failure = Failure::of_call("GET /x", &CallError::new(kind, "it is so").at("some"));
            assert_eq!(failure.status().as_u16(), status, "{kind:?}");
        }
    }

    #[test]
    fn the_message_goes_out_but_not_whose_it_is() {
        let error = CallError::conflict("conversation `7` is busy").at("orchestrator");
        assert_eq!(Failure::of_call("POST /chat", &error).message(), "conversation `7` is busy");
    }

    #[test]
    fn a_panic_stays_in_the_log() {
        let error =
            CallError::new(CallErrorKind::Panicked, "panicked: index out of bounds (at src/secret.rs:7)");
        assert!(!Failure::of_call("GET /x", &error).message().contains("secret.rs"));
    }
}
