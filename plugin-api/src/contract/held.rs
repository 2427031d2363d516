//! A value that was read before its type is known; the type is read from it afterwards.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Map, Number, Value};

use crate::Json;

/// What contracts are encoded with, and nothing else.
#[derive(Debug)]
pub(super) enum Held {
    Nothing,
    Truth(bool),
    Whole(i64),
    Natural(u64),
    Real(f64),
    Text(String),
    List(Vec<Self>),
    Map(Entries),
}

/// A map's entries in the order in which they came.
pub(super) type Entries = Vec<(String, Held)>;

impl Held {
    /// The same as a document, unless that cannot hold it.
    pub(super) fn into_json<E: de::Error>(self) -> Result<Json, E> {
        Json::from_tree(self.into_tree()?)
    }

    fn into_tree<E: de::Error>(self) -> Result<Value, E> {
        Ok(match self {
            Self::Nothing => Value::Null,
            Self::Truth(value) => value.into(),
            Self::Whole(value) => value.into(),
            Self::Natural(value) => value.into(),
            Self::Real(value) => {
                let finite = Number::from_f64(value);
                finite.ok_or_else(|| E::custom(format!("the number {value} has no place in JSON")))?.into()
            }
            Self::Text(value) => value.into(),
            Self::List(items) => {
                items.into_iter().map(Self::into_tree).collect::<Result<Vec<_>, E>>()?.into()
            }
            Self::Map(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    if map.contains_key(&key) {
                        return Err(E::custom(format!("the field `{key}` stands there twice")));
                    }
                    map.insert(key, value.into_tree()?);
                }
                map.into()
            }
        })
    }
}

impl<'de> Deserialize<'de> for Held {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Holding)
    }
}

struct Holding;

impl<'de> Visitor<'de> for Holding {
    type Value = Held;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of a contract")
    }

    fn visit_unit<E>(self) -> Result<Held, E> {
        Ok(Held::Nothing)
    }

    fn visit_none<E>(self) -> Result<Held, E> {
        Ok(Held::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Held, D::Error> {
        Held::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Held, E> {
        Ok(Held::Truth(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Held, E> {
        Ok(Held::Whole(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Held, E> {
        Ok(Held::Natural(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Held, E> {
        Ok(Held::Real(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Held, E> {
        Ok(Held::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Held, E> {
        Ok(Held::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Held, A::Error> {
        // Nothing is allocated for the length that is announced: the bytes may lie.
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Held::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Held, A::Error> {
        entries(access).map(Held::Map)
    }
}

/// Reads what is left of a map.
pub(super) fn entries<'de, A: MapAccess<'de>>(mut access: A) -> Result<Entries, A::Error> {
    let mut entries = Vec::new();
    while let Some(entry) = access.next_entry()? {
        entries.push(entry);
    }
    Ok(entries)
}

impl<'de, E: de::Error> IntoDeserializer<'de, E> for Held {
    type Deserializer = HeldDeserializer<E>;

    fn into_deserializer(self) -> HeldDeserializer<E> {
        HeldDeserializer { held: self, error: PhantomData }
    }
}

/// Reads a type from a held value, with the errors of whoever read that.
#[derive(Debug)]
pub struct HeldDeserializer<E> {
    held: Held,
    error: PhantomData<fn() -> E>,
}

impl<'de, E: de::Error> Deserializer<'de> for HeldDeserializer<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.held {
            Held::Nothing => visitor.visit_unit(),
            Held::Truth(value) => visitor.visit_bool(value),
            Held::Whole(value) => visitor.visit_i64(value),
            Held::Natural(value) => visitor.visit_u64(value),
            Held::Real(value) => visitor.visit_f64(value),
            Held::Text(value) => visitor.visit_string(value),
            Held::List(items) => {
                let mut items = SeqDeserializer::new(items.into_iter());
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Held::Map(entries) => {
                let mut entries = MapDeserializer::new(entries.into_iter());
                let value = visitor.visit_map(&mut entries)?;
                entries.end().map(|()| value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.held {
            Held::Nothing => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        match self.held {
            Held::Text(word) => visitor.visit_enum(word.into_deserializer()),
            _ => Err(E::invalid_type(Unexpected::Other("something else"), &"the name of a variant")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
