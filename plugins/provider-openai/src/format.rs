//! [`ChatCompletions`]: OpenAI's wire format, and that of all who speak like it.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, InvalidHeaderValue};
use serde_json::Value;
use transom_agent::provider::{FailureClass, ModelInfo, ModelRequest};
use transom_plugin_api::{Maybe, Text};
use transom_upstream::{Complaint, Listed, Page, Target, WireFormat};

use crate::answer::Chunks;
use crate::class::class;
use crate::request::{self, Dialect};

/// The format, in the dialect that the settings ask for.
#[derive(Debug, Default)]
pub(crate) struct ChatCompletions(pub(crate) Dialect);

impl WireFormat for ChatCompletions {
    type Reader = Chunks;

    const SERVICE: &'static str = "openai";
    const BASE_URL: &'static str = "https://api.openai.com/v1";
    const BASE_URL_HELP: &'static str =
        "write it like `https://api.openai.com/v1`, without `/chat/completions`";
    const REQUEST_PATH: &'static [&'static str] = &["chat", "completions"];
    const LIST_PATH: &'static [&'static str] = &["models"];

    fn headers(&self, key: Option<&str>) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))?);
        }
        Ok(headers)
    }

    fn body(&self, request: &ModelRequest, _: &Target<'_>) -> Result<Vec<u8>, serde_json::Error> {
        request::body(request, &self.0)
    }

    fn reader(&self, _: &ModelRequest, _: &Target<'_>) -> Chunks {
        Chunks
    }

    fn class(complaint: &Complaint, status: Option<u16>) -> FailureClass {
        class(complaint, status)
    }

    fn page_query(_: Option<&str>) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn page(list: &Value) -> Option<Page> {
        let models = list.get("data").unwrap_or(list).as_array()?;
        Some(Page { models: models.iter().filter_map(listed).collect(), more_after: None })
    }
}

fn listed(model: &Value) -> Option<Listed> {
    let id = model.get("id")?.as_str()?;
    Some(Listed { id: id.to_owned(), info: info(id, model), max_output_tokens: None })
}

/// What some endpoints tell, under the names that are in use.
fn info(id: &str, model: &Value) -> ModelInfo {
    let name = model.get("name").and_then(Value::as_str).filter(|name| !name.is_empty() && *name != id);
    let windows = ["context_length", "context_window", "max_model_len", "max_context_length"];
    let sees = model.pointer("/architecture/input_modalities").and_then(Value::as_array);
    ModelInfo {
        provider: Text::default(),
        display_name: Maybe::from(name.map(Text::from)),
        context_window: Maybe::from(windows.iter().find_map(|key| model.get(key)?.as_u64())),
        vision: sees.is_some_and(|kinds| kinds.iter().any(|kind| kind == "image")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(list: &str) -> Option<Vec<Listed>> {
        ChatCompletions::page(&serde_json::from_str(list).expect("JSON")).map(|page| page.models)
    }

    #[test]
    fn a_list_is_one_with_and_without_its_frame() {
        for list in
            [r#"{"data":[{"id":"b"},{"id":"a/c"}]}"#, r#"[7, {}, {"id":7}, {"id":"b"}, {"id":"a/c"}]"#]
        {
            let ids: Vec<_> = page(list).expect("a list").into_iter().map(|model| model.id).collect();
            assert_eq!(ids, ["b", "a/c"]);
        }
        assert_eq!([page("{}"), page(r#"{"data":7}"#), page("null")], [None, None, None]);
    }

    #[test]
    fn what_some_endpoints_tell_is_kept() {
        let body = r#"[{"id":"a","name":"Model A","context_length":8192,"architecture":{"input_modalities":["text","image"]}}]"#;
        let info = ModelInfo {
            provider: Text::default(),
            display_name: Maybe::Some("Model A".into()),
            context_window: Maybe::Some(8192),
            vision: true,
        };
        let expected = Listed { id: "a".into(), info, max_output_tokens: None };
        assert_eq!(page(body).expect("a list"), [expected]);
    }
}
