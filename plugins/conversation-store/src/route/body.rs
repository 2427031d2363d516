//! The bodies of the store's routes: objects of a few fields.

use serde_json::{Map, Value};
use transom_agent::reach::HttpRequest;
use transom_agent::refusal::shown;
use transom_plugin_api::CallError;

/// The fields of a body.
pub(super) struct Body(Map<String, Value>);

impl Body {
    /// The body of a request; one that is `null` has no fields.
    ///
    /// # Errors
    /// `InvalidInput` when it is no object, or names what is not known.
    pub(super) fn of(request: &HttpRequest, known: &[&str]) -> Result<Self, CallError> {
        let fields = match request.body.value() {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            _ => return Err(CallError::invalid_input("the body is expected to be an object")),
        };
        let unknown = fields.keys().find(|key| !known.contains(&key.as_str()));
        match unknown {
            None => Ok(Self(fields)),
            Some(unknown) => {
                let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                let expected =
                    if known.is_empty() { "none".to_owned() } else { format!("only {}", names.join(", ")) };
                let shown = shown(unknown, 40);
                Err(CallError::invalid_input(format!("the body contains `{shown}`, expected {expected}")))
            }
        }
    }

    /// A text; `None` when it is absent or `null`.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, CallError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(CallError::invalid_input(format!("`{name}` is expected to be text"))),
        }
    }

    /// A text that has to be there and shows something.
    pub(super) fn words(&self, name: &str) -> Result<String, CallError> {
        let words = self.text(name)?.filter(|text| !text.trim().is_empty());
        words.ok_or_else(|| CallError::invalid_input(format!("`{name}` is missing or blank, expected text")))
    }

    /// A text, or `null`, one of which has to be there; `None` for `null` and for no words.
    pub(super) fn choice(&self, name: &str) -> Result<Option<String>, CallError> {
        if !self.0.contains_key(name) {
            return Err(CallError::invalid_input(format!("`{name}` is missing, expected text or `null`")));
        }
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A whole number; `None` when it is absent or `null`.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, CallError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) if number.is_u64() && !number.is_i64() => {
                Err(CallError::invalid_input(format!("`{name}` is too large, expected at most {}", i64::MAX)))
            }
            Some(value) => value.as_i64().map(Some).ok_or_else(|| {
                CallError::invalid_input(format!("`{name}` is expected to be a whole number"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: Value, known: &[&str]) -> Result<Body, CallError> {
        let mut request = HttpRequest::new("PUT", "/");
        request.body = value.into();
        Body::of(&request, known)
    }

    #[track_caller]
    fn refused<T>(outcome: Result<T, CallError>, message: &str) {
        match outcome {
            Ok(_) => panic!("it was accepted"),
            Err(error) => assert_eq!(error.message, message),
        }
    }

    #[test]
    fn what_is_wrong_with_a_body_is_told_by_its_field() {
        refused(body(json!([1]), &["a"]), "the body is expected to be an object");
        refused(body(json!({"b": 1}), &["a"]), "the body contains `b`, expected only `a`");
        let fields = body(json!({"a": 1, "b": " ", "c": 1.5}), &["a", "b", "c"]).expect("an object");
        refused(fields.text("a"), "`a` is expected to be text");
        refused(fields.words("b"), "`b` is missing or blank, expected text");
        refused(fields.words("d"), "`d` is missing or blank, expected text");
        refused(fields.choice("d"), "`d` is missing, expected text or `null`");
        refused(fields.number("c"), "`c` is expected to be a whole number");
        let fields = body(json!({"a": u64::MAX}), &["a"]).expect("an object");
        refused(fields.number("a"), "`a` is too large, expected at most 9223372036854775807");
        refused(body(json!({"b": 1}), &[]), "the body contains `b`, expected none");
    }

    #[test]
    fn a_choice_is_taken_back_by_null_and_by_no_words() {
        let fields = body(json!({"a": null, "b": "", "c": "x"}), &["a", "b", "c"]).expect("an object");
        let choices = ["a", "b", "c"].map(|name| fields.choice(name).expect("accepted"));
        assert_eq!(choices, [None, None, Some("x".to_owned())]);
    }
}
