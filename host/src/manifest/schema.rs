//! The part of JSON Schema that settings use, read leniently: a keyword that is not well formed is not there.

use serde_json::{Number, Value};

/// A schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema<'a>(pub(super) &'a Value);

/// What a value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Integer,
    Number,
    Text,
    List,
    Table,
}

/// What a schema says about keys that it does not name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Additional<'a> {
    Refused,
    Free,
    Like(Schema<'a>),
}

impl Kind {
    /// What it is called in messages.
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Table => "a table",
        }
    }
}

impl<'a> Schema<'a> {
    fn keyword(self, keyword: &str) -> Option<&'a Value> {
        self.0.get(keyword)
    }

    pub(super) fn kind(self) -> Option<Kind> {
        match self.keyword("type")?.as_str()? {
            "boolean" => Some(Kind::Boolean),
            "integer" => Some(Kind::Integer),
            "number" => Some(Kind::Number),
            "string" => Some(Kind::Text),
            "array" => Some(Kind::List),
            "object" => Some(Kind::Table),
            _ => None,
        }
    }

    /// The keys it names, in its order.
    pub(super) fn keys(self) -> impl Iterator<Item = &'a str> {
        let properties = self.keyword("properties").and_then(Value::as_object);
        properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str))
    }

    pub(super) fn property(self, key: &str) -> Option<Self> {
        self.keyword("properties")?.as_object()?.get(key).map(Self)
    }

    pub(super) fn additional(self) -> Additional<'a> {
        match self.keyword("additionalProperties") {
            Some(Value::Bool(false)) => Additional::Refused,
            Some(schema @ Value::Object(_)) => Additional::Like(Self(schema)),
            _ => Additional::Free,
        }
    }

    pub(super) fn required(self) -> impl Iterator<Item = &'a str> {
        self.keyword("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    pub(super) fn items(self) -> Option<Self> {
        self.keyword("items").map(Self)
    }

    pub(super) fn choices(self) -> Option<&'a [Value]> {
        self.keyword("enum").and_then(Value::as_array).map(Vec::as_slice)
    }

    pub(super) fn minimum(self) -> Option<&'a Number> {
        self.keyword("minimum").and_then(Value::as_number)
    }

    pub(super) fn maximum(self) -> Option<&'a Number> {
        self.keyword("maximum").and_then(Value::as_number)
    }

    /// Whether the value is a secret.
    pub(super) fn is_secret(self) -> bool {
        self.keyword("writeOnly") == Some(&Value::Bool(true))
    }

    /// The description without its last full stop, as it goes into a help line.
    pub(super) fn description(self) -> Option<&'a str> {
        let description = self.keyword("description")?.as_str()?.trim();
        let description = description.strip_suffix('.').unwrap_or(description);
        (!description.is_empty()).then_some(description)
    }
}
