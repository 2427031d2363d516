//! The bodies of the routes that set something: one number each.

use serde_json::{Value, json};
use transom_agent::refusal::shown;
use transom_plugin_api::CallError;

use crate::keep::LONGEST_COOLDOWN_MS;

/// A whole number, and its bounds.
pub(super) struct Number {
    name: &'static str,
    least: u64,
    most: u64,
}

pub(super) const LIMIT: Number = Number { name: "limit", least: 1, most: u32::MAX as u64 };
pub(super) const COOLDOWN: Number = Number { name: "cooldownMs", least: 0, most: LONGEST_COOLDOWN_MS };

/// The body of `PUT /concurrency/limits/:provider`.
pub(super) fn limit(body: &Value) -> Result<u32, CallError> {
    LIMIT.read(body).map(|limit| u32::try_from(limit).unwrap_or(u32::MAX))
}

/// The body of `PUT /concurrency/cooldown/:provider`.
pub(super) fn cooldown(body: &Value) -> Result<u64, CallError> {
    COOLDOWN.read(body)
}

impl Number {
    fn read(&self, body: &Value) -> Result<u64, CallError> {
        self.checked(body).map_err(CallError::invalid_input)
    }

    fn checked(&self, body: &Value) -> Result<u64, String> {
        let Self { name, least, most } = self;
        let Value::Object(fields) = body else {
            return Err(format!("the body is {}, expected an object with `{name}`", kind_of(body)));
        };
        if let Some(other) = fields.keys().find(|key| key != name) {
            return Err(format!("field `{}` is unknown; known are `{name}`", shown(other, 64)));
        }
        let value = fields.get(*name).ok_or_else(|| format!("field `{name}` is missing"))?;
        let found = match value {
            Value::Number(number) => number.to_string(),
            other => kind_of(other).to_owned(),
        };
        value.as_u64().filter(|number| (*least..=*most).contains(number)).ok_or_else(|| {
            format!("field `{name}` is {found}, expected a whole number from {least} to {most}")
        })
    }

    /// The body, for programs.
    pub(super) fn schema(&self) -> Value {
        let Self { name, least, most } = self;
        let number = json!({ "type": "integer", "minimum": least, "maximum": most });
        json!({
            "type": "object",
            "properties": { *name: number },
            "required": [name],
            "additionalProperties": false,
        })
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_within_its_bounds_is_read() {
        assert_eq!(limit(&json!({ "limit": 1 })), Ok(1));
        assert_eq!(limit(&json!({ "limit": u32::MAX })), Ok(u32::MAX));
        assert_eq!(cooldown(&json!({ "cooldownMs": 0 })), Ok(0));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, problem) in [
            (json!(null), "the body is nothing, expected an object with `limit`"),
            (json!([1]), "the body is a list, expected an object with `limit`"),
            (json!({}), "field `limit` is missing"),
            (json!({ "limits": 1 }), "field `limits` is unknown; known are `limit`"),
            (json!({ "limit": 0 }), "field `limit` is 0, expected a whole number from 1 to 4294967295"),
            (json!({ "limit": -1 }), "field `limit` is -1, expected a whole number from 1 to 4294967295"),
            (json!({ "limit": 1.5 }), "field `limit` is 1.5, expected a whole number from 1 to 4294967295"),
            (json!({ "limit": "2" }), "field `limit` is text, expected a whole number from 1 to 4294967295"),
        ] {
            assert_eq!(LIMIT.checked(&body), Err(problem.to_owned()));
        }
        assert!(limit(&json!({ "limit": 4_294_967_296_u64 })).is_err());
        assert!(cooldown(&json!({ "cooldownMs": 600_001 })).is_err());
        assert!(cooldown(&json!({ "cooldownMs": null })).is_err());
    }
}
