//! [`Json`], a document whose shape only its reader knows.

use std::fmt;

use abi_stable::StableAbi;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::Value;

use super::Text;

/// One JSON document, kept as its text.
///
/// It is parsed where it is read and nowhere on the way, so a relay that only hands it on pays nothing. The
/// text is well-formed from construction on.
///
/// ```
/// use transom_plugin_api::Json;
///
/// let input = Json::parse(r#"{"path":"a.txt"}"#)?;
/// assert_eq!(input.value()["path"], "a.txt");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[repr(transparent)]
#[derive(Clone, PartialEq, Eq, StableAbi)]
pub struct Json(Text);

impl Json {
    /// Checks that `text` is one JSON document and keeps it as written.
    ///
    /// # Errors
    /// When `text` is not well-formed JSON, nests deeper than 127 levels or holds a number out of range.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        // Into a tree and not into nothing: numbers out of range and too deep nesting must show here, not later.
        serde_json::from_str::<Value>(text)?;
        Ok(Self(text.trim().into()))
    }

    /// Encodes any value that serde can encode.
    ///
    /// # Errors
    /// When the value's own `Serialize` fails, or a map key is not text.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(|text| Self(text.into()))
    }

    /// Decodes it into a type of the reader's.
    ///
    /// # Errors
    /// When the document has another shape; the message names the field.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// Keeps a tree that came from elsewhere, if it can be read again.
    pub(crate) fn from_tree<E: de::Error>(tree: Value) -> Result<Self, E> {
        if nests_within(&tree, DEEPEST) {
            Ok(tree.into())
        } else {
            Err(E::custom("nests deeper than 127 levels"))
        }
    }

    /// The document as a tree.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or(Value::Null)
    }

    /// The document's text, exactly as it crosses.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the parser of JSON text takes.
const DEEPEST: u8 = 127;

fn nests_within(tree: &Value, levels: u8) -> bool {
    match tree {
        Value::Array(items) => levels > 0 && items.iter().all(|item| nests_within(item, levels - 1)),
        Value::Object(fields) => levels > 0 && fields.values().all(|field| nests_within(field, levels - 1)),
        _ => true,
    }
}

impl Default for Json {
    fn default() -> Self {
        Self("null".into())
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        json.value()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: Value = serde_json::from_str(&self.0).map_err(ser::Error::custom)?;
        value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).and_then(Self::from_tree)
    }
}
