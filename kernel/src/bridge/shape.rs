//! The shape of a contract: what its encoding looks like, without a word about its layout in memory.
//!
//! A descriptor carries it as JSON; [`Shape::parse`] reads that.

mod number;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

pub(crate) use number::Number;

/// More levels than this are a mistake or malice, and would cost stack wherever a shape is walked.
const MOST_LEVELS: usize = 64;

/// Characters of a foreign shape that are shown; it may be of any length.
const MOST_SHOWN: usize = 40;

/// What the encoding of a value looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `true` or `false`.
    Bool,
    /// Nothing at all: `()`.
    Unit,
    /// UTF-8.
    Text,
    /// Whatever JSON can say.
    Json,
    /// A number of one width.
    Number(Number),
    /// Elements in order.
    List(Box<Shape>),
    /// A value or none. As a field that may be absent it is left out, elsewhere it is null.
    Maybe(Box<Shape>),
    /// Values under keys that are text.
    Map(Box<Shape>),
    /// Encoded as what it shares.
    Shared(Box<Shape>),
    /// Named fields.
    Struct(Struct),
    /// One of several variants.
    Enum(Enum),
    /// A kind of shape of a later version, as it was written: fits itself and nothing else.
    Foreign(String),
}

/// A shape with named fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Struct {
    /// What people call it; never compared.
    pub(crate) name: String,
    /// In the order of their declaration, which does not matter.
    pub(crate) fields: Vec<Field>,
}

/// A field of a struct or of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name in the encoding.
    pub(crate) name: String,
    /// Of its value.
    pub(crate) shape: Shape,
    /// Whether it is filled in when it is absent.
    pub(crate) default: bool,
    /// Further names that it is read under, never written.
    pub(crate) was: Vec<String>,
}

/// A choice between variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Enum {
    /// What people call it; never compared.
    pub(crate) name: String,
    /// The key that holds a variant's name. Without it the name is the whole encoding.
    pub(crate) tag: Option<String>,
    /// Those it knows.
    pub(crate) variants: Vec<Variant>,
    /// Whether it also holds variants that it does not know, unchanged.
    pub(crate) grows: bool,
}

/// One variant of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// Its name in the encoding.
    pub(crate) name: String,
    /// They stand beside the tag.
    pub(crate) fields: Vec<Field>,
}

impl Shape {
    /// Reads a shape as a descriptor has it. Keys that it does not know are ignored.
    ///
    /// # Errors
    /// One sentence: what is wrong, and in which field.
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        parse::shape(value, MOST_LEVELS)
    }

    /// The shape that stands in the encoding: sharing does not show there.
    pub(crate) fn encoded(&self) -> &Self {
        match self {
            Self::Shared(inner) => inner.encoded(),
            other => other,
        }
    }

    /// The shape of a value that is not none, however often it may be none.
    pub(crate) fn present(&self) -> &Self {
        match self {
            Self::Shared(inner) | Self::Maybe(inner) => inner.present(),
            other => other,
        }
    }

    /// Whether a part of it is of a kind that is not known here.
    pub(crate) fn has_foreign_part(&self) -> bool {
        let any = |fields: &[Field]| fields.iter().any(|field| field.shape.has_foreign_part());
        match self {
            Self::Foreign(_) => true,
            Self::List(inner) | Self::Maybe(inner) | Self::Map(inner) | Self::Shared(inner) => {
                inner.has_foreign_part()
            }
            Self::Struct(of) => any(&of.fields),
            Self::Enum(of) => of.variants.iter().any(|variant| any(&variant.fields)),
            Self::Bool | Self::Unit | Self::Text | Self::Json | Self::Number(_) => false,
        }
    }
}

impl Field {
    /// Whether it takes a value that was written under `name`.
    pub(crate) fn is_read_under(&self, name: &str) -> bool {
        self.name == name || self.was.iter().any(|was| was == name)
    }

    /// Whether a reader does without it. A `Maybe` that is not there is none, default or not.
    pub(crate) fn may_be_absent(&self) -> bool {
        self.default || matches!(self.shape.encoded(), Shape::Maybe(_))
    }

    /// What its value looks like where a writer leaves none out; nothing where none is written as null.
    ///
    /// Both are told from the field's own type, so a shared `Maybe` is never left out.
    pub(crate) fn unless_left_out(&self) -> Option<&Shape> {
        match &self.shape {
            Shape::Maybe(inner) if self.default => Some(inner),
            _ => None,
        }
    }
}

impl Enum {
    /// The variant of that name.
    pub(crate) fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }
}

/// As an author would write the type.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Unit => f.write_str("()"),
            Self::Text => f.write_str("Text"),
            Self::Json => f.write_str("Json"),
            Self::Number(number) => number.fmt(f),
            Self::List(inner) => write!(f, "List<{inner}>"),
            Self::Maybe(inner) => write!(f, "Maybe<{inner}>"),
            Self::Map(inner) => write!(f, "Map<{inner}>"),
            Self::Shared(inner) => inner.fmt(f),
            Self::Struct(of) => write!(f, "struct {}", of.name),
            Self::Enum(of) => write!(f, "enum {}", of.name),
            Self::Foreign(text) if text.chars().count() > MOST_SHOWN => {
                write!(f, "{}…", text.chars().take(MOST_SHOWN).collect::<String>())
            }
            Self::Foreign(text) => f.write_str(text),
        }
    }
}
