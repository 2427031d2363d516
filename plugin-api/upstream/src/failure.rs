//! [`Failure`]: why a provider gave no answer, and in which class that falls.

use reqwest::StatusCode;
use serde_json::Value;
use transom_agent::provider::{FailureClass, ProviderEvent};
use transom_plugin_api::{Maybe, Secret, Text};

/// Characters of what a provider wrote that are passed on.
const SHOWN: usize = 500;

/// Puts a complaint, and the status with which it came, into a class; see [`WireFormat::class`](crate::WireFormat::class).
pub(crate) type Classes = fn(&Complaint, Option<u16>) -> FailureClass;

/// What went wrong, before it is made fit for others to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The class.
    pub class: FailureClass,
    /// What the provider did, read behind its name: `answered 500 Internal Server Error`.
    pub what: String,
    /// What it wrote; of any length, and it may repeat the key.
    pub detail: String,
    /// The provider's code, or the status.
    pub code: Option<String>,
    /// How long it asked to wait.
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// One of that class; `what` is read behind the provider's name.
    pub fn new(class: FailureClass, what: impl Into<String>) -> Self {
        Self { class, what: what.into(), detail: String::new(), code: None, retry_after_ms: None }
    }

    /// The same, with what the provider wrote.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// A status other than success, and the body that came with it.
    #[must_use]
    pub fn of_response(status: StatusCode, body: &str, retry_after_ms: Option<u64>, class: Classes) -> Self {
        let complaint = Complaint::of_body(body);
        let class = class(&complaint, Some(status.as_u16()));
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
    #[must_use]
    pub fn of_frame(error: &Value, class: Classes) -> Self {
        let complaint = Complaint::of(error);
        let class = class(&complaint, None);
        let code = complaint.code.or_else(|| Some(complaint.kind).filter(|kind| !kind.is_empty()));
        Self { code, ..Self::new(class, "broke its answer off").detail(complaint.message) }
    }

    /// One sentence for people: bounded, on one line, and without the key.
    #[must_use]
    pub fn message(&self, provider: &str, key: Option<&Secret>) -> String {
        let what = format!("`{provider}` {}", self.what);
        match readable(&self.detail, key) {
            detail if detail.is_empty() => what,
            detail => format!("{what}: {detail}"),
        }
    }

    /// The event a caller gets.
    #[must_use]
    pub fn event(&self, provider: &str, key: Option<&Secret>) -> ProviderEvent {
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
pub struct Complaint {
    /// Its code.
    pub code: Option<String>,
    /// Its type; empty when it has none.
    pub kind: String,
    /// What it says to people.
    pub message: String,
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

    /// Whether the code or the kind holds one of `words`.
    #[must_use]
    pub fn says(&self, words: &[&str]) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        words.iter().any(|word| code.contains(word) || self.kind.contains(word))
    }

    /// Whether the message holds one of `phrases`, whatever the case of its letters.
    #[must_use]
    pub fn mentions(&self, phrases: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        phrases.iter().any(|phrase| message.contains(phrase))
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

    fn overloaded(_: &Complaint, _: Option<u16>) -> FailureClass {
        FailureClass::Overloaded
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
            let message =
                Failure::of_response(StatusCode::BAD_GATEWAY, body, None, overloaded).message("openai", None);
            assert_eq!(message, "`openai` answered 502 Bad Gateway: Sorry", "{body}");
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
