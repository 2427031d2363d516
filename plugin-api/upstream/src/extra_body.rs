//! Further fields of a body: by the setting `extra_body` for every request, and by plugins for one.

use serde_json::{Map, Value};
use transom_agent::provider::ModelRequest;
use transom_plugin_api::StartError;

/// Reads it; `ours` are the fields that are not left to it.
///
/// # Errors
/// When it is no JSON object, or holds one of `ours`.
pub fn read(text: &str, ours: &[&str]) -> Result<Map<String, Value>, StartError> {
    let extra: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        StartError::new(format!("setting `extra_body` is not a JSON object: {error}"))
            .help("write it as text, such as '{\"top_p\":0.9}'")
    })?;
    match ours.iter().find(|field| extra.contains_key(**field)) {
        Some(field) => Err(StartError::new(format!("setting `extra_body` holds `{field}`"))
            .help("leave it out: the request says it")),
        None => Ok(extra),
    }
}

/// The further fields of a request: those of the setting, and over them those that the request brings itself, without `ours`.
#[must_use]
pub fn of_request(setting: &Map<String, Value>, request: &ModelRequest, ours: &[&str]) -> Map<String, Value> {
    let mut fields = setting.clone();
    if let Value::Object(more) = request.extra_body.value() {
        fields.extend(more.into_iter().filter(|(name, _)| !ours.contains(&name.as_str())));
    }
    fields
}
