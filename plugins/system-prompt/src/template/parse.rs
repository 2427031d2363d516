//! From the text of a template to its pieces, in one pass and without recursion.

use std::collections::BTreeSet;

use transom_plugin_api::sabotage::sabotaged;

use super::fault::{Fault, Place};
use super::{DEEPEST, MOST_VARIABLES, Piece};
use crate::variable::Variable;

/// What stands between a bracket and the next one.
enum Tag<'a> {
    Value(Variable),
    If(&'a str),
    Else,
    EndIf,
}

/// A block that is not at its end.
struct Open {
    of: Variable,
    when_blank: bool,
    /// Where it began.
    at: Place,
    then: Vec<Piece>,
    /// What stands behind its `[else]`, once there was one.
    otherwise: Option<Vec<Piece>>,
}

/// The pieces so far, and the blocks around what comes next.
#[derive(Default)]
struct Reader {
    pieces: Vec<Piece>,
    open: Vec<Open>,
    variables: BTreeSet<Variable>,
}

/// Reads a template.
///
/// # Errors
/// The first thing that is wrong with it.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, Fault> {
    let mut reader = Reader::default();
    let mut rest = text;
    let mut places = Places { line: 1, column: 1 };
    while let Some(bracket) = rest.find('[') {
        let (before, from) = rest.split_at(bracket);
        reader.text(before);
        places.pass(before);
        let length = match tag(from) {
            Some((tag, length)) => {
                reader.tag(tag, places.here())?;
                length
            }
            None => {
                reader.text("[");
                1
            }
        };
        places.pass(&from[..length]);
        rest = &from[length..];
    }
    reader.text(rest);
    reader.finish()
}

/// The tag that begins with this bracket, and its bytes; `None` when it is only a bracket.
fn tag(from: &str) -> Option<(Tag<'_>, usize)> {
    // A further bracket begins anew, so that no bracket is looked at twice.
    let end = from[1..].find(['[', ']', '\n']).map(|end| end + 1)?;
    let inside = &from[1..end];
    if from.as_bytes()[end] != b']' {
        return None;
    }
    let tag = match inside {
        "else" => Tag::Else,
        "endif" => Tag::EndIf,
        "if" => Tag::If(""),
        _ => match inside.strip_prefix("if ") {
            Some(condition) => Tag::If(condition.trim()),
            None => Tag::Value(Variable::of(inside)?),
        },
    };
    Some((tag, end + 1))
}

impl Reader {
    /// Where the next piece belongs.
    fn here(&mut self) -> &mut Vec<Piece> {
        match self.open.last_mut() {
            None => &mut self.pieces,
            Some(Open { then, otherwise, .. }) => otherwise.as_mut().unwrap_or(then),
        }
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.here().last_mut() {
            Some(Piece::Text(before)) => before.push_str(text),
            _ => self.here().push(Piece::Text(text.to_owned())),
        }
    }

    fn tag(&mut self, tag: Tag<'_>, at: Place) -> Result<(), Fault> {
        match tag {
            Tag::Value(of) => {
                self.count(&of, at)?;
                self.here().push(Piece::Value(of));
            }
            Tag::If(condition) => self.begin(condition, at)?,
            Tag::Else => {
                let block = self.open.last_mut().ok_or(Fault::Stray { tag: "else", at })?;
                if block.otherwise.replace(Vec::new()).is_some() {
                    return Err(Fault::Twice { at });
                }
            }
            Tag::EndIf => {
                let block = self.open.pop().ok_or(Fault::Stray { tag: "endif", at })?;
                let Open { of, when_blank, then, otherwise, .. } = block;
                let otherwise = otherwise.unwrap_or_default();
                self.here().push(Piece::Block { of, when_blank, then, otherwise });
            }
        }
        Ok(())
    }

    fn begin(&mut self, condition: &str, at: Place) -> Result<(), Fault> {
        if self.open.len() >= DEEPEST && !sabotaged("nest-without-end") {
            return Err(Fault::Deep { at });
        }
        let (when_blank, name) =
            condition.strip_prefix('!').map_or((false, condition), |name| (true, name.trim_start()));
        let Some(of) = Variable::of(name) else {
            return Err(Fault::Condition { condition: condition.to_owned(), at });
        };
        self.count(&of, at)?;
        self.open.push(Open { of, when_blank, at, then: Vec::new(), otherwise: None });
        Ok(())
    }

    fn count(&mut self, of: &Variable, at: Place) -> Result<(), Fault> {
        self.variables.insert(of.clone());
        if self.variables.len() > MOST_VARIABLES { Err(Fault::Many { at }) } else { Ok(()) }
    }

    fn finish(mut self) -> Result<Vec<Piece>, Fault> {
        match self.open.pop() {
            Some(Open { at, .. }) => Err(Fault::Open { at }),
            None => Ok(self.pieces),
        }
    }
}

/// Counts lines and columns.
struct Places {
    line: usize,
    column: usize,
}

impl Places {
    fn pass(&mut self, text: &str) {
        match text.rfind('\n') {
            None => self.column += text.chars().count(),
            Some(last) => {
                self.line += text.bytes().filter(|byte| *byte == b'\n').count();
                self.column = text[last + 1..].chars().count() + 1;
            }
        }
    }

    const fn here(&self) -> Place {
        Place { line: self.line, column: self.column }
    }
}
