//! A line for programs: one JSON object.

use serde_json::{Map, Value, json};

use super::lines::{Line, Surrounding, Written};

/// `time`, `level`, `plugin`, `target`, `message`, `traceId`, `spans` from the outermost, `fields`. What there is not is
/// left out.
pub(super) fn line(line: &Line) -> String {
    let mut document = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            document.insert(key.to_owned(), value);
        }
    };
    put("time", Some(line.time.as_str().into()));
    put("level", Some(line.level.as_str().to_ascii_lowercase().into()));
    put("plugin", line.plugin.as_deref().map(Into::into));
    put("target", Some(line.target.into()));
    put("message", Some(line.message.as_str().into()));
    put("traceId", line.trace.map(|trace| trace.to_string().into()));
    let spans: Vec<Value> = line.spans.iter().map(span).collect();
    put("spans", (!spans.is_empty()).then_some(Value::Array(spans)));
    let fields = line.fields.document();
    put("fields", (!fields.is_empty()).then_some(Value::Object(fields)));
    let mut text = Value::Object(document).to_string();
    text.push('\n');
    text
}

fn span(span: &Surrounding) -> Value {
    let mut document = json!({ "name": span.name });
    if let Some(plugin) = &span.plugin {
        document["plugin"] = plugin.as_str().into();
    }
    if let Written::Document(fields) = &span.fields
        && !fields.is_empty()
    {
        document["fields"] = fields.clone().into();
    }
    document
}
