//! What a client gets when a route failed.

use axum::http::StatusCode;
use transom_entrance::{Refused, public_message};
use transom_plugin_api::{CallError, CallErrorKind};

/// What became of a call to `route`. What the client cannot have caused is logged.
pub(crate) fn of_call(route: &str, error: &CallError) -> Refused {
    let status = status_of(error.kind);
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!("route `{route}` failed: {error}");
    }
    Refused::new(status, public_message(error))
}

/// A plugin answered against the contract. It is named in the log, not to the client.
pub(crate) fn of_contract(route: &str, plugin: &str, breach: &str) -> Refused {
    tracing::error!("route `{route}` of `{plugin}` {breach}");
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be sent; the server's log has more")
}

/// The status that a failed call suggests.
pub(crate) fn status_of(kind: CallErrorKind) -> StatusCode {
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

/// Every way in which a call can fail.
#[cfg(test)]
pub(crate) const EVERY_KIND: [CallErrorKind; 11] = [
    CallErrorKind::InvalidInput,
    CallErrorKind::NotFound,
    CallErrorKind::Conflict,
    CallErrorKind::Refused,
    CallErrorKind::Denied,
    CallErrorKind::Unavailable,
    CallErrorKind::NoProvider,
    CallErrorKind::Retired,
    CallErrorKind::Deadline,
    CallErrorKind::Failed,
    CallErrorKind::Panicked,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_status() {
        let statuses = [400, 404, 409, 403, 403, 503, 503, 503, 504, 500, 500];
        for (kind, status) in EVERY_KIND.into_iter().zip(statuses) {
            let failure = of_call("GET /x", &CallError::new(kind, "it is so").at("some"));
            assert_eq!(failure.status().as_u16(), status, "{kind:?}");
        }
    }

    #[test]
    fn the_message_goes_out_but_not_whose_it_is() {
        let error = CallError::conflict("conversation `7` is busy").at("orchestrator");
        assert_eq!(of_call("POST /chat", &error).message(), "conversation `7` is busy");
    }

    #[test]
    fn a_panic_stays_in_the_log() {
        let error =
            CallError::new(CallErrorKind::Panicked, "panicked: index out of bounds (at src/secret.rs:7)");
        assert!(!of_call("GET /x", &error).message().contains("secret.rs"));
    }
}
