//! What the judge takes for granted about the encoding, asked of serde itself.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use transom_plugin_api::{Json, Maybe, Shared, Text};

fn is_read<T: DeserializeOwned>(value: Value) -> bool {
    serde_json::from_value::<T>(value).is_ok()
}

#[derive(Serialize, Deserialize)]
struct Holder<T> {
    held: T,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only whether it can be read is asked")]
struct Renamed {
    #[serde(alias = "wait")]
    wait_ms: u8,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[allow(dead_code, reason = "only whether it can be read is asked")]
enum Chunk {
    End,
    Text {
        #[serde(default)]
        text: Text,
    },
}

#[test]
fn a_maybe_that_is_not_there_is_none_and_json_is_not() {
    assert!(is_read::<Holder<Maybe<Text>>>(json!({})));
    assert!(is_read::<Holder<Shared<Maybe<Text>>>>(json!({})));
    assert!(!is_read::<Holder<Json>>(json!({})));
    assert!(is_read::<Holder<Json>>(json!({"held": null})));
}

#[test]
fn none_is_null_however_deep_it_is() {
    for value in [Maybe::None, Maybe::Some(Maybe::<Text>::None)] {
        assert_eq!(serde_json::to_value(Holder { held: value }).unwrap(), json!({"held": null}));
    }
}

#[test]
fn two_names_of_one_field_are_an_error() {
    assert!(is_read::<Renamed>(json!({"wait": 1})));
    assert!(!is_read::<Renamed>(json!({"wait": 1, "wait_ms": 1})));
}

#[test]
fn a_plain_variant_ignores_fields_and_one_with_fields_takes_its_defaults() {
    assert!(is_read::<Chunk>(json!({"type": "end", "text": "x"})));
    assert!(is_read::<Chunk>(json!({"type": "text"})));
    assert!(!is_read::<Chunk>(json!("end")));
}

#[test]
fn an_integer_is_read_as_a_float_and_a_float_as_no_integer() {
    assert!(is_read::<Holder<f64>>(json!({"held": 7})));
    assert!(!is_read::<Holder<u8>>(json!({"held": 7.0})));
    assert!(!is_read::<Holder<u8>>(json!({"held": 256})));
}
