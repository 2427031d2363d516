//! The encoded form of a contract: MessagePack with the fields' names.
//!
//! It is what two copies of a contract that differ have in common, and what goes to another process or another language.
//! Structs are maps, variants go by their names, and what the reader does not know is skipped.

use std::fmt;
use std::io::{Cursor, ErrorKind};

use rmp_serde::decode::ReadRefReader;
use serde::Deserialize;
use serde_path_to_error::{Path, Track};

use crate::CallError;
use crate::contract::Contract;

/// How deep an encoded value may nest: the 127 levels of a [`Json`](crate::Json), and room for the contract around it.
const DEEPEST: usize = 150;

/// Encodes a contract.
///
/// # Errors
/// When a part of it cannot be encoded; the message names the contract and the place in it.
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
    encode_into(value, &mut bytes)?;
    Ok(bytes)
}

/// As [`encode`], at the end of what is there.
///
/// # Errors
/// Those of [`encode`].
pub(crate) fn encode_into<T: Contract>(value: &T, bytes: &mut Vec<u8>) -> Result<(), CallError> {
    let written = value.serialize(&mut rmp_serde::Serializer::new(bytes).with_struct_map());
    written.map_err(|error| failed::<T>("encoded", &place_not_encoded(value), &error))
}

/// Bytes that most documents do not exceed: to begin with fewer costs a new allocation for each doubling.
pub(crate) const USUAL: usize = 256;

/// Reads a contract from what [`encode`] made of it, or of another copy of it. `bytes` are one whole value.
///
/// # Errors
/// When they are not one; the message names the contract and, unless it lies inside an enum's fields, the place in it.
pub fn decode<T: Contract>(bytes: &[u8]) -> Result<T, CallError> {
    let mut reader = reader(bytes);
    let value = T::deserialize(&mut reader)
        .map_err(|error| failed::<T>("read", &place_not_read::<T>(bytes), &error))?;
    if is_at_end(&mut reader) { Ok(value) } else { Err(failed::<T>("read", "", &left_behind::<T>(bytes))) }
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
    use rmp_serde::decode::Error;
    matches!(<()>::deserialize(reader), Err(Error::InvalidMarkerRead(error)) if error.kind() == ErrorKind::UnexpectedEof)
}

/// Says how much there is behind a value, by a reader that tells where it is.
#[cold]
fn left_behind<T: Contract>(bytes: &[u8]) -> String {
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes));
    reader.set_max_depth(DEEPEST + 1);
    let _ = T::deserialize(&mut reader);
    let read = usize::try_from(reader.position()).unwrap_or(bytes.len());
    format!("{} bytes follow it", bytes.len().saturating_sub(read))
}

// To follow the path costs an allocation for each field, so it is followed only when something is known to be wrong.

#[cold]
fn place_not_encoded<T: Contract>(value: &T) -> String {
    let mut nowhere = rmp_serde::Serializer::new(std::io::sink()).with_struct_map();
    let mut track = Track::new();
    let _ = value.serialize(serde_path_to_error::Serializer::new(&mut nowhere, &mut track));
    shown(&track.path())
}

#[cold]
fn place_not_read<T: Contract>(bytes: &[u8]) -> String {
    let mut track = Track::new();
    let _ = T::deserialize(serde_path_to_error::Deserializer::new(&mut reader(bytes), &mut track));
    shown(&track.path())
}

/// Nothing when it is the value itself.
fn shown(place: &Path) -> String {
    if place.iter().next().is_some() { format!("`{place}`: ") } else { String::new() }
}

fn failed<T: Contract>(what: &str, place: &str, error: &dyn fmt::Display) -> CallError {
    CallError::failed(format!("`{}` cannot be {what}: {place}{error}", T::NAME))
}

#[cfg(test)]
mod tests;
