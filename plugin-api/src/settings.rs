//! Settings: what an operator may set, as a struct with `#[derive(Settings)]`.
//!
//! Doc comments become descriptions; defaults are literals, so the schema is a constant that can be read from the
//! plugin's file without running it. The host checks a manifest against it before anything starts.
//!
//! ```
//! use transom_plugin_api::{Secret, Settings};
//!
//! /// Talks to a weather service.
//! #[derive(Settings)]
//! pub struct Weather {
//!     /// Key of the account.
//!     key: Secret,
//!     /// Seconds between two questions. At least 10.
//!     #[setting(default = 60, min = 10)]
//!     every_s: u64,
//!     /// Place to ask about; where the host runs, when left out.
//!     place: Option<String>,
//! }
//!
//! let weather = Weather::from_json(r#"{"key":"s3cret"}"#)?;
//! assert_eq!(weather.every_s, 60);
//! assert_eq!(format!("{:?}", weather.key), "Secret(…)");
//! # Ok::<(), transom_plugin_api::SettingsError>(())
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::describe::Piece;
use crate::sabotage::sabotaged;

/// A struct of settings. Derived, never written by hand.
pub trait Settings: Setting {
    /// Reads the settings, with defaults where the text is silent.
    ///
    /// # Errors
    /// When a value is missing, of another type or out of its bounds; names the key.
    fn from_json(text: &str) -> Result<Self, SettingsError> {
        let value = serde_json::from_str(text).map_err(|error| SettingsError::new("", error.to_string()))?;
        Self::read(value)
    }
}

/// A type that a setting can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a setting",
    note = "use bool, integers, f64, String, PathBuf, Secret, Option, Vec, BTreeMap<String, _>, or a type with `#[derive(Settings)]`"
)]
pub trait Setting: Sized {
    /// The inside of its JSON Schema object.
    const SCHEMA: &'static [Piece];
    /// What it is when the manifest says nothing, if it may.
    const ABSENT: Option<fn() -> Self> = None;
    /// Reads it.
    ///
    /// # Errors
    /// When the value is of another type or out of bounds.
    fn read(value: Value) -> Result<Self, SettingsError>;
}

/// A setting that cannot be what the manifest says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    key: String,
    problem: String,
}

impl SettingsError {
    /// `key` is where (empty for the value itself), `problem` what.
    #[must_use]
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }

    /// The same, one level further out.
    #[must_use]
    pub fn within(mut self, key: &str) -> Self {
        self.key = if self.key.is_empty() { key.to_owned() } else { format!("{key}.{}", self.key) };
        self
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "setting `{}` {}", self.key, self.problem)
        }
    }
}

impl std::error::Error for SettingsError {}

/// Text that never shows in logs or debug output: keys, tokens, passwords.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Hand it to whoever needs it, and to nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if sabotaged("show-secrets") {
            return f.write_str(&self.0);
        }
        f.write_str("Secret(…)")
    }
}

/// For the derive: the fields of one table, taken out one by one.
#[derive(Debug)]
pub struct Table(Map<String, Value>);

impl Table {
    /// The table behind `value`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn of(value: Value) -> Result<Self, SettingsError> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            Value::Null => Ok(Self(Map::new())),
            other => Err(SettingsError::new("", format!("is {}, expected a table", kind_of(&other)))),
        }
    }

    /// The value under `key`, or its default, a JSON literal.
    ///
    /// # Errors
    /// When it is missing and has no default, or cannot be read.
    pub fn take<T: Setting>(&mut self, key: &str, default: Option<&str>) -> Result<T, SettingsError> {
        if let Some(value) = self.0.remove(key) {
            return T::read(value).map_err(|error| error.within(key));
        }
        if let Some(make) = T::ABSENT.filter(|_| default.is_none()) {
            return Ok(make());
        }
        let default = default.ok_or_else(|| SettingsError::new(key, "is missing"))?;
        let value =
            serde_json::from_str(default).map_err(|error| SettingsError::new(key, error.to_string()))?;
        T::read(value).map_err(|error| error.within(key))
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

macro_rules! serde_settings {
    ($($ty:ty: $schema:literal, $expected:literal;)*) => {$(
        impl Setting for $ty {
            const SCHEMA: &'static [Piece] = &[Piece::Text($schema)];
            fn read(value: Value) -> Result<Self, SettingsError> {
                let found = value.to_string();
                serde_json::from_value(value)
                    .map_err(|_| SettingsError::new("", format!(concat!("is {}, expected ", $expected), found)))
            }
        }
    )*};
}
serde_settings! {
    bool: r#""type":"boolean""#, "true or false";
    u8: r#""type":"integer","minimum":0,"maximum":255"#, "a whole number from 0 to 255";
    u16: r#""type":"integer","minimum":0,"maximum":65535"#, "a whole number from 0 to 65535";
    u32: r#""type":"integer","minimum":0,"maximum":4294967295"#, "a whole number from 0 to 4294967295";
    u64: r#""type":"integer","minimum":0"#, "a whole number, 0 or more";
    i64: r#""type":"integer""#, "a whole number";
    NonZeroU32: r#""type":"integer","minimum":1,"maximum":4294967295"#, "a whole number from 1 to 4294967295";
    NonZeroU64: r#""type":"integer","minimum":1"#, "a whole number, 1 or more";
    f64: r#""type":"number""#, "a number";
    String: r#""type":"string""#, "text";
    PathBuf: r#""type":"string""#, "a path";
}

impl Setting for Secret {
    const SCHEMA: &'static [Piece] = &[Piece::Text(r#""type":"string","writeOnly":true"#)];
    fn read(value: Value) -> Result<Self, SettingsError> {
        match value {
            Value::String(text) => Ok(Self(text)),
            // The value is not repeated: it may be the secret in another type.
            other => Err(SettingsError::new("", format!("is {}, expected text", kind_of(&other)))),
        }
    }
}

impl<T: Setting> Setting for Option<T> {
    const SCHEMA: &'static [Piece] = T::SCHEMA;
    const ABSENT: Option<fn() -> Self> = Some(|| None);
    fn read(value: Value) -> Result<Self, SettingsError> {
        if value.is_null() { Ok(None) } else { T::read(value).map(Some) }
    }
}

impl<T: Setting> Setting for Vec<T> {
    const SCHEMA: &'static [Piece] =
        &[Piece::Text(r#""type":"array","items":{"#), Piece::Nested(T::SCHEMA), Piece::Text("}")];
    const ABSENT: Option<fn() -> Self> = Some(Self::new);
    fn read(value: Value) -> Result<Self, SettingsError> {
        let Value::Array(items) = value else {
            return Err(SettingsError::new("", format!("is {}, expected a list", kind_of(&value))));
        };
        let numbered = items.into_iter().enumerate();
        numbered
            .map(|(index, item)| T::read(item).map_err(|error| error.within(&index.to_string())))
            .collect()
    }
}

impl<T: Setting> Setting for BTreeMap<String, T> {
    const SCHEMA: &'static [Piece] = &[
        Piece::Text(r#""type":"object","additionalProperties":{"#),
        Piece::Nested(T::SCHEMA),
        Piece::Text("}"),
    ];
    const ABSENT: Option<fn() -> Self> = Some(Self::new);
    fn read(value: Value) -> Result<Self, SettingsError> {
        let Table(fields) = Table::of(value)?;
        let read = fields.into_iter().map(|(key, value)| {
            let value = T::read(value).map_err(|error| error.within(&key))?;
            Ok((key, value))
        });
        read.collect()
    }
}

/// For the derive: checks the bounds of a number.
///
/// # Errors
/// When `value` lies outside.
pub fn in_bounds<T: PartialOrd + fmt::Display + Copy>(
    key: &str,
    value: T,
    min: Option<T>,
    max: Option<T>,
) -> Result<T, SettingsError> {
    match (min, max) {
        (Some(min), _) if value < min => {
            Err(SettingsError::new(key, format!("is {value}, expected at least {min}")))
        }
        (_, Some(max)) if value > max => {
            Err(SettingsError::new(key, format!("is {value}, expected at most {max}")))
        }
        _ => Ok(value),
    }
}
