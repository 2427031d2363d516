//! [`Arguments`]: a tool's input, taken field by field and checked on the way.
//!
//! A model wrote it, so every complaint names the field, what stands there and what belongs there.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use transom_plugin_api::Json;

use crate::problem::Problem;

/// The fields that nobody has asked for yet, and the names of those somebody has.
#[derive(Debug)]
pub(crate) struct Arguments {
    left: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Arguments {
    pub(crate) fn of(input: &Json) -> Result<Self, Problem> {
        match input.value() {
            Value::Object(left) => Ok(Self { left, known: Vec::new() }),
            other => Err(Problem::new(format!("the input is {}, expected a JSON object", kind_of(&other)))),
        }
    }

    /// Text that has to be there; it may be empty.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<String, Problem> {
        self.text_or(name, None)
    }

    /// Text that is `default` when it is left out.
    pub(crate) fn text_or(&mut self, name: &'static str, default: Option<&str>) -> Result<String, Problem> {
        match (self.take(name), default) {
            (Some(Value::String(text)), _) => Ok(text),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(Problem::new(format!("`{name}` is missing, expected text"))),
            (Some(other), _) => Err(unexpected(name, &other, "text")),
        }
    }

    /// A choice that is off when it is left out.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(unexpected(name, &other, "true or false")),
        }
    }

    /// A number that is `default` when it is left out, and the end of `range` when it lies beyond.
    pub(crate) fn count(
        &mut self,
        name: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<u64, Problem> {
        let Some(value) = self.take(name) else { return Ok(default) };
        let expected = format!("a whole number of at least {}", range.start());
        match value.as_u64() {
            Some(number) if number >= *range.start() => Ok(number.min(*range.end())),
            _ => Err(unexpected(name, &value, &expected)),
        }
    }

    /// Everything has been asked for: what is left is unknown.
    pub(crate) fn end(self) -> Result<(), Problem> {
        let Some(unknown) = self.left.keys().next() else { return Ok(()) };
        let known = self.known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        Err(Problem::new(format!("`{unknown}` is not an input of this tool, which takes {known}")))
    }

    // Models write `null` for what they mean to leave out.
    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.left.remove(name).filter(|value| !value.is_null())
    }
}

fn unexpected(name: &str, found: &Value, expected: &str) -> Problem {
    let found = match found {
        Value::Number(number) => number.to_string(),
        other => kind_of(other).to_owned(),
    };
    Problem::new(format!("`{name}` is {found}, expected {expected}"))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arguments(input: Value) -> Arguments {
        Arguments::of(&input.into()).expect("an object")
    }

    fn complaint<T: std::fmt::Debug>(result: Result<T, Problem>) -> String {
        result.expect_err("a complaint").to_string()
    }

    #[test]
    fn fields_left_out_or_null_take_their_default() {
        let mut given = arguments(json!({"path": "a", "limit": null}));
        assert_eq!(given.text("path"), Ok("a".to_owned()));
        assert_eq!(given.count("limit", 500, 1..=5_000), Ok(500));
        assert_eq!(given.flag("overwrite"), Ok(false));
        assert_eq!(given.end(), Ok(()));
    }

    #[test]
    fn a_number_beyond_the_range_is_held_at_its_end_and_one_before_it_is_refused() {
        assert_eq!(arguments(json!({"limit": 9_000})).count("limit", 1, 1..=5_000), Ok(5_000));
        for (wrong, shown) in [(json!(0), "0"), (json!(-3), "-3"), (json!(1.5), "1.5"), (json!("7"), "text")]
        {
            let message = complaint(arguments(json!({"limit": wrong})).count("limit", 1, 1..=5_000));
            assert_eq!(message, format!("`limit` is {shown}, expected a whole number of at least 1"));
        }
    }

    #[test]
    fn a_field_of_another_type_is_named_with_both_types() {
        assert_eq!(
            complaint(arguments(json!({"path": [1]})).text("path")),
            "`path` is a list, expected text"
        );
        assert_eq!(complaint(arguments(json!({})).text("path")), "`path` is missing, expected text");
        let overwrite = arguments(json!({"overwrite": "yes"})).flag("overwrite");
        assert_eq!(complaint(overwrite), "`overwrite` is text, expected true or false");
    }

    #[test]
    fn an_unknown_field_is_refused_with_the_known_ones() {
        let mut given = arguments(json!({"path": "a", "file": "b"}));
        given.text("path").expect("given");
        given.flag("overwrite").expect("left out");
        assert_eq!(
            complaint(given.end()),
            "`file` is not an input of this tool, which takes `path`, `overwrite`"
        );
    }

    #[test]
    fn malformed_json_that_arrives_as_text_is_refused() {
        let message = complaint(Arguments::of(&json!("{\"path\": ").into()));
        assert_eq!(message, "the input is text, expected a JSON object");
    }
}
