//! [`Messages`]: the wire format of the Messages API.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use serde_json::Value;
use transom_agent::provider::{FailureClass, ModelInfo, ModelRequest};
use transom_plugin_api::{Maybe, StartError, Text};
use transom_upstream::{Complaint, Listed, Page, Target, WireFormat};

use crate::class::class;
use crate::events::Events;
use crate::request::{self, Dialect};

/// Models on a page of the list.
const PAGE: &str = "1000";

/// The format, as the settings ask for it.
#[derive(Debug)]
pub(crate) struct Messages {
    dialect: Dialect,
    beta: Option<HeaderValue>,
}

impl Messages {
    /// With these unfinished features.
    pub(crate) fn new(dialect: Dialect, beta: &[String]) -> Result<Self, StartError> {
        let names = beta.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        let names = names.collect::<Vec<_>>().join(",");
        let beta = HeaderValue::from_str(&names).map_err(|_| {
            StartError::new("setting `beta` holds a character that no name has, such as a line break")
        })?;
        Ok(Self { dialect, beta: Some(beta).filter(|_| !names.is_empty()) })
    }
}

impl WireFormat for Messages {
    type Reader = Events;

    const SERVICE: &'static str = "anthropic";
    const BASE_URL: &'static str = "https://api.anthropic.com";
    const BASE_URL_HELP: &'static str = "write it like `https://api.anthropic.com`, without `/v1/messages`";
    const REQUEST_PATH: &'static [&'static str] = &["v1", "messages"];
    const LIST_PATH: &'static [&'static str] = &["v1", "models"];

    fn headers(&self, key: Option<&str>) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
        if let Some(key) = key {
            headers.insert(HeaderName::from_static("x-api-key"), HeaderValue::from_str(key)?);
        }
        if let Some(beta) = &self.beta {
            headers.insert(HeaderName::from_static("anthropic-beta"), beta.clone());
        }
        Ok(headers)
    }

    fn body(&self, request: &ModelRequest, target: &Target<'_>) -> Result<Vec<u8>, serde_json::Error> {
        request::body(request, &self.dialect, target)
    }

    fn reader(&self, request: &ModelRequest, target: &Target<'_>) -> Events {
        Events::of(target.provider, request::is_for_the_cache(request))
    }

    fn class(complaint: &Complaint, status: Option<u16>) -> FailureClass {
        class(complaint, status)
    }

    fn page_query(after: Option<&str>) -> Vec<(&'static str, String)> {
        let after = after.map(|id| ("after_id", id.to_owned()));
        [("limit", PAGE.to_owned())].into_iter().chain(after).collect()
    }

    fn page(list: &Value) -> Option<Page> {
        let models = list.get("data")?.as_array()?.iter().filter_map(listed).collect();
        let has_more = list.get("has_more").and_then(Value::as_bool).unwrap_or(false);
        let last = list.get("last_id").and_then(Value::as_str).filter(|_| has_more);
        Some(Page { models, more_after: last.map(str::to_owned) })
    }
}

fn listed(model: &Value) -> Option<Listed> {
    let id = model.get("id")?.as_str()?;
    let name = model.get("display_name").and_then(Value::as_str);
    let number = |key: &str| model.get(key).and_then(Value::as_u64).filter(|number| *number > 0);
    let sees = model.pointer("/capabilities/image_input/supported").and_then(Value::as_bool);
    let info = ModelInfo {
        provider: Text::default(),
        display_name: Maybe::from(name.filter(|name| !name.is_empty() && *name != id).map(Text::from)),
        context_window: Maybe::from(number("max_input_tokens")),
        vision: sees.unwrap_or(false),
    };
    Some(Listed { id: id.to_owned(), info, max_output_tokens: number("max_tokens") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn format(beta: &[&str]) -> Result<Messages, StartError> {
        Messages::new(Dialect::default(), &beta.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_request_says_its_version_its_key_and_what_it_asks_for_besides() {
        let headers = format(&["a-1", " b-2 ", ""]).expect("good").headers(Some("k")).expect("good");
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(text("anthropic-version"), Some("2023-06-01"));
        assert_eq!(text("x-api-key"), Some("k"));
        assert_eq!(text("anthropic-beta"), Some("a-1,b-2"));
        let headers = format(&[]).expect("good").headers(None).expect("good");
        assert_eq!(headers.len(), 1, "{headers:?}");
        assert!(format(&["a\nb"]).is_err());
    }

    #[test]
    fn a_page_says_whether_there_are_more() {
        let page = |list| Messages::page(&list).map(|page| (page.models.len(), page.more_after));
        let one = json!([{"id": "a"}, {"id": 7}, {}, 7]);
        assert_eq!(page(json!({"data": one, "has_more": true, "last_id": "a"})), Some((1, Some("a".into()))));
        assert_eq!(page(json!({"data": one, "has_more": false, "last_id": "a"})), Some((1, None)));
        assert_eq!([page(json!({})), page(json!([])), page(json!({"data": 7}))], [None, None, None]);
        assert_eq!(Messages::page_query(None), [("limit", "1000".to_owned())]);
        assert_eq!(Messages::page_query(Some("a"))[1], ("after_id", "a".to_owned()));
    }

    #[test]
    fn what_the_service_tells_of_a_model_is_kept() {
        let model = json!({
            "type": "model", "id": "m-1", "display_name": "Model One", "max_input_tokens": 200_000,
            "max_tokens": 64_000, "capabilities": {"image_input": {"supported": true}},
        });
        let info = ModelInfo {
            provider: Text::default(),
            display_name: Maybe::Some("Model One".into()),
            context_window: Maybe::Some(200_000),
            vision: true,
        };
        let expected = Listed { id: "m-1".into(), info, max_output_tokens: Some(64_000) };
        assert_eq!(listed(&model), Some(expected));
    }
}
