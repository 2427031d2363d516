//! In which class a complaint falls.

use transom_agent::provider::FailureClass;
use transom_upstream::Complaint;

/// By the status; in the middle of a stream, where there is none, by the kind of error.
pub(crate) fn class(complaint: &Complaint, status: Option<u16>) -> FailureClass {
    let status = status.unwrap_or_else(|| status_of_kind(&complaint.kind));
    match status {
        400 => class_of_bad_request(complaint),
        401 | 403 => FailureClass::Authentication,
        402 => FailureClass::Quota,
        404 if complaint.kind == "not_found_error" && complaint.mentions(&["model"]) => {
            FailureClass::UnknownModel
        }
        408 | 504 => FailureClass::Timeout,
        413 => FailureClass::ContextLength,
        429 => FailureClass::RateLimited,
        _ if complaint.kind == "overloaded_error" => FailureClass::Overloaded,
        500.. => FailureClass::Overloaded,
        _ => FailureClass::InvalidRequest,
    }
}

fn class_of_bad_request(complaint: &Complaint) -> FailureClass {
    if complaint.mentions(&["prompt is too long", "exceed context limit"]) {
        FailureClass::ContextLength
    } else if complaint.mentions(&["credit balance"]) {
        FailureClass::Quota
    } else {
        FailureClass::InvalidRequest
    }
}

/// The status with which a kind of error comes where nothing was answered yet.
fn status_of_kind(kind: &str) -> u16 {
    match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::json;
    use transom_upstream::Failure;

    use super::*;

    fn complaint(kind: &str, message: &str) -> serde_json::Value {
        json!({"type": "error", "error": {"type": kind, "message": message}})
    }

    #[test]
    fn each_status_has_its_class_whatever_comes_with_it() {
        for (status, expected) in [
            (400, FailureClass::InvalidRequest),
            (401, FailureClass::Authentication),
            (402, FailureClass::Quota),
            (403, FailureClass::Authentication),
            (404, FailureClass::InvalidRequest),
            (408, FailureClass::Timeout),
            (413, FailureClass::ContextLength),
            (422, FailureClass::InvalidRequest),
            (429, FailureClass::RateLimited),
            (500, FailureClass::Overloaded),
            (503, FailureClass::Overloaded),
            (504, FailureClass::Timeout),
            (529, FailureClass::Overloaded),
            (302, FailureClass::InvalidRequest),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            for body in ["", "<html>no</html>"] {
                assert_eq!(Failure::of_response(status, body, None, class).class, expected, "{status}");
            }
        }
    }

    #[test]
    fn words_tell_apart_what_the_status_does_not() {
        for (status, kind, message, expected) in [
            (404, "not_found_error", "model: claude-none", FailureClass::UnknownModel),
            (404, "not_found_error", "Not found", FailureClass::InvalidRequest),
            (
                400,
                "invalid_request_error",
                "prompt is too long: 9 tokens > 8 maximum",
                FailureClass::ContextLength,
            ),
            (
                400,
                "invalid_request_error",
                "input length and `max_tokens` exceed context limit",
                FailureClass::ContextLength,
            ),
            (400, "invalid_request_error", "Your credit balance is too low", FailureClass::Quota),
            (400, "invalid_request_error", "messages: roles must alternate", FailureClass::InvalidRequest),
            (400, "overloaded_error", "Overloaded", FailureClass::InvalidRequest),
            (418, "overloaded_error", "Overloaded", FailureClass::Overloaded),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let failure = Failure::of_response(status, &complaint(kind, message).to_string(), None, class);
            assert_eq!(failure.class, expected, "{status} {kind} {message}");
        }
    }

    #[test]
    fn errors_inside_a_stream_are_classed_by_their_kind() {
        for (kind, expected) in [
            ("overloaded_error", FailureClass::Overloaded),
            ("api_error", FailureClass::Overloaded),
            ("rate_limit_error", FailureClass::RateLimited),
            ("authentication_error", FailureClass::Authentication),
            ("permission_error", FailureClass::Authentication),
            ("billing_error", FailureClass::Quota),
            ("invalid_request_error", FailureClass::InvalidRequest),
            ("request_too_large", FailureClass::ContextLength),
            ("timeout_error", FailureClass::Timeout),
            ("something_new", FailureClass::Overloaded),
        ] {
            let failure = Failure::of_frame(&complaint(kind, "x")["error"], class);
            assert_eq!((failure.class, failure.code.as_deref()), (expected, Some(kind)));
        }
    }
}
