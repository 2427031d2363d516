//! [`Fault`]: what is wrong with a template, and where.

use std::fmt;

use transom_agent::refusal::shown;

use super::{DEEPEST, LONGEST, MOST_VARIABLES};

/// Characters of a condition that are shown.
const SHOWN: usize = 60;

/// A place in a template: line and column, in characters, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is too long to be read.
    Long { bytes: usize },
    /// A block has no end.
    Open { at: Place },
    /// An `[else]` or an `[endif]` that belongs to no block.
    Stray { tag: &'static str, at: Place },
    /// A block has an `[else]` already.
    Twice { at: Place },
    /// A condition that is no variable.
    Condition { condition: String, at: Place },
    /// Too many blocks in blocks.
    Deep { at: Place },
    /// Too many variables.
    Many { at: Place },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long { bytes } => write!(f, "it has {bytes} bytes, expected at most {LONGEST}"),
            Self::Open { at } => write!(f, "the `[if …]` in {at} has no `[endif]`"),
            Self::Stray { tag, at } => write!(f, "the `[{tag}]` in {at} belongs to no `[if …]`"),
            Self::Twice { at } => write!(f, "the `[else]` in {at} is the second of its `[if …]`"),
            Self::Condition { condition, at } => {
                let condition = shown(condition, SHOWN);
                write!(f, "the condition `{condition}` in {at} is no variable, expected such as `prompt:cwd`")
            }
            Self::Deep { at } => {
                write!(f, "the `[if …]` in {at} stands in {DEEPEST} others, expected fewer")
            }
            Self::Many { at } => {
                write!(f, "the variable in {at} is one too many, expected at most {MOST_VARIABLES}")
            }
        }
    }
}
