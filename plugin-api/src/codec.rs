//! The encoded form of a contract: MessagePack with the fields' names.
//!
//! It is what two copies of a contract that differ have in common, and what goes to another process or another language.
//! Structs are maps, variants go by their names, and what the reader does not know is skipped.

mod place;

use std::fmt;
use std::io::{Cursor, ErrorKind};

use rmp_serde::decode::{Error, ReadRefReader};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::CallError;
use crate::contract::Contract;

/// How deep an encoded value may nest: the 127 levels of a [`Json`](crate::Json), and room for the contract around it.
const DEEPEST: usize = 150;

/// Encodes a contract.
///
/// # Errors
/// When a part of it cannot be encoded; the message names the contract and what was written last.
///
/// ```
/// use transom_plugin_api::prelude::*;
/// use transom_plugin_api::codec;
///
/// #[contract]
/// pub struct Parcel {
///     pub label: Text,
///     pub weight_g: u32,
/// }
///
/// let parcel = Parcel { label: "books".into(), weight_g: 900 };
/// let bytes = codec::encode(&parcel)?;
/// assert_eq!(codec::decode::<Parcel>(&bytes)?, parcel);
/// # Ok::<(), CallError>(())
/// ```
pub fn encode<T: Contract>(value: &T) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::with_capacity(USUAL);
    value.encode_to(&mut bytes)?;
    Ok(bytes)
}

/// Bytes that most documents do not exceed: to begin with fewer costs a new allocation for each doubling.
pub(crate) const USUAL: usize = 256;

/// Reads a contract from what [`encode`] made of it, or of another copy of it. `bytes` are one whole value.
///
/// # Errors
/// When they are not one; the message names the contract and what was read last.
pub fn decode<T: Contract>(bytes: &[u8]) -> Result<T, CallError> {
    T::decode_from(bytes)
}

/// Encodes the contract `name` at the end of what is there. For the macro's output: what is generic here is compiled in the
/// crate of the contract, once, and not in every plugin that uses it.
///
/// # Errors
/// Those of [`encode`].
#[doc(hidden)]
pub fn write<T: Serialize>(name: &str, value: &T, bytes: &mut Vec<u8>) -> Result<(), CallError> {
    let begin = bytes.len();
    let written = value.serialize(&mut rmp_serde::Serializer::new(&mut *bytes).with_struct_map());
    written.map_err(|error| {
        let written = bytes.get(begin..).unwrap_or_default();
        failed(name, "encoded", &place::near(written, written.len() + 1), &error)
    })
}

/// Reads the contract `name`, as [`write`](fn@write) encodes it.
///
/// # Errors
/// Those of [`decode`].
#[doc(hidden)]
pub fn read<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, CallError> {
    let mut reader = reader(bytes);
    let value = T::deserialize(&mut reader).map_err(|error| not_read::<T>(name, bytes, &error))?;
    if is_at_end(&mut reader) { Ok(value) } else { Err(failed(name, "read", "", &left_behind(bytes))) }
}

/// Its texts are parts of the bytes, copied once to where they stay.
fn reader(bytes: &[u8]) -> Reader<'_> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(DEEPEST + 1);
    reader
}

type Reader<'a> = rmp_serde::Deserializer<ReadRefReader<'a, [u8]>>;

/// It does not tell where it is, only that there is no marker of something more: a reader of `()` looks at one and at nothing
/// behind it.
fn is_at_end(reader: &mut Reader<'_>) -> bool {
    matches!(<()>::deserialize(reader), Err(Error::InvalidMarkerRead(error)) if error.kind() == ErrorKind::UnexpectedEof)
}

/// Says how much there is behind the first value, by a reader that tells where it is.
#[cold]
fn left_behind(bytes: &[u8]) -> String {
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes));
    reader.set_max_depth(DEEPEST + 1);
    let _ = IgnoredAny::deserialize(&mut reader);
    let read = usize::try_from(reader.position()).unwrap_or(bytes.len());
    format!("{} bytes follow it", bytes.len().saturating_sub(read))
}

/// Finds how far it was read: it fails in the same way as long as so much of it is there, and otherwise since it ends too early;
/// where that is what is wrong with it, to its end. A reader that tells where it is, or follows the path, would have to be compiled for each contract once more.
#[cold]
fn not_read<T: DeserializeOwned>(name: &str, bytes: &[u8], error: &Error) -> CallError {
    let told = error.to_string();
    let fails_so = |length: usize| {
        let read = T::deserialize(&mut reader(&bytes[..length]));
        read.is_err_and(|error| error.to_string() == told)
    };
    let (mut least, mut enough) = (0, bytes.len());
    while least < enough {
        let middle = usize::midpoint(least, enough);
        if fails_so(middle) { enough = middle } else { least = middle + 1 }
    }
    let offset = if least == 0 { bytes.len() + 1 } else { least };
    failed(name, "read", &place::near(bytes, offset), &told)
}

/// `place` is empty when it is the value itself.
#[cold]
fn failed(name: &str, what: &str, place: &str, error: &dyn fmt::Display) -> CallError {
    let near = if place.is_empty() { String::new() } else { format!(" near `{place}`") };
    CallError::failed(format!("`{name}` cannot be {what}{near}: {error}"))
}

#[cfg(test)]
mod tests;
