//! Documents of strangers: well-formed, and each key of an object only once.
//!
//! Of two equal keys one reader takes the first and another the last, so that a guard and who it guards may see two
//! different documents. Nobody writes them on purpose.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use transom_plugin_api::sabotage::sabotaged;

/// Characters of a key that are repeated.
const SHOWN: usize = 40;

/// Refuses a text that is no JSON document, and one in which an object has a key twice. Nests at most 127 levels.
///
/// # Errors
/// What the document is or has, to be put behind `the body` or `the message`: `is not JSON: …`, or `has the key … twice …`,
/// with line and column.
pub fn check(text: &str) -> Result<(), String> {
    let mut twice = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Unique(&mut twice).deserialize(&mut reader).and_then(|()| reader.end());
    let Err(error) = read else { return Ok(()) };
    match twice {
        Some(key) => Err(format!(
            "has the key `{key}` twice, again at line {} column {}",
            error.line(),
            error.column()
        )),
        None => Err(format!("is not JSON: {error}")),
    }
}

/// Reads any value, and remembers the key that it found twice.
struct Unique<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a JSON document")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Unique(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(Key(key)) = fields.next_key()? {
            if keys.contains(&key) && !sabotaged("take-the-last-of-equal-keys") {
                let shown: String = key.chars().take(SHOWN).collect();
                *self.0 = Some(shown.escape_debug().to_string());
                // Read as well, so that the place behind it is the error's.
                fields.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom("a key is there twice"));
            }
            keys.insert(key);
            fields.next_value_seed(Unique(self.0))?;
        }
        Ok(())
    }
}

/// A key as it is meant, its escapes undone.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Key<'de>;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        reader.deserialize_str(Reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_there_twice_is_named_however_it_is_written() {
        let twice = "has the key `a` twice, again at line 1 column";
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"b":{},"\u0061":[]}"#,
            r#"[{"x":{"a":null,"a":null}}]"#,
            r#"{"a":{"a":1},"b":2,"a":3}"#,
        ] {
            let told = check(text).unwrap_err();
            assert!(told.starts_with(twice), "{text}: {told}");
        }
        let told = check(&format!("{{\"{0}\":1,\"{0}\":1}}", "\\n".repeat(50))).unwrap_err();
        assert!(told.starts_with(&format!("has the key `{}` twice", "\\n".repeat(40))), "{told}");
    }

    #[test]
    fn everything_else_that_is_json_is_accepted() {
        for text in [
            "null",
            " 1 ",
            "-0.5e3",
            "18446744073709551615",
            r#""\ud83d\ude00""#,
            "[]",
            r#"{"a":{"a":[{"a":1},{"a":true}]},"A":0,"":1}"#,
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_by_its_place_and_what_nests_too_deep_is_refused() {
        for text in ["", "{", "{a:1}", "[1,]", "1 2", r#"{"a":1,}"#, "1e999", "nul"] {
            let told = check(text).unwrap_err();
            assert!(told.starts_with("is not JSON: ") && told.contains("line 1 column"), "{text}: {told}");
        }
        assert!(check(&"[".repeat(100_000)).is_err());
    }
}
