//! The input of a call of a tool, on its way from a model and back to one.

use serde_json::{Map, Value, json};
use transom_plugin_api::Json;

/// Characters that are shown to the model of what was not JSON.
const SHOWN: usize = 200;

/// What a model wrote, in the form it keeps when it is stored and sent again, so that later requests begin with the same
/// bytes: JSON as such, nothing as an empty object, and anything else as the text it is.
#[must_use]
pub fn of_text(written: String) -> Json {
    if written.trim().is_empty() {
        return Json::from(Value::Object(Map::new()));
    }
    Json::from(serde_json::from_str(&written).unwrap_or(Value::String(written)))
}

/// Whether a text is an object, and so a whole input beyond doubt.
#[must_use]
pub fn is_object(written: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(written).is_ok()
}

/// An object, whatever the model wrote: services parse it, and many templates look into it. What was not JSON is wrapped, so
/// that the model sees its mistake.
#[must_use]
pub fn object(input: &Json) -> Map<String, Value> {
    match input.value() {
        Value::Object(object) => object,
        Value::Null => Map::new(),
        Value::String(raw) => match serde_json::from_str(&raw) {
            Ok(Value::Object(object)) => object,
            _ => malformed(&raw),
        },
        other => malformed(&other.to_string()),
    }
}

fn malformed(raw: &str) -> Map<String, Value> {
    let shown: String = raw.chars().take(SHOWN).collect();
    Map::from_iter([("malformed".to_owned(), json!(shown))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_an_object_whatever_the_model_wrote() {
        let long = format!("\"{}\"", "ä".repeat(500));
        for (input, expected) in [
            ("{\"a\" : 1}", "{\"a\":1}".to_owned()),
            ("null", "{}".to_owned()),
            (r#""{\"a\": 1}""#, "{\"a\":1}".to_owned()),
            (r#""{\"a\"""#, r#"{"malformed":"{\"a\""}"#.to_owned()),
            ("[1]", r#"{"malformed":"[1]"}"#.to_owned()),
            (&long, format!("{{\"malformed\":\"{}\"}}", "ä".repeat(200))),
        ] {
            let object = object(&Json::parse(input).expect("JSON"));
            assert_eq!(serde_json::to_string(&object).expect("it encodes"), expected);
        }
    }
}
