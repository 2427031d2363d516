//! Schemas of plugins on their way into the document: each is a document of its own until it stands in another.

use serde_json::{Map, Value, json};

use crate::decode;

/// Keywords below which stands data, in which nothing is a reference.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];

/// Keywords below which stand schemas by name, so that the names are no keywords.
const NAMED: [&str; 5] = ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// A schema as it can stand at `place`: what it refers to within itself is found there. A reference to anything else is
/// left out, and so is every one when no place is given. What is no schema allows everything.
///
/// How deep it goes is bounded by how deep a document of a plugin may nest.
pub(super) fn embedded(schema: &Value, place: Option<&str>) -> Value {
    match schema {
        Value::Object(fields) => Value::Object(Embedding { root: schema, place }.object(fields)),
        Value::Bool(_) => schema.clone(),
        _ => json!({}),
    }
}

/// A place in the document, as the fragment of a reference.
pub(super) fn fragment<'a>(parts: impl IntoIterator<Item = &'a &'a str>) -> String {
    parts.into_iter().map(|part| format!("/{}", escaped(part))).fold("#".to_owned(), |all, part| all + &part)
}

fn escaped(part: &str) -> String {
    let pointed = part.replace('~', "~0").replace('/', "~1");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    let escape =
        |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    pointed.bytes().map(escape).collect()
}

struct Embedding<'a> {
    root: &'a Value,
    place: Option<&'a str>,
}

impl Embedding<'_> {
    fn object(&self, fields: &Map<String, Value>) -> Map<String, Value> {
        // A base of its own would lead its references out of the document again.
        let kept = fields.iter().filter(|(key, _)| *key != "$id");
        kept.filter_map(|(key, value)| self.field(key, value)).collect()
    }

    fn field(&self, key: &str, value: &Value) -> Option<(String, Value)> {
        let value = match value {
            Value::String(target) if key == "$ref" => {
                return Some((key.to_owned(), self.moved(target)?.into()));
            }
            Value::Object(schemas) if NAMED.contains(&key) => {
                schemas.iter().map(|(name, schema)| (name.clone(), self.value(schema))).collect()
            }
            value if DATA.contains(&key) => value.clone(),
            value => self.value(value),
        };
        Some((key.to_owned(), value))
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => Value::Object(self.object(fields)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            other => other.clone(),
        }
    }

    /// Where a reference leads from now on, if it leads anywhere.
    fn moved(&self, target: &str) -> Option<String> {
        let within = target.strip_prefix('#')?;
        let pointer = decode::path_part(within).ok()?;
        self.root.pointer(&pointer)?;
        Some(format!("{}{within}", self.place?))
    }
}
