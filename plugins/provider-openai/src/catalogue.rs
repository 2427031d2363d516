//! Which models an endpoint has.

use serde_json::Value;
use transom_agent::provider::{FailureClass, ModelInfo};
use transom_plugin_api::{Maybe, Text};

use crate::endpoint::Endpoint;
use crate::failure::Failure;

/// Bytes that a list may hold.
const LIST_BYTES: usize = 16 * 1024 * 1024;
/// Models that are taken from a list.
const MAX_MODELS: usize = 2_000;
/// Bytes that a model's id may hold.
const MAX_ID_BYTES: usize = 256;

/// A model of an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    /// Its name behind the provider's.
    pub(crate) id: String,
    /// What is known about it.
    pub(crate) info: ModelInfo,
}

/// Asks the endpoint for its models.
pub(crate) async fn fetch(endpoint: &Endpoint) -> Result<Vec<Listed>, Failure> {
    let response = endpoint.get(&["models"]).await?;
    let (body, failure) = endpoint.read(response, LIST_BYTES).await;
    match failure {
        None => read(endpoint.name(), &body),
        Some(failure) => Err(failure),
    }
}

/// Milliseconds to wait behind failed attempt number `attempt`, counted from 0: from 2 s, doubled up to 10 min.
pub(crate) fn backoff_ms(attempt: u32) -> u64 {
    (2_000u64 << attempt.min(16)).min(600_000)
}

/// Whether asking again may help; not when nobody here knows what the class means.
pub(crate) fn may_pass(class: &FailureClass) -> bool {
    matches!(
        class,
        FailureClass::Network | FailureClass::Timeout | FailureClass::RateLimited | FailureClass::Overloaded
    )
}

fn read(provider: &str, body: &[u8]) -> Result<Vec<Listed>, Failure> {
    let malformed = || {
        Failure::new(FailureClass::Protocol, "sent a list of models that is none")
            .detail(String::from_utf8_lossy(body).into_owned())
    };
    let value: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
    let models = value.get("data").unwrap_or(&value).as_array().ok_or_else(malformed)?;
    let mut listed: Vec<_> = models.iter().filter_map(|model| model_of(provider, model)).collect();
    listed.sort_by(|one, other| one.id.cmp(&other.id));
    listed.dedup_by(|one, other| one.id == other.id);
    listed.truncate(MAX_MODELS);
    Ok(listed)
}

fn model_of(provider: &str, model: &Value) -> Option<Listed> {
    let id = model.get("id")?.as_str()?;
    if id.is_empty() || id.len() > MAX_ID_BYTES || id.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    Some(Listed { id: id.to_owned(), info: info(provider, id, model) })
}

fn info(provider: &str, id: &str, model: &Value) -> ModelInfo {
    let name = model.get("name").and_then(Value::as_str).filter(|name| !name.is_empty() && *name != id);
    let windows = ["context_length", "context_window", "max_model_len", "max_context_length"];
    let sees = model.pointer("/architecture/input_modalities").and_then(Value::as_array);
    ModelInfo {
        provider: provider.into(),
        display_name: Maybe::from(name.map(Text::from)),
        context_window: Maybe::from(windows.iter().find_map(|key| model.get(key)?.as_u64())),
        vision: sees.is_some_and(|kinds| kinds.iter().any(|kind| kind == "image")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::loopback::{Server, response};

    fn ids(body: &str) -> Vec<String> {
        let listed = read("o", body.as_bytes()).expect("a list");
        listed.into_iter().map(|model| model.id).collect()
    }

    #[test]
    fn ids_are_sorted_and_unique() {
        assert_eq!(ids(r#"{"data":[{"id":"b"},{"id":"a/c"},{"id":"b"}]}"#), ["a/c", "b"]);
        assert_eq!(ids(r#"[{"id":"b"}]"#), ["b"]);
        assert!(ids(r#"{"data":[]}"#).is_empty());
    }

    #[test]
    fn what_is_no_model_is_left_out() {
        let long = "x".repeat(MAX_ID_BYTES + 1);
        assert_eq!(
            ids(&format!(
                r#"[7, {{}}, {{"id":7}}, {{"id":""}}, {{"id":"a b"}}, {{"id":"{long}"}}, {{"id":"ok"}}]"#
            )),
            ["ok"]
        );
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_text() {
        for body in ["", "<html>", "{}", r#"{"data":7}"#] {
            let failure = read("o", body.as_bytes()).expect_err("refused");
            assert_eq!((failure.class, failure.detail.as_str()), (FailureClass::Protocol, body));
        }
    }

    #[test]
    fn what_some_endpoints_tell_is_kept() {
        let body = r#"[{"id":"a","name":"Model A","context_length":8192,"architecture":{"input_modalities":["text","image"]}}]"#;
        let info = ModelInfo {
            provider: "o".into(),
            display_name: Maybe::Some("Model A".into()),
            context_window: Maybe::Some(8192),
            vision: true,
        };
        assert_eq!(read("o", body.as_bytes()).expect("a list"), [Listed { id: "a".into(), info }]);
    }

    #[test]
    fn waits_double_up_to_ten_minutes() {
        assert_eq!(
            [0, 1, 2, 8, 9, 4_000_000_000].map(backoff_ms),
            [2_000, 4_000, 8_000, 512_000, 600_000, 600_000]
        );
    }

    #[test]
    fn a_class_of_a_later_revision_is_not_tried_again() {
        let class = |word: &str| serde_json::from_value(Value::from(word)).expect("a class may be unknown");
        assert!(may_pass(&class("overloaded")) && !may_pass(&class("moonstruck")));
    }

    #[tokio::test]
    async fn the_list_is_asked_for_with_the_key() {
        let server = Server::start([response("200 OK", "", r#"{"data":[{"id":"a"}]}"#)]).await;
        let listed = fetch(&Arc::new(server.endpoint())).await.expect("a list");
        assert_eq!(listed.len(), 1);
        let [exchange] = &server.exchanges().await[..] else { panic!("one request") };
        assert!(exchange.head.starts_with("GET /v1/models HTTP/1.1\r\n"), "{}", exchange.head);
        assert!(exchange.head.contains("authorization: Bearer sk-loopback\r\n"), "{}", exchange.head);
    }

    #[tokio::test]
    async fn a_refused_list_says_why() {
        let server = Server::start([response(
            "401 Unauthorized",
            "",
            r#"{"error":{"message":"bad key sk-loopback"}}"#,
        )])
        .await;
        let endpoint = server.endpoint();
        let failure = fetch(&endpoint).await.expect_err("refused");
        assert!(!may_pass(&failure.class));
        assert_eq!(endpoint.message(&failure), "`openai` answered 401 Unauthorized: bad key (the key)");
    }
}
