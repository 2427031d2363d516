//! How an enum declared `#[contract(grows)]` is read. For the macro's output, not for authors.

use std::fmt;

use serde::de::{Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use super::held::HeldDeserializer;
use super::held::{Entries, Held, entries};
use crate::{Json, Opaque, Text};

/// Under which key the name of a variant stands.
const TAG: &str = "type";

/// Reads an enum with fields. A variant that stands in `tags` is read by `known`, whose errors are errors; any other
/// is kept.
///
/// # Errors
/// When it is no map with text under `type`, or when `known` fails.
pub fn read<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    tags: &[&str],
    known: impl FnOnce(HeldDeserializer<D::Error>) -> Result<T, D::Error>,
    unknown: impl FnOnce(Opaque) -> T,
) -> Result<T, D::Error> {
    let entries = deserializer.deserialize_map(Tagged)?;
    let tag = tag_of(&entries)?;
    if tags.contains(&tag) {
        return known(Held::Map(entries).into_deserializer());
    }
    let tag = Text::from(tag);
    Ok(unknown(Opaque::new(tag, Held::Map(entries).into_json()?)))
}

/// Reads an enum without fields: `known` knows its words, any other is kept.
///
/// # Errors
/// When it is no text.
pub fn read_word<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    known: impl FnOnce(&str) -> Option<T>,
    unknown: impl FnOnce(Opaque) -> T,
) -> Result<T, D::Error> {
    let word = Text::deserialize(deserializer)?;
    if let Some(value) = known(&word) {
        return Ok(value);
    }
    let content = Json::of(&word).map_err(D::Error::custom)?;
    Ok(unknown(Opaque::new(word, content)))
}

fn tag_of<E: Error>(entries: &Entries) -> Result<&str, E> {
    let mut tags = entries.iter().filter(|(key, _)| key == TAG).map(|(_, value)| value);
    match (tags.next(), tags.next()) {
        (Some(Held::Text(tag)), None) => Ok(tag),
        (Some(_), None) => Err(E::custom(format!("the field `{TAG}` is no text"))),
        (Some(_), Some(_)) => Err(E::duplicate_field(TAG)),
        (None, _) => Err(E::missing_field(TAG)),
    }
}

struct Tagged;

impl<'de> Visitor<'de> for Tagged {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a map with the variant's name under `{TAG}`")
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Entries, A::Error> {
        entries(access)
    }
}

#[cfg(test)]
mod tests;
