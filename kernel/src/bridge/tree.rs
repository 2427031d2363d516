//! One MessagePack document as a tree that borrows from it.
//!
//! Each node keeps the bytes it was read from, so that what did not change is copied and never encoded again. Two trees
//! are equal when they say the same: however a number is encoded, in whatever order a map has its keys.

use std::fmt;
use std::hash::{Hash, Hasher};

use self::reader::Reader;

mod reader;
#[cfg(test)]
pub(super) mod sample;

/// A node, with all that is below it.
#[derive(Clone, Debug)]
pub(super) struct Tree<'a> {
    /// What it was read from.
    pub(super) bytes: &'a [u8],
    /// What it says.
    pub(super) value: Value<'a>,
}

/// What a node says. A whole number is `Unsigned` or `Negative` even if it is encoded as a float.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value<'a> {
    Nil,
    Boolean(bool),
    Unsigned(u64),
    /// Below 0.
    Negative(i64),
    /// The bits of an `f64`, so that a NaN equals itself and the two zeros differ.
    Float(u64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Extension(i8, &'a [u8]),
    List(Vec<Tree<'a>>),
    Map(Map<'a>),
}

/// A map with text keys, each of which stands once.
#[derive(Clone, Debug)]
pub(super) struct Map<'a> {
    entries: Vec<Entry<'a>>,
    /// Places in `entries`, by key.
    sorted: Vec<usize>,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entry<'a> {
    pub(super) key: Key<'a>,
    pub(super) value: Tree<'a>,
}

/// A key; what it was read from is no part of what it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) text: &'a str,
}

/// Why bytes are no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadFault {
    /// Where reading stopped, in bytes from the start.
    pub(crate) offset: usize,
    /// What is wrong there.
    pub(crate) flaw: Flaw,
}

/// What can be wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It ends too early.
    Truncated,
    /// Something follows its end.
    Trailing,
    /// Lists and maps are nested deeper than is read.
    TooDeep,
    /// A text is not UTF-8.
    NotUtf8,
    /// A map has a key that is no text.
    KeyNotText,
    /// A map has the same key twice.
    KeyTwice,
    /// The byte begins nothing.
    Reserved,
}

impl<'a> Tree<'a> {
    /// Reads one document. Allocates in proportion to what is there, not to what is promised.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, ReadFault> {
        let mut reader = Reader::new(bytes);
        let tree = reader.tree(0)?;
        reader.finish()?;
        Ok(tree)
    }
}

impl PartialEq for Tree<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes || self.value == other.value
    }
}

impl Eq for Tree<'_> {}

impl Hash for Tree<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl Value<'_> {
    /// A float, or the whole number that it is. A negative zero is no whole number: its sign would be lost.
    fn of_float(float: f64) -> Self {
        const BEYOND_U64: f64 = 18_446_744_073_709_551_616.0;
        const LEAST_I64: f64 = -9_223_372_036_854_775_808.0;
        let is_whole = float.fract() == 0.0 && float.to_bits() != (-0.0_f64).to_bits();
        if is_whole && (0.0..BEYOND_U64).contains(&float) {
            return Self::Unsigned(float as u64);
        }
        if is_whole && (LEAST_I64..0.0).contains(&float) {
            return Self::Negative(float as i64);
        }
        Self::Float(float.to_bits())
    }

    fn of_signed(number: i64) -> Self {
        u64::try_from(number).map_or(Self::Negative(number), Self::Unsigned)
    }
}

impl<'a> Map<'a> {
    /// The map with these entries, or a key that stands twice.
    fn new(entries: Vec<Entry<'a>>) -> Result<Self, Key<'a>> {
        let mut sorted: Vec<usize> = (0..entries.len()).collect();
        sorted.sort_unstable_by_key(|place| entries[*place].key.text);
        let twice = sorted.windows(2).find(|pair| entries[pair[0]].key == entries[pair[1]].key);
        if let Some(pair) = twice {
            return Err(entries[pair[1]].key);
        }
        Ok(Self { entries, sorted })
    }

    /// What stands under `key`.
    pub(super) fn get(&self, key: &str) -> Option<&Tree<'a>> {
        let found = self.sorted.binary_search_by_key(&key, |place| self.entries[*place].key.text);
        found.ok().map(|at| &self.entries[self.sorted[at]].value)
    }

    /// The text under `key`, if it is one.
    pub(super) fn text_under(&self, key: &str) -> Option<&'a str> {
        match self.get(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// All entries, as they stand in the document.
    pub(super) fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    fn by_key(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.sorted.iter().map(|place| &self.entries[*place])
    }
}

impl PartialEq for Map<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.by_key().eq(other.by_key())
    }
}

impl Eq for Map<'_> {}

impl Hash for Map<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.by_key().for_each(|entry| entry.hash(state));
        // Ends the list, so that what follows is not taken for another entry.
        self.entries.len().hash(state);
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Key<'_> {}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for ReadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flaw = match self.flaw {
            Flaw::Truncated => "it ends too early",
            Flaw::Trailing => "something follows its end",
            Flaw::TooDeep => "it is nested too deep",
            Flaw::NotUtf8 => "a text is not UTF-8",
            Flaw::KeyNotText => "a key is no text",
            Flaw::KeyTwice => "a key stands twice",
            Flaw::Reserved => "the byte begins nothing",
        };
        write!(f, "{flaw}, at byte {}", self.offset)
    }
}

#[cfg(test)]
mod tests;
