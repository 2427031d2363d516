//! Bodies and queries of requests, as several plugins read them, in the same words.

use serde_json::{Map, Value};
use transom_plugin_api::{CallError, Map as Pairs, Text};

use crate::refusal::shown;

/// Characters of what is refused that are shown.
const SHOWN: usize = 40;

/// The fields of a body.
///
/// # Errors
/// `InvalidInput` when it is no object, or has a field that is not among those `known`.
pub fn fields(body: &Value, known: &[&str]) -> Result<Map<String, Value>, CallError> {
    let Value::Object(fields) = body else {
        return Err(CallError::invalid_input("the body is no object"));
    };
    let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) else {
        return Ok(fields.clone());
    };
    let verb = if let [_] = known { "is" } else { "are" };
    let (unknown, known) = (shown(unknown, SHOWN), listed(known));
    Err(CallError::invalid_input(format!("field `{unknown}` is unknown; known {verb} {known}")))
}

/// The fields of a body that may be missing: then there are none.
///
/// # Errors
/// As [`fields`].
pub fn fields_if_any(body: &Value, known: &[&str]) -> Result<Map<String, Value>, CallError> {
    if body.is_null() { Ok(Map::new()) } else { fields(body, known) }
}

/// Refuses a query that has a key which is not among those `known`: a misspelled one would be as if it were absent.
///
/// # Errors
/// `InvalidInput` with the key.
pub fn check_query(query: &Pairs<Text>, known: &[&str]) -> Result<(), CallError> {
    let Some((unknown, _)) = query.iter().find(|(name, _)| !known.contains(name)) else { return Ok(()) };
    let verb = if let [_] = known { "is" } else { "are" };
    let (unknown, known) = (shown(unknown, SHOWN), listed(known));
    Err(CallError::invalid_input(format!("`{unknown}` in the query is unknown; known {verb} {known}")))
}

fn listed(known: &[&str]) -> String {
    known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A field that says something else than what is `expected`.
#[must_use]
pub fn unexpected(field: &str, found: &Value, expected: &str) -> CallError {
    let found = shown(&found.to_string(), SHOWN);
    CallError::invalid_input(format!("field `{field}` is `{found}`, expected {expected}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(body: &Value, known: &[&str]) -> String {
        fields(body, known).expect_err("refused").message.into_string()
    }

    #[test]
    fn a_body_has_known_fields_and_may_be_missing_where_that_is_said() {
        assert_eq!(fields(&json!({"a": 1}), &["a", "b"]).map(|fields| fields["a"].clone()), Ok(json!(1)));
        assert_eq!(fields_if_any(&Value::Null, &["a"]), Ok(Map::new()));
        assert_eq!(refusal(&Value::Null, &["a"]), "the body is no object");
        assert!(fields_if_any(&json!([]), &["a"]).is_err());
    }

    #[test]
    fn an_unknown_field_is_told_with_those_that_are_known() {
        assert_eq!(refusal(&json!({"c\n": 1}), &["a"]), "field `c\\n` is unknown; known is `a`");
        assert_eq!(refusal(&json!({"c": 1}), &["a", "b"]), "field `c` is unknown; known are `a`, `b`");
    }

    #[test]
    fn what_is_unexpected_is_shown_at_a_moderate_length() {
        let long = json!("x".repeat(1_000));
        let told = unexpected("a", &long, "true or false").message.into_string();
        assert_eq!(told, format!("field `a` is `\\\"{}`, expected true or false", "x".repeat(39)));
    }
}
