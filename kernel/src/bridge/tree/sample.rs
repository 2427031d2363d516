//! Documents written as JSON, so that tests can be read.

use rmp::encode as write;
use serde_json::Value as Json;

use super::{Tree, Value};

/// The document that says what `json` says.
pub(in super::super) fn encoded(json: &Json) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(json, &mut bytes);
    bytes
}

fn encode(json: &Json, bytes: &mut Vec<u8>) {
    match json {
        Json::Null => write::write_nil(bytes).unwrap(),
        Json::Bool(value) => write::write_bool(bytes, *value).unwrap(),
        Json::Number(value) => encode_number(value, bytes),
        Json::String(value) => write::write_str(bytes, value).unwrap(),
        Json::Array(elements) => {
            write::write_array_len(bytes, elements.len().try_into().unwrap()).unwrap();
            elements.iter().for_each(|element| encode(element, bytes));
        }
        Json::Object(entries) => {
            write::write_map_len(bytes, entries.len().try_into().unwrap()).unwrap();
            for (key, value) in entries {
                write::write_str(bytes, key).unwrap();
                encode(value, bytes);
            }
        }
    }
}

fn encode_number(number: &serde_json::Number, bytes: &mut Vec<u8>) {
    if let Some(number) = number.as_u64() {
        write::write_uint(bytes, number).unwrap();
    } else if let Some(number) = number.as_i64() {
        write::write_sint(bytes, number).unwrap();
    } else {
        write::write_f64(bytes, number.as_f64().unwrap()).unwrap();
    }
}

/// What the document says, as JSON.
pub(in super::super) fn decoded(bytes: &[u8]) -> Json {
    json_of(&Tree::read(bytes).unwrap())
}

fn json_of(tree: &Tree<'_>) -> Json {
    match &tree.value {
        Value::Nil => Json::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Unsigned(value) => (*value).into(),
        Value::Negative(value) => (*value).into(),
        Value::Float(bits) => f64::from_bits(*bits).into(),
        Value::Text(value) => (*value).into(),
        Value::List(elements) => elements.iter().map(json_of).collect(),
        Value::Map(map) => {
            map.entries().iter().map(|entry| (entry.key.text.to_owned(), json_of(&entry.value))).collect()
        }
        Value::Bytes(_) | Value::Extension(..) => panic!("JSON has no {tree:?}"),
    }
}
