//! The descriptor, written as a constant: magic, length and JSON in the file's `.transom` section.
//!
//! Everything here is `const fn`, because what is not known at compile time cannot be read without running the
//! plugin. The JSON is produced twice, once to count its bytes and once to keep them.

mod writer;

use writer::Writer;

use crate::port::PortDecl;
use crate::runtime::RuntimeChoice;

/// Name of the section that holds descriptors.
pub const SECTION: &str = ".transom";

/// Every record begins with it; the last byte is the version of the record's form.
pub const MAGIC: [u8; 8] = *b"TRANSOM\x01";

/// Bytes before the JSON: magic and a little-endian `u32` length.
pub const RECORD_HEAD: usize = MAGIC.len() + 4;

/// Text that is put together at compile time.
#[derive(Clone, Copy, Debug)]
pub enum Piece {
    /// Text as it is.
    Text(&'static str),
    /// Further pieces.
    Nested(&'static [Piece]),
}

/// The text that `pieces` are together.
#[must_use]
pub fn text_of(pieces: &[Piece]) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Nested(nested) => out.push_str(&text_of(nested)),
        }
    }
    out
}

/// Whether a contract of this shape is encoded as a map of known keys, and can be flattened therefore. Others do not
/// compile:
///
/// ```compile_fail,E0080
/// use transom_plugin_api::prelude::*;
///
/// #[contract]
/// struct Parcel {
///     #[serde(flatten)]
///     tags: Map<u8>,
/// }
/// ```
#[must_use]
pub const fn is_map(shape: &[Piece]) -> bool {
    let [Piece::Text(head), ..] = shape else { return false };
    // No name in it can hold a quote that is not escaped.
    begins_with(head, "{\"struct\":") || (begins_with(head, "{\"enum\":") && holds(head, "\",\"tag\":\""))
}

const fn begins_with(text: &str, head: &str) -> bool {
    holds_at(text.as_bytes(), head.as_bytes(), 0)
}

const fn holds(text: &str, part: &str) -> bool {
    let mut place = 0;
    while place < text.len() {
        if holds_at(text.as_bytes(), part.as_bytes(), place) {
            return true;
        }
        place += 1;
    }
    false
}

const fn holds_at(text: &[u8], part: &[u8], place: usize) -> bool {
    let mut index = 0;
    while index < part.len() {
        if place + index >= text.len() || text[place + index] != part[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// What an exported plugin says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// The plugin's id.
    pub id: &'static str,
    /// Version of the plugin's crate.
    pub version: &'static str,
    /// One sentence: the first line of the crate's description.
    pub about: &'static str,
    /// The module that exports it: what it logs when it is linked is known by that.
    pub module: &'static str,
    /// The runtime it asks for.
    pub runtime: RuntimeChoice,
    /// Whether its panics abort the process.
    pub aborts: bool,
    /// Whether the old generation lets go of everything before a new one starts.
    pub exclusive: bool,
    /// What it asks to be granted.
    pub capabilities: &'static [&'static str],
    /// Its ports.
    pub ports: &'static [PortDecl],
    /// The inside of its settings' JSON Schema.
    pub settings: &'static [Piece],
}

/// How long the record of `description` is.
#[must_use]
pub const fn record_len(description: &Description) -> usize {
    RECORD_HEAD + Writer::<0>::json(description).len()
}

/// The record of `description`, `N` bytes long as [`record_len`] says.
#[must_use]
pub const fn record<const N: usize>(description: &Description) -> [u8; N] {
    let json = Writer::<N>::json(description);
    assert!(json.len() + RECORD_HEAD == N, "the record has the length that was counted");
    let mut out = [0; N];
    let (head, rest) = out.split_at_mut(RECORD_HEAD);
    let (magic, length) = head.split_at_mut(MAGIC.len());
    magic.copy_from_slice(&MAGIC);
    length.copy_from_slice(&(json.len() as u32).to_le_bytes());
    rest.copy_from_slice(json.bytes());
    out
}

/// The JSON inside a record made by [`record`].
pub(crate) fn json_of_record(record: &'static [u8]) -> &'static str {
    std::str::from_utf8(&record[RECORD_HEAD..]).expect("a record is written from text")
}

#[cfg(test)]
mod tests;
