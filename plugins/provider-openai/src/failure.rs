//! [`Failure`]: why a provider gave no answer, and in which class that falls.

use reqwest::StatusCode;
use serde_json::Value;
use transom_agent::provider::{FailureClass, ProviderEvent};
use transom_plugin_api::{Maybe, Secret, Text};

/// Characters of what a provider wrote that are passed on.
const SHOWN: usize = 500;

/// What went wrong, before it is made fit for others to read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) class: FailureClass,
    /// What the provider did, read behind its name: `answered 500 Internal Server Error`.
    pub(crate) what: String,
    /// What it wrote; of any length, and it may repeat the key.
    pub(crate) detail: String,
    /// The provider's code, or the status.
    pub(crate) code: Option<String>,
    /// How long it asked to wait.
    pub(crate) retry_after_ms: Option<u64>,
}

impl Failure {
    pub(crate) fn new(class: FailureClass, what: impl Into<String>) -> Self {
        Self { class, what: what.into(), detail: String::new(), code: None, retry_after_ms: None }
    }

    /// The same, with what the provider wrote.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// A status other than success, and the body that came with it.
    pub(crate) fn of_response(status: StatusCode, body: &str, retry_after_ms: Option<u64>) -> Self {
        let complaint = Complaint::of_body(body);
        let class = complaint.class(Some(status.as_u16()));
        let reason = status.canonical_reason().unwrap_or_default();
        Self {
            class,
            what: format!("answered {} {reason}", status.as_str()).trim_end().to_owned(),
            code: complaint.code.or_else(|| Some(status.as_str().to_owned())),
            detail: complaint.message,
            retry_after_ms,
        }
    }

    /// An error object in the middle of a stream.
    pub(crate) fn of_frame(error: &Value) -> Self {
        let complaint = Complaint::of(error);
        let class = complaint.class(None);
        Self { code: complaint.code, ..Self::new(class, "broke its answer off").detail(complaint.message) }
    }

    /// One sentence for people: bounded, on one line, and without the key.
    pub(crate) fn message(&self, provider: &str, key: Option<&Secret>) -> String {
        let what = format!("`{provider}` {}", self.what);
        match readable(&self.detail, key) {
            detail if detail.is_empty() => what,
            detail => format!("{what}: {detail}"),
        }
    }

    /// The event a caller gets.
    pub(crate) fn event(&self, provider: &str, key: Option<&Secret>) -> ProviderEvent {
        ProviderEvent::Error {
            message: self.message(provider, key).into(),
            class: self.class.clone(),
            code: Maybe::from(self.code.as_ref().map(|code| Text::from(readable(code, key)))),
            retry_after_ms: Maybe::from(self.retry_after_ms),
        }
    }
}

/// The key is taken out before the text is cut, else a part of it might stay.
fn readable(text: &str, key: Option<&Secret>) -> String {
    let without_key = match key {
        Some(key) if !key.expose().is_empty() => text.replace(key.expose(), "(the key)"),
        _ => text.to_owned(),
    };
    let line = without_key.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.strip_suffix('.').unwrap_or(&line);
    let shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < line.len() { shown + "…" } else { shown }
}

/// What a provider says about an error, in any of the forms in use.
#[derive(Debug, Default)]
struct Complaint {
    code: Option<String>,
    kind: String,
    message: String,
}

impl Complaint {
    fn of_body(body: &str) -> Self {
        let Ok(value) = serde_json::from_str::<Value>(body) else {
            return Self { message: body.to_owned(), ..Self::default() };
        };
        let value = value.get(0).unwrap_or(&value);
        let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
        let complaint = Self::of(error);
        if complaint.message.is_empty() { Self { message: body.to_owned(), ..complaint } } else { complaint }
    }

    fn of(error: &Value) -> Self {
        let word = |key: &str| error.get(key).and_then(plain);
        Self {
            code: word("code"),
            kind: word("type").unwrap_or_default(),
            message: plain(error).or_else(|| word("message")).or_else(|| word("detail")).unwrap_or_default(),
        }
    }

    fn class(&self, status: Option<u16>) -> FailureClass {
        let status = status.or_else(|| self.code.as_ref().and_then(|code| code.parse().ok()));
        self.special_class(status).unwrap_or_else(|| match status {
            Some(status) => class_of_status(status),
            None => self.class_of_words(),
        })
    }

    /// Classes that the status does not tell apart.
    fn special_class(&self, status: Option<u16>) -> Option<FailureClass> {
        let is_refusal = status.is_none_or(|status| (400..500).contains(&status));
        if !is_refusal {
            return None;
        }
        if self.says(&["insufficient_quota", "billing_hard_limit"]) {
            return Some(FailureClass::Quota);
        }
        if matches!(status, None | Some(400 | 422)) && self.is_about_length() {
            return Some(FailureClass::ContextLength);
        }
        let may_be_model = matches!(status, None | Some(400 | 404));
        (may_be_model && self.is_about_the_model(status)).then_some(FailureClass::UnknownModel)
    }

    fn is_about_length(&self) -> bool {
        let message = self.message.to_lowercase();
        self.says(&["context_length", "context_window"])
            || ["context length", "maximum context", "context window", "prompt is too long"]
                .iter()
                .any(|words| message.contains(words))
    }

    fn is_about_the_model(&self, status: Option<u16>) -> bool {
        let message = self.message.to_lowercase();
        self.says(&["model_not_found", "unknown_model", "model_not_available"])
            || message.contains("not a valid model")
            || (status == Some(404) && message.contains("model"))
    }

    fn class_of_words(&self) -> FailureClass {
        if self.says(&["rate_limit"]) {
            FailureClass::RateLimited
        } else if self.says(&["authentication", "invalid_api_key", "permission"]) {
            FailureClass::Authentication
        } else if self.says(&["invalid_request"]) {
            FailureClass::InvalidRequest
        } else if self.says(&["timeout"]) {
            FailureClass::Timeout
        } else {
            FailureClass::Overloaded
        }
    }

    fn says(&self, words: &[&str]) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        words.iter().any(|word| code.contains(word) || self.kind.contains(word))
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

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, class: FailureClass, code: &str) {
        let status = StatusCode::from_u16(status).expect("a status");
        let failure = Failure::of_response(status, body, None);
        assert_eq!((failure.class, failure.code.as_deref()), (class, Some(code)), "{status} {body}");
    }

    #[test]
    fn each_status_has_its_class() {
        for (status, class) in [
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
            check(status, "", class.clone(), &status.to_string());
            check(status, "<html>no</html>", class, &status.to_string());
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
    fn the_provider_s_message_is_found_in_every_form_in_use() {
        for body in [
            r#"{"error":{"message":"Sorry."}}"#,
            r#"[{"error":{"message":"Sorry."}}]"#,
            r#"{"error":"Sorry."}"#,
            r#"{"message":"Sorry."}"#,
            r#"{"error":null,"detail":"Sorry."}"#,
            "Sorry.\n",
        ] {
            let message = Failure::of_response(StatusCode::BAD_GATEWAY, body, None).message("openai", None);
            assert_eq!(message, "`openai` answered 502 Bad Gateway: Sorry", "{body}");
        }
    }

    #[test]
    fn errors_inside_a_stream_are_classed_by_their_words() {
        for (error, class) in [
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
            assert_eq!(Failure::of_frame(&error).class, class, "{error}");
        }
    }

    #[test]
    fn no_message_holds_the_key() {
        let key = Secret::new("sk-very-secret");
        let body = format!("{}wrong key sk-very-secret", "x".repeat(SHOWN - 15));
        let failure = Failure {
            code: Some("sk-very-secret".into()),
            ..Failure::new(FailureClass::Quota, "a").detail(body)
        };
        let shown = format!("{:?}", failure.event("openai", Some(&key)));
        assert!(!shown.contains("sk-"), "{shown}");
        assert!(shown.contains("(the"), "{shown}");
    }

    #[test]
    fn a_long_message_is_cut() {
        let failure = Failure::new(FailureClass::Protocol, "wrote").detail("ä".repeat(5_000));
        assert_eq!(failure.message("o", None).chars().count(), "`o` wrote: …".chars().count() + SHOWN);
    }
}
