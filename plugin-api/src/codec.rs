//! The encoded form of a contract: MessagePack with the fields' names.
//!
//! It is what two copies of a contract that differ have in common, and what goes to another process or another language.
//! Structs are maps, variants go by their names, and what the reader does not know is skipped.

use std::fmt;
use std::io::Read;

use rmp_serde::decode::ReadReader;
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
    match value.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map()) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(failed::<T>("encoded", &place_not_encoded(value), &error)),
    }
}

/// Bytes that most documents do not exceed: to begin with fewer costs a new allocation for each doubling.
const USUAL: usize = 256;

/// Reads a contract from what [`encode`] made of it, or of another copy of it. `bytes` are one whole value.
///
/// # Errors
/// When they are not one; the message names the contract and, unless it lies inside an enum's fields, the place in it.
pub fn decode<T: Contract>(bytes: &[u8]) -> Result<T, CallError> {
    let mut rest = bytes;
    let value = T::deserialize(&mut reader(&mut rest))
        .map_err(|error| failed::<T>("read", &place_not_read::<T>(bytes), &error))?;
    match rest.len() {
        0 => Ok(value),
        left => Err(failed::<T>("read", "", &format_args!("{left} bytes follow it"))),
    }
}

fn reader<R: Read>(bytes: R) -> rmp_serde::Deserializer<ReadReader<R>> {
    let mut reader = rmp_serde::Deserializer::new(bytes);
    reader.set_max_depth(DEEPEST + 1);
    reader
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
fn place_not_read<T: Contract>(mut bytes: &[u8]) -> String {
    let mut track = Track::new();
    let _ = T::deserialize(serde_path_to_error::Deserializer::new(&mut reader(&mut bytes), &mut track));
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
