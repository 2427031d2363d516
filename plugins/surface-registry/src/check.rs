//! What a surface may be. A plugin made it, so every complaint names the surface, the field and what is wrong there.

use std::collections::BTreeSet;

use transom_agent::conversation::is_conversation_id;
use transom_agent::refusal::shown;
use transom_agent::surface::{Field, SurfaceSpec};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Json, Text};

/// Fields of a surface.
pub(crate) const MOST_FIELDS: usize = 500;
/// Bytes of one, as it is sent.
pub(crate) const MOST_BYTES: usize = 256 * 1024;

/// The document of a surface that its plugin shows under `id`. Kinds of fields that are not known here pass.
///
/// # Errors
/// `Failed`, with the surface and what is wrong with it.
pub(crate) fn document(id: &str, spec: &SurfaceSpec) -> Result<Json, CallError> {
    let malformed =
        |problem: String| CallError::failed(format!("surface `{}` is malformed: {problem}", shown(id, 128)));
    let document = Json::of(spec)?;
    if sabotaged("surface-pass-anything") {
        return Ok(document);
    }
    check(id, spec).map_err(malformed)?;
    let bytes = document.as_str().len();
    if bytes > MOST_BYTES {
        return Err(malformed(format!("it has {bytes} bytes, expected at most {MOST_BYTES}")));
    }
    Ok(document)
}

fn check(id: &str, spec: &SurfaceSpec) -> Result<(), String> {
    if spec.id != id {
        return Err(format!("its `id` is `{}`", shown(&spec.id, 40)));
    }
    if spec.title.trim().is_empty() {
        return Err("its `title` is blank".to_owned());
    }
    let count = spec.fields.len();
    if count > MOST_FIELDS {
        return Err(format!("it has {count} fields, expected at most {MOST_FIELDS}"));
    }
    let mut actions = BTreeSet::new();
    for (place, field) in spec.fields.iter().enumerate() {
        check_field(field).map_err(|problem| format!("`fields[{place}]`: {problem}"))?;
        if let Some(action) = field.action()
            && !actions.insert(action)
        {
            return Err(format!("`fields[{place}]`: `action` is `{action}`, as that of another field"));
        }
    }
    Ok(())
}

fn check_field(field: &Field) -> Result<(), String> {
    if let Some(action) = field.action() {
        check_action(action)?;
    }
    match field {
        Field::Toggle { label, .. } | Field::Stat { label, .. } | Field::Button { label, .. } => {
            check_words("label", label)
        }
        Field::Progress { label, value } => {
            check_words("label", label)?;
            check_within(*value, Some(0.0), Some(1.0))
        }
        Field::Selector { label, value, options, .. } => {
            check_words("label", label)?;
            let mut values = BTreeSet::new();
            match options.iter().find(|option| !values.insert(&option.value)) {
                Some(twice) => Err(format!("`options` has `{}` twice", shown(&twice.value, 40))),
                None if !values.contains(value) => {
                    Err(format!("`value` is `{}`, which is none of `options`", shown(value, 40)))
                }
                None => Ok(()),
            }
        }
        Field::Number { label, value, min, max, step, .. } => {
            check_words("label", label)?;
            if step.into_option().is_some_and(|step| !step.is_finite() || step <= 0.0) {
                return Err("`step` is not above 0".to_owned());
            }
            check_within(*value, min.into_option(), max.into_option())
        }
        Field::Custom { renderer, .. } => check_words("renderer", renderer),
        Field::Unknown(_) => Ok(()),
    }
}

fn check_action(action: &Text) -> Result<(), String> {
    // What may be a part of a path.
    if is_conversation_id(action) {
        return Ok(());
    }
    Err(format!("`action` is `{}`, expected 1 to 128 of `A–Z a–z 0–9 - _ .`", shown(action, 40)))
}

fn check_words(name: &str, words: &str) -> Result<(), String> {
    if words.trim().is_empty() { Err(format!("`{name}` is blank")) } else { Ok(()) }
}

fn check_within(value: f64, min: Option<f64>, max: Option<f64>) -> Result<(), String> {
    if [Some(value), min, max].into_iter().flatten().any(|number| !number.is_finite()) {
        return Err("`value`, `min` or `max` is no number".to_owned());
    }
    if is_within(value, min, max) {
        return Ok(());
    }
    Err(format!("`value` is {value}, expected {}", range(min, max)))
}

/// Whether a number is in a range.
pub(crate) fn is_within(value: f64, min: Option<f64>, max: Option<f64>) -> bool {
    min.is_none_or(|min| min <= value) && max.is_none_or(|max| value <= max)
}

/// A range in words.
pub(crate) fn range(min: Option<f64>, max: Option<f64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("a number from {min} to {max}"),
        (Some(min), None) => format!("a number of at least {min}"),
        (None, Some(max)) => format!("a number of at most {max}"),
        (None, None) => "a number".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is wrong with a surface with these fields; empty when nothing is.
    fn wrong(fields: Value) -> String {
        let spec = json!({"id": "s", "region": "side", "title": "S", "fields": fields});
        let spec: SurfaceSpec = Json::from(spec).read().unwrap();
        document("s", &spec).err().map(|error| error.message.into_string()).unwrap_or_default()
    }

    fn number(value: f64, min: f64, max: f64) -> Value {
        json!([{"type": "number", "label": "n", "value": value, "min": min, "max": max, "action": "set"}])
    }

    #[test]
    fn a_surface_of_every_kind_and_of_a_later_one_passes_unchanged() {
        let fields = json!([
            {"type": "toggle", "label": "t", "value": true, "action": "a"},
            {"type": "progress", "label": "p", "value": 0.5},
            {"type": "selector", "label": "s", "value": "x", "options": [{"value": "x", "label": "X"}], "action": "b"},
            {"type": "stat", "label": "s", "value": ""},
            {"type": "button", "label": "b", "action": "d"},
            {"type": "custom", "renderer": "table", "payload": [1, {"a": null}]},
            {"type": "dial", "turns": [1, 2]},
        ]);
        let spec: SurfaceSpec =
            Json::from(json!({"id": "s", "region": "", "title": "S", "fields": fields})).read().unwrap();
        assert_eq!(document("s", &spec).unwrap().value()["fields"], fields);
        assert_eq!(wrong(number(3.0, 3.0, 3.0)), "");
    }

    #[test]
    fn a_field_that_cannot_be_is_told_with_its_place() {
        for (field, told) in [
            (json!({"type": "stat", "label": " ", "value": "1"}), "`label` is blank"),
            (
                json!({"type": "progress", "label": "p", "value": 1.5}),
                "`value` is 1.5, expected a number from 0 to 1",
            ),
            (
                json!({"type": "selector", "label": "s", "value": "y", "options": [], "action": "a"}),
                "`value` is `y`, which is none of `options`",
            ),
            (
                json!({"type": "button", "label": "b", "action": "a/../b"}),
                "`action` is `a/../b`, expected 1 to 128 of `A–Z a–z 0–9 - _ .`",
            ),
            (json!({"type": "custom", "renderer": "", "payload": null}), "`renderer` is blank"),
        ] {
            assert_eq!(wrong(json!([field])), format!("surface `s` is malformed: `fields[0]`: {told}"));
        }
        assert!(wrong(number(4.0, 1.0, 3.0)).ends_with("`value` is 4, expected a number from 1 to 3"));
        let button = json!({"type": "button", "label": "b", "action": "go"});
        let told = wrong(json!([button, button]));
        assert!(told.ends_with("`fields[1]`: `action` is `go`, as that of another field"), "{told}");
    }

    #[test]
    fn a_number_that_is_none_is_refused() {
        let field = |value| Field::Progress { label: "p".into(), value };
        for value in [f64::NAN, f64::INFINITY, -0.1] {
            assert!(check_field(&field(value)).is_err(), "{value}");
        }
    }

    #[test]
    fn one_field_and_one_byte_beyond_the_bounds_are_refused() {
        let stats = |count| json!(vec![json!({"type": "stat", "label": "s", "value": "1"}); count]);
        assert_eq!(wrong(stats(MOST_FIELDS)), "");
        assert_eq!(
            wrong(stats(MOST_FIELDS + 1)),
            "surface `s` is malformed: it has 501 fields, expected at most 500"
        );
        let stat = |length| json!([{"type": "stat", "label": "s", "value": "x".repeat(length)}]);
        let around = json!({"id": "s", "region": "side", "title": "S", "fields": stat(0)}).to_string().len();
        assert_eq!(wrong(stat(MOST_BYTES - around)), "");
        let told = wrong(stat(MOST_BYTES - around + 1));
        assert_eq!(told, "surface `s` is malformed: it has 262145 bytes, expected at most 262144");
    }

    #[test]
    fn a_surface_has_the_id_under_which_it_is_asked_for() {
        let spec: SurfaceSpec =
            Json::from(json!({"id": "s", "region": "", "title": "S", "fields": []})).read().unwrap();
        let told = document("other", &spec).unwrap_err().message;
        assert_eq!(told, "surface `other` is malformed: its `id` is `s`");
    }
}
