//! Judges from two shapes whether what was written in the one can always be read in the other.
//!
//! A change of a contract makes two copies of it: the one before and the one after. Who takes part in a point has either,
//! and four things can happen with a value. The table says for each change whether the two are still equal (a pointer
//! is passed), bridged (a value is encoded and decoded), or refused when the plugins are checked.
//!
//! * *new reads old*, *old reads new*: at an event the listener reads what the emitter wrote; at a service the
//!   provider reads the request and the caller reads the reply; at a stream the caller reads every item.
//! * *old link*, *new link*: at a filter the link reads the value of who applies it, and its changes are carried back
//!   into that value. A link built with the old copy stands at a filter that has the new one, or the reverse. What a
//!   link has no field for stays as it was. What it writes to a field that only it has goes nowhere: of a `Maybe` it is
//!   dropped, and a link that changes another's default fails, like one that refuses.
//!
//! | change of the contract | new reads old | old reads new | old link | new link |
//! |---|---|---|---|---|
//! | crate, module, documentation or revision | equal | equal | equal | equal |
//! | a field gets `default` or `was` | equal | equal | equal | equal |
//! | the type gets another name | bridged | bridged | bridged | bridged |
//! | fields change their order | bridged | bridged | bridged | bridged |
//! | `T` to `Shared<T>`, or back | bridged | bridged | bridged | bridged |
//! | field added, with `default` or a `Maybe` | bridged | bridged | bridged | bridged |
//! | field added, no `default` | refused | bridged | bridged | refused |
//! | field removed that had `default` | bridged | bridged | bridged | bridged |
//! | field removed that had none | bridged | refused | refused | bridged |
//! | field renamed, with `was` | bridged | refused | refused | refused |
//! | field renamed, no `was` | refused | refused | refused | refused |
//! | integer or float widened: `u32` to `u64`, `f32` to `f64` | bridged | refused | refused | refused |
//! | unsigned to a wider signed: `u32` to `i64` | bridged | refused | refused | refused |
//! | integer to a float that holds all of it: `u32` to `f64` | bridged | refused | refused | refused |
//! | the reverse of one of these three: `u64` to `u32`, `f64` to `u32` | refused | bridged | refused | refused |
//! | integer to a float that does not: `u64` to `f64` | refused | refused | refused | refused |
//! | signed to unsigned, or back, of the same width | refused | refused | refused | refused |
//! | `T` to `Maybe<T>` | bridged | refused | refused | refused |
//! | `T` to `Maybe<T>`, field with `default` | bridged | bridged | bridged | bridged |
//! | `List<T>` to `List<Maybe<T>>` | bridged | refused | refused | refused |
//! | `T` to `Json` | bridged | refused | refused | refused |
//! | to another kind: `Text` to `u32`, a struct to a `Map` | refused | refused | refused | refused |
//! | variant added to an enum that grows | bridged | bridged | bridged | bridged |
//! | variant added to one that does not | bridged | refused | refused | refused |
//! | variant removed from an enum that grows | bridged | bridged | bridged | bridged |
//! | variant removed from one that does not | refused | bridged | refused | refused |
//! | field added to a variant, with `default` | bridged | bridged | bridged | bridged |
//! | field added to a variant, no `default` | refused | bridged | bridged | refused |
//! | an enum begins to grow | bridged | refused | refused | refused |
//! | an enum of plain variants gets fields | refused | refused | refused | refused |
//! | another tag | refused | refused | refused | refused |
//!
//! Anything is judged element by element in lists, maps and `Maybe`s. Where two rules disagree, the value is refused.
//! A shape tells what may happen, not what will: a link that returns a new element without a field that the filter
//! needs, or an unknown variant whose content a later reader cannot make sense of, shows only when it is decoded.

#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeSet;
use std::fmt;

use super::shape::Shape;
use walk::{Walk, Way};

/// A place where two shapes do not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Where, such as `turns[].usage.inputTokens`, `labels{}` or `chunk<tool-call>.input`; empty for the value itself.
    pub(crate) path: String,
    /// What the reader needs, names in backticks.
    pub(crate) expected: String,
    /// What the writer has, names in backticks.
    pub(crate) found: String,
    /// Why the one cannot be read as the other.
    pub(crate) reason: Reason,
    /// Whether this is about what a link returns, so that the filter is the reader.
    pub(crate) is_returned: bool,
}

/// Why a value that was written cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The writer has no such field, and the reader no default for it.
    Missing,
    /// The writer may leave the field out, and the reader has no default for it.
    MayBeLeftOut,
    /// The writer may say that there is none.
    MayBeNone,
    /// Not every number of the writer is one of the reader.
    DoesNotFit,
    /// The writer may put anything there.
    Unbounded,
    /// They are written differently.
    OtherKind,
    /// The reader does not know the variant and does not keep what it does not know.
    UnknownVariant,
    /// The writer keeps variants that it does not know, the reader does not.
    DoesNotGrow,
    /// Variants are told apart in another way.
    OtherTag,
    /// The writer has two fields that the reader takes for one.
    Twice,
    /// The field has another name there, so that a change of it cannot be carried back.
    Renamed,
    /// This version does not know the kind of shape.
    Foreign,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "it has no default",
            Self::MayBeLeftOut => "it may be left out, and has no default",
            Self::MayBeNone => "it may be none",
            Self::DoesNotFit => "not every value fits",
            Self::Unbounded => "anything may stand there",
            Self::OtherKind => "the two are written differently",
            Self::UnknownVariant => "the enum does not grow",
            Self::DoesNotGrow => "a variant unknown to both may stand there",
            Self::OtherTag => "variants are told apart differently",
            Self::Twice => "two fields would be read as one",
            Self::Renamed => "a link's change is carried back by name",
            Self::Foreign => "this host does not know that kind",
        })
    }
}

/// Judges whether every value written in the one shape can be read in the other.
///
/// # Errors
/// Every place where one cannot.
pub(crate) fn judge(written: &Shape, read: &Shape) -> Result<(), Vec<Misfit>> {
    none(Walk::through(Way::Read, written, read).misfits)
}

/// The fields of the writer that the reader drops without a word.
pub(crate) fn loses(written: &Shape, read: &Shape) -> Vec<String> {
    Walk::through(Way::Read, written, read).lost
}

/// Judges whether a link can read the value of a filter, and whether whatever it returns can be carried back into it.
///
/// # Errors
/// Every place where not; of each place the first.
pub(crate) fn can_carry_back(original: &Shape, link: &Shape) -> Result<(), Vec<Misfit>> {
    let mut misfits = Walk::through(Way::Lend, original, link).misfits;
    let known: BTreeSet<String> = misfits.iter().map(|misfit| misfit.path.clone()).collect();
    let returned = Walk::through(Way::Return, link, original).misfits;
    misfits.extend(returned.into_iter().filter(|misfit| !known.contains(&misfit.path)));
    none(misfits)
}

fn none(misfits: Vec<Misfit>) -> Result<(), Vec<Misfit>> {
    if misfits.is_empty() { Ok(()) } else { Err(misfits) }
}
