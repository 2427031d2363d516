//! [`Template`]: a text with placeholders and blocks, read once, and what comes of it.
//!
//! | in the text | stands for |
//! |---|---|
//! | `[type:name]` | the value of that [`Variable`] |
//! | `[if type:name]…[endif]` | what is between, when the value is not blank |
//! | `[if !type:name]…[else]…[endif]` | the first part when the value is blank, else the other |
//! | anything else | itself |
//!
//! Blocks may stand in blocks. A value is never read as a template.

mod fault;
mod parse;

use std::collections::{BTreeMap, BTreeSet};

use transom_plugin_api::sabotage::sabotaged;

pub(crate) use self::fault::Fault;
use crate::variable::Variable;

/// Bytes of a template.
pub(crate) const LONGEST: usize = 64 << 10;
/// Blocks within blocks.
pub(crate) const DEEPEST: usize = 32;
/// Different variables in a template.
pub(crate) const MOST_VARIABLES: usize = 64;
/// Bytes of what comes of it; a value that does not fit any more is left out.
pub(crate) const LONGEST_TEXT: usize = 256 << 10;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Value(Variable),
    Block { of: Variable, when_blank: bool, then: Vec<Self>, otherwise: Vec<Self> },
}

/// A template that is well-formed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

/// The values of variables, as far as they are known.
pub(crate) type Values = BTreeMap<Variable, String>;

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        if text.len() > LONGEST {
            return Err(Fault::Long { bytes: text.len() });
        }
        parse::pieces(text).map(|pieces| Self { pieces })
    }

    /// What comes of it by these values.
    ///
    /// # Errors
    /// The first variable whose value it takes to go on: only what is asked for counts.
    pub(crate) fn fill(&self, values: &Values) -> Result<String, Variable> {
        let mut text = String::new();
        fill(&self.pieces, values, &mut text)?;
        let text = text.trim().to_owned();
        match sabotaged("expand-values-again") {
            true => Self::read(&text).unwrap_or_default().fill(values),
            false => Ok(text),
        }
    }

    /// The variables in it that nobody knows.
    pub(crate) fn unknown(&self) -> BTreeSet<String> {
        let mut unknown = BTreeSet::new();
        gather_unknown(&self.pieces, &mut unknown);
        unknown
    }
}

/// It goes no deeper than blocks may stand in blocks.
fn fill(pieces: &[Piece], values: &Values, text: &mut String) -> Result<(), Variable> {
    let value = |of: &Variable| values.get(of).ok_or_else(|| of.clone());
    for piece in pieces {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Value(of) => {
                let value = value(of)?;
                if text.len() + value.len() <= LONGEST_TEXT {
                    text.push_str(value);
                }
            }
            Piece::Block { of, when_blank, then, otherwise } => {
                let is_chosen = value(of)?.trim().is_empty() == *when_blank;
                fill(if is_chosen { then } else { otherwise }, values, text)?;
            }
        }
    }
    Ok(())
}

fn gather_unknown(pieces: &[Piece], unknown: &mut BTreeSet<String>) {
    for piece in pieces {
        let of = match piece {
            Piece::Text(_) => continue,
            Piece::Value(of) => of,
            Piece::Block { of, then, otherwise, .. } => {
                gather_unknown(then, unknown);
                gather_unknown(otherwise, unknown);
                of
            }
        };
        if let Variable::Unknown(tag) = of {
            unknown.insert(tag.clone());
        }
    }
}

#[cfg(test)]
mod tests;
