//! [`Fields`]: the fields of a span or an event.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};

/// The longest text that is kept, in bytes. What is longer is cut, and says so.
const LONGEST: usize = 32 * 1024;

/// Fields in their order, each name once.
#[derive(Default)]
pub(super) struct Fields(Vec<(&'static str, Kept)>);

/// A value.
pub(super) enum Kept {
    /// A number or a boolean.
    Plain(Value),
    /// Text that was given as text.
    Text(String),
    /// Anything else, formatted by whoever logged it.
    Formatted(String),
}

impl Fields {
    /// Takes a field out, as text.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(known, _)| *known == name)?;
        Some(match self.0.remove(place).1 {
            Kept::Plain(value) => value.to_string(),
            Kept::Text(text) | Kept::Formatted(text) => text,
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Kept)> {
        self.0.iter().map(|(name, kept)| (*name, kept))
    }

    pub(super) fn document(&self) -> Map<String, Value> {
        let value = |kept: &Kept| match kept {
            Kept::Plain(value) => value.clone(),
            Kept::Text(text) | Kept::Formatted(text) => text.as_str().into(),
        };
        self.iter().map(|(name, kept)| (name.to_owned(), value(kept))).collect()
    }

    fn keep(&mut self, field: &Field, kept: Kept) {
        match self.0.iter_mut().find(|(name, _)| *name == field.name()) {
            Some((_, earlier)) => *earlier = kept,
            None => self.0.push((field.name(), kept)),
        }
    }
}

fn cut(text: &str) -> String {
    let (kept, rest) = text.split_at(text.floor_char_boundary(LONGEST));
    if rest.is_empty() { kept.to_owned() } else { format!("{kept}… ({} bytes left out)", rest.len()) }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, Kept::Plain(value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, Kept::Plain(value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is no number.
        let kept = serde_json::Number::from_f64(value)
            .map_or_else(|| Kept::Formatted(value.to_string()), |number| Kept::Plain(number.into()));
        self.keep(field, kept);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, Kept::Plain(value.into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, Kept::Text(cut(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, Kept::Formatted(cut(&format!("{value:?}"))));
    }
}
