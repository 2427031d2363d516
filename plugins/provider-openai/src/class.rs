//! In which class a complaint falls.

use transom_agent::provider::FailureClass;
use transom_upstream::Complaint;

/// By the status, or by the words where that does not tell classes apart.
pub(crate) fn class(complaint: &Complaint, status: Option<u16>) -> FailureClass {
    let status = status.or_else(|| complaint.code.as_ref().and_then(|code| code.parse().ok()));
    special_class(complaint, status).unwrap_or_else(|| match status {
        Some(status) => class_of_status(status),
        None => class_of_words(complaint),
    })
}

/// Classes that the status does not tell apart.
fn special_class(complaint: &Complaint, status: Option<u16>) -> Option<FailureClass> {
    let is_refusal = status.is_none_or(|status| (400..500).contains(&status));
    if !is_refusal {
        return None;
    }
    if complaint.says(&["insufficient_quota", "billing_hard_limit"]) {
        return Some(FailureClass::Quota);
    }
    if matches!(status, None | Some(400 | 422)) && is_about_length(complaint) {
        return Some(FailureClass::ContextLength);
    }
    let may_be_model = matches!(status, None | Some(400 | 404));
    (may_be_model && is_about_the_model(complaint, status)).then_some(FailureClass::UnknownModel)
}

fn is_about_length(complaint: &Complaint) -> bool {
    complaint.says(&["context_length", "context_window"])
        || complaint.mentions(&["context length", "maximum context", "context window", "prompt is too long"])
}

fn is_about_the_model(complaint: &Complaint, status: Option<u16>) -> bool {
    complaint.says(&["model_not_found", "unknown_model", "model_not_available"])
        || complaint.mentions(&["not a valid model"])
        || (status == Some(404) && complaint.mentions(&["model"]))
}

fn class_of_words(complaint: &Complaint) -> FailureClass {
    if complaint.says(&["rate_limit"]) {
        FailureClass::RateLimited
    } else if complaint.says(&["authentication", "invalid_api_key", "permission"]) {
        FailureClass::Authentication
    } else if complaint.says(&["invalid_request"]) {
        FailureClass::InvalidRequest
    } else if complaint.says(&["timeout"]) {
        FailureClass::Timeout
    } else {
        FailureClass::Overloaded
    }
}

const fn class_of_status(status: u16) -> FailureClass {
    match status {
        401 | 403 => FailureClass::Authentication,
        402 => FailureClass::Quota,
        408 => FailureClass::Timeout,
        413 => FailureClass::ContextLength,
        429 => FailureClass::RateLimited,
        500.. => FailureClass::Overloaded,
        _ => FailureClass::InvalidRequest,
    }
}

#[cfg(test)]
mod tests {
    use transom_upstream::Failure;

    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, expected: FailureClass, code: &str) {
        let status = reqwest::StatusCode::from_u16(status).expect("a status");
        let failure = Failure::of_response(status, body, None, class);
        assert_eq!((failure.class, failure.code.as_deref()), (expected, Some(code)), "{status} {body}");
    }

    #[test]
    fn each_status_has_its_class() {
        for (status, expected) in [
            (400, FailureClass::InvalidRequest),
            (401, FailureClass::Authentication),
            (402, FailureClass::Quota),
            (403, FailureClass::Authentication),
            (404, FailureClass::InvalidRequest),
            (408, FailureClass::Timeout),
            (413, FailureClass::ContextLength),
            (418, FailureClass::InvalidRequest),
            (422, FailureClass::InvalidRequest),
            (429, FailureClass::RateLimited),
            (500, FailureClass::Overloaded),
            (503, FailureClass::Overloaded),
            (529, FailureClass::Overloaded),
            (302, FailureClass::InvalidRequest),
        ] {
            check(status, "", expected.clone(), &status.to_string());
            check(status, "<html>no</html>", expected, &status.to_string());
        }
    }

    #[test]
    fn a_code_tells_apart_what_the_status_does_not() {
        let quota =
            r#"{"error":{"message":"spent","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        check(429, quota, FailureClass::Quota, "insufficient_quota");
        let length = r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#;
        check(400, length, FailureClass::ContextLength, "context_length_exceeded");
        let length = r#"{"error":{"message":"This model's maximum context length is 8192 tokens"}}"#;
        check(400, length, FailureClass::ContextLength, "400");
        let model = r#"{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}"#;
        check(404, model, FailureClass::UnknownModel, "model_not_found");
        check(404, r#"{"error":"model \"x\" not found"}"#, FailureClass::UnknownModel, "404");
        check(404, r#"{"detail":"Not Found"}"#, FailureClass::InvalidRequest, "404");
        check(
            400,
            r#"{"error":{"message":"x is not a valid model ID","code":400}}"#,
            FailureClass::UnknownModel,
            "400",
        );
        check(500, r#"{"error":{"type":"invalid_request_error"}}"#, FailureClass::Overloaded, "500");
    }

    #[test]
    fn errors_inside_a_stream_are_classed_by_their_words() {
        for (error, expected) in [
            (r#"{"code":502,"message":"x"}"#, FailureClass::Overloaded),
            (r#"{"code":"429","message":"x"}"#, FailureClass::RateLimited),
            (r#"{"type":"rate_limit_error"}"#, FailureClass::RateLimited),
            (r#"{"type":"authentication_error"}"#, FailureClass::Authentication),
            (r#"{"code":"context_length_exceeded"}"#, FailureClass::ContextLength),
            (r#"{"type":"invalid_request_error"}"#, FailureClass::InvalidRequest),
            (r#"{"type":"server_error"}"#, FailureClass::Overloaded),
            (r#""something""#, FailureClass::Overloaded),
        ] {
            let error = serde_json::from_str(error).expect("JSON");
            assert_eq!(Failure::of_frame(&error, class).class, expected, "{error}");
        }
    }
}
