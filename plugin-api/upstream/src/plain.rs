//! [`Plain`]: the simplest wire format there can be, for the tests of what all formats share.

use reqwest::header::{HeaderMap, HeaderValue, InvalidHeaderValue};
use serde_json::{Value, json};
use transom_agent::provider::{FailureClass, FinishReason, ModelInfo, ModelRequest, Usage};

use crate::answer::Told;
use crate::calls::Fragment;
use crate::catalogue::{Listed, Page};
use crate::failure::{Complaint, Failure};
use crate::format::{Reader, Target, WireFormat};
use crate::sse::Frame;

/// Frames are `{"say": …}`, `{"call": …, "input": …}`, `{"used": [in, out]}`, `{"error": …}`, `{"stop": true}`, `end`.
#[derive(Debug)]
pub(crate) struct Plain;

/// Reads them.
#[derive(Debug)]
pub(crate) struct PlainReader;

impl WireFormat for Plain {
    type Reader = PlainReader;

    const SERVICE: &'static str = "plain-service";
    const BASE_URL: &'static str = "https://plain.example/";
    const BASE_URL_HELP: &'static str = "write it like `https://plain.example`";
    const REQUEST_PATH: &'static [&'static str] = &["ask"];
    const LIST_PATH: &'static [&'static str] = &["list"];

    fn headers(&self, key: Option<&str>) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert("x-plain-key", HeaderValue::from_str(key)?);
        }
        Ok(headers)
    }

    fn body(&self, request: &ModelRequest, _: &Target<'_>) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&json!({"model": request.model}))
    }

    fn reader(&self, _: &ModelRequest, _: &Target<'_>) -> PlainReader {
        PlainReader
    }

    fn class(complaint: &Complaint, status: Option<u16>) -> FailureClass {
        match status {
            Some(429) => FailureClass::RateLimited,
            Some(500..) => FailureClass::Overloaded,
            None if complaint.says(&["busy"]) => FailureClass::Overloaded,
            _ => FailureClass::InvalidRequest,
        }
    }

    fn page_query(after: Option<&str>) -> Vec<(&'static str, String)> {
        after.map(|after| ("after", after.to_owned())).into_iter().collect()
    }

    fn page(list: &Value) -> Option<Page> {
        let model = |id: &Value| {
            let id = id.as_str()?.to_owned();
            Some(Listed { id, info: ModelInfo::default(), max_output_tokens: None })
        };
        let models = list.get("ids")?.as_array()?.iter().filter_map(model).collect();
        let more_after = list.get("more").and_then(Value::as_str).map(str::to_owned);
        Some(Page { models, more_after })
    }
}

impl Reader for PlainReader {
    const NEEDS_ITS_MARK: bool = false;

    fn hear(&mut self, frame: &Frame, told: &mut Told) {
        if frame.data == "end" {
            return told.done();
        }
        let frame: Value = match serde_json::from_str(&frame.data) {
            Ok(value) => value,
            Err(error) => return told.no_json(frame, &error),
        };
        let word = |key: &str| frame.get(key).and_then(Value::as_str);
        if let Some(text) = word("say") {
            told.text(text);
        }
        if let Some(name) = word("call") {
            let arguments = word("input").unwrap_or_default().into();
            told.call(&Fragment { index: None, id: name, name, arguments });
        }
        if let Some([input, output]) = frame.get("used").and_then(Value::as_array).map(Vec::as_slice) {
            let [input_tokens, output_tokens] = [input, output].map(|count| count.as_u64().unwrap_or(0));
            told.usage(Usage { input_tokens, output_tokens, ..Usage::default() });
        }
        if let Some(error) = frame.get("error") {
            told.fail(Failure::of_frame(error, Plain::class));
        }
        if frame.get("stop").is_some() {
            told.finish(FinishReason::Stop);
        }
    }
}
