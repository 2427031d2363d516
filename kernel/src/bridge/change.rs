//! What a filter link changed, applied to a value of which it does not know everything.
//!
//! A link that was built with another copy of a contract returns *a change, not a value*: what it was given is compared
//! with what it returned, both in its own shape, and only what differs is placed in the original. It does not know
//! shapes: a change that the applier cannot read back is for others to find.

use std::fmt;

use self::align::{Run, align};
use super::tree::{Map, ReadFault, Tree, Value};

mod align;

/// The key that says which variant of an enum a map is.
const TAG: &str = "type";

/// A change that has no place in the original, or none without loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unplaceable {
    /// Where, such as `messages[3].content`; elements are counted as in the original. Empty for the whole.
    pub(crate) path: String,
    /// Why.
    pub(crate) reason: Reason,
}

/// Why a change has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// One of the three is no document.
    Unreadable { document: Document, fault: ReadFault },
    /// One is a list, a map or neither, and the other something else.
    KindsDiffer,
    /// The link was given more or fewer elements than the original has.
    LengthsDiffer { original: usize, given: usize },
    /// The link changed a field that the original does not have: it was given a default.
    NoSuchField,
    /// Elements became more or fewer, so that nobody can say which became which, and they hold what the link does
    /// not know.
    RunReplaced { given: usize, returned: usize },
    /// More entries than a document can have.
    TooMany,
}

/// One of the three that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// The value, in the applier's shape.
    Original,
    /// What the link was given, in the link's shape.
    Given,
    /// What it returned.
    Returned,
}

/// The original with exactly the changes that lead from `given` to `returned`. Nil and absent are the same where one of
/// the three lacks a field; otherwise what the link does not know stays as it is, byte by byte.
///
/// # Errors
/// The first change that cannot be placed without loss.
pub(crate) fn carry(original: &[u8], given: &[u8], returned: &[u8]) -> Result<Vec<u8>, Unplaceable> {
    if given == returned {
        return Ok(original.to_vec());
    }
    let original = read(Document::Original, original)?;
    let given = read(Document::Given, given)?;
    let returned = read(Document::Returned, returned)?;
    let mut carried = Vec::with_capacity(original.bytes.len());
    place(&original, &given, &returned, &mut carried)?;
    Ok(carried)
}

/// Whether two documents hold the same value: numbers are compared by value, and nil is the same as absent.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    matches!((Tree::read(one), Tree::read(other)), (Ok(one), Ok(other)) if one == other)
}

fn read(document: Document, bytes: &[u8]) -> Result<Tree<'_>, Unplaceable> {
    Tree::read(bytes).map_err(|fault| Unplaceable::here(Reason::Unreadable { document, fault }))
}

fn place(
    original: &Tree<'_>,
    given: &Tree<'_>,
    returned: &Tree<'_>,
    carried: &mut Vec<u8>,
) -> Result<(), Unplaceable> {
    if given == returned {
        carried.extend_from_slice(original.bytes);
        return Ok(());
    }
    match (&original.value, &given.value, &returned.value) {
        (Value::Map(original), Value::Map(given), Value::Map(returned)) if !is_other(given, returned) => {
            place_in_map(original, given, returned, carried)
        }
        (Value::List(original), Value::List(given), Value::List(returned)) => {
            place_in_list(original, given, returned, carried)
        }
        (original, given, _) if is_alike(original, given) => {
            carried.extend_from_slice(returned.bytes);
            Ok(())
        }
        _ => Err(Unplaceable::here(Reason::KindsDiffer)),
    }
}

/// Whether the one became another variant: what the link did not know belonged to the old one, and goes with it.
fn is_other(given: &Map<'_>, returned: &Map<'_>) -> bool {
    matches!((given.text_under(TAG), returned.text_under(TAG)), (Some(old), Some(new)) if old != new)
}

fn is_alike(original: &Value<'_>, given: &Value<'_>) -> bool {
    match (original, given) {
        (Value::Map(_), Value::Map(_)) | (Value::List(_), Value::List(_)) => true,
        (Value::Map(_) | Value::List(_), _) | (_, Value::Map(_) | Value::List(_)) => false,
        _ => true,
    }
}

fn place_in_map(
    original: &Map<'_>,
    given: &Map<'_>,
    returned: &Map<'_>,
    carried: &mut Vec<u8>,
) -> Result<(), Unplaceable> {
    if let Some(key) = homeless(original, given, returned) {
        return Err(Unplaceable::here(Reason::NoSuchField).under(key));
    }
    let stays = |key| given.get(key).is_none() || returned.get(key).is_some();
    let is_new = |key, value| original.get(key).is_none() && given.get(key) != Some(value);
    let kept: Vec<_> = original.entries().iter().filter(|entry| stays(entry.key.text)).collect();
    let new: Vec<_> =
        returned.entries().iter().filter(|entry| is_new(entry.key.text, &entry.value)).collect();
    write_map_length(kept.len() + new.len(), carried)?;
    for entry in kept {
        carried.extend_from_slice(entry.key.bytes);
        let key = entry.key.text;
        match (given.get(key), returned.get(key)) {
            (Some(given), Some(returned)) => {
                place(&entry.value, given, returned, carried).map_err(|error| error.under(key))?;
            }
            (_, Some(returned)) => carried.extend_from_slice(returned.bytes),
            (_, None) => carried.extend_from_slice(entry.value.bytes),
        }
    }
    for entry in new {
        carried.extend_from_slice(entry.key.bytes);
        carried.extend_from_slice(entry.value.bytes);
    }
    Ok(())
}

/// A key whose change would be lost: the link read a default where the original has nothing, so the applier does not
/// know the field, at least not by this name.
fn homeless<'a>(original: &Map<'_>, given: &Map<'a>, returned: &Map<'_>) -> Option<&'a str> {
    let made_up = given
        .entries()
        .iter()
        .filter(|entry| original.get(entry.key.text).is_none() && !matches!(entry.value.value, Value::Nil));
    let mut changed = made_up.filter(|entry| returned.get(entry.key.text) != Some(&entry.value));
    changed.next().map(|entry| entry.key.text)
}

/// Where an element of a returned list comes from.
#[derive(Clone, Copy)]
enum Origin {
    /// The original at this place, as it is.
    Kept(usize),
    /// The original at this place, changed.
    Changed(usize),
    /// The link.
    New,
}

fn place_in_list(
    original: &[Tree<'_>],
    given: &[Tree<'_>],
    returned: &[Tree<'_>],
    carried: &mut Vec<u8>,
) -> Result<(), Unplaceable> {
    if original.len() != given.len() {
        let reason = Reason::LengthsDiffer { original: original.len(), given: given.len() };
        return Err(Unplaceable::here(reason));
    }
    let origins = origins(original, given, returned)?;
    write_list_length(returned.len(), carried)?;
    for (origin, element) in origins.into_iter().zip(returned) {
        match origin {
            Origin::Kept(at) => carried.extend_from_slice(original[at].bytes),
            Origin::Changed(at) => {
                place(&original[at], &given[at], element, carried).map_err(|error| error.inside(at))?;
            }
            Origin::New => carried.extend_from_slice(element.bytes),
        }
    }
    Ok(())
}

fn origins(
    original: &[Tree<'_>],
    given: &[Tree<'_>],
    returned: &[Tree<'_>],
) -> Result<Vec<Origin>, Unplaceable> {
    let alignment = align(given, returned);
    let kept = alignment.kept.iter().map(|kept| kept.map_or(Origin::New, Origin::Kept));
    let mut origins: Vec<Origin> = kept.collect();
    for run in &alignment.runs {
        if run.given.len() == run.returned.len() {
            for (before, after) in run.given.iter().zip(&run.returned) {
                origins[*after] = Origin::Changed(*before);
            }
        } else {
            check_replaced(run, original, given)?;
        }
    }
    Ok(origins)
}

/// Elements may go, or come; but if some became fewer or more, they may hold nothing that would have to go along.
fn check_replaced(run: &Run, original: &[Tree<'_>], given: &[Tree<'_>]) -> Result<(), Unplaceable> {
    if run.returned.is_empty() {
        return Ok(());
    }
    let Some(at) = run.given.iter().copied().find(|at| holds_more(&original[*at], &given[*at])) else {
        return Ok(());
    };
    let reason = Reason::RunReplaced { given: run.given.len(), returned: run.returned.len() };
    Err(Unplaceable::here(reason).inside(at))
}

/// Whether the original holds anything that the link was not given.
fn holds_more(original: &Tree<'_>, given: &Tree<'_>) -> bool {
    match (&original.value, &given.value) {
        (Value::Map(original), Value::Map(given)) => {
            original.entries().iter().any(|entry| match given.get(entry.key.text) {
                Some(given) => holds_more(&entry.value, given),
                None => !matches!(entry.value.value, Value::Nil),
            })
        }
        (Value::List(original), Value::List(given)) => {
            original.len() != given.len()
                || original.iter().zip(given).any(|(original, given)| holds_more(original, given))
        }
        (original, given) => original != given,
    }
}

fn write_map_length(length: usize, carried: &mut Vec<u8>) -> Result<(), Unplaceable> {
    rmp::encode::write_map_len(carried, counted(length)?).expect("memory takes every byte");
    Ok(())
}

fn write_list_length(length: usize, carried: &mut Vec<u8>) -> Result<(), Unplaceable> {
    rmp::encode::write_array_len(carried, counted(length)?).expect("memory takes every byte");
    Ok(())
}

fn counted(length: usize) -> Result<u32, Unplaceable> {
    u32::try_from(length).map_err(|_| Unplaceable::here(Reason::TooMany))
}

impl Unplaceable {
    fn here(reason: Reason) -> Self {
        Self { path: String::new(), reason }
    }

    fn under(self, key: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        Self { path: format!("{key}{dot}{}", self.path), ..self }
    }

    fn inside(self, at: usize) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        Self { path: format!("[{at}]{dot}{}", self.path), ..self }
    }
}

impl fmt::Display for Unplaceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "a change has no place: {}", self.reason)
        } else {
            write!(f, "a change of `{}` has no place: {}", self.path, self.reason)
        }
    }
}

impl std::error::Error for Unplaceable {}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { document, fault } => write!(f, "{document} cannot be read: {fault}"),
            Self::KindsDiffer => f.write_str("the original is of another kind than what the link was given"),
            Self::LengthsDiffer { original, given } => {
                write!(f, "the original has {original} elements, and the link was given {given}")
            }
            Self::NoSuchField => f.write_str("the original has no such field"),
            Self::RunReplaced { given, returned } => write!(
                f,
                "elements were replaced, {given} by {returned}, and they hold what the link does not know"
            ),
            Self::TooMany => f.write_str("there would be more entries than can be encoded"),
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Original => "the original",
            Self::Given => "what the link was given",
            Self::Returned => "what the link returned",
        })
    }
}

#[cfg(test)]
mod tests;
