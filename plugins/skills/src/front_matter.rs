//! Front matter: the YAML between two lines of `---` at the start of a file, of which two texts are wanted.
//!
//! Read by `saphyr-parser`, as a row of events: nothing is built of what nobody wants, and an alias stands for nothing.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScanError, Span};
use transom_agent::refusal::shown;

/// Bytes at the beginning of a file in which its front matter must end.
pub(crate) const HEAD_BYTES: usize = 16 << 10;

/// Characters that are shown of what is wrong.
const SHOWN: usize = 200;

/// What front matter says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FrontMatter {
    /// The skill's name; empty where none is given.
    pub(crate) name: Option<String>,
    /// When to use it.
    pub(crate) description: Option<String>,
}

/// Parts a text into the YAML and what stands behind it. Only what its head holds counts, so that a file that was read to its end and one
/// of which only the head was read are parted at the same place.
///
/// # Errors
/// Why there is no front matter, in a sentence.
pub(crate) fn split(text: &str) -> Result<(&str, &str), String> {
    let marked = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = head(marked).split_inclusive('\n');
    let opening = lines.next().filter(|line| is_fence(line)).map(str::len);
    let opening = opening.ok_or("it has no front matter: its first line is not `---`")?;
    let mut end = opening;
    for line in lines {
        if is_fence(line) {
            return Ok((&marked[opening..end], &marked[end + line.len()..]));
        }
        end += line.len();
    }
    Err(format!("no line `---` ends its front matter within {HEAD_BYTES} bytes"))
}

/// The beginning of a text in which front matter, or a first line, must stand.
pub(crate) fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(HEAD_BYTES)]
}

fn is_fence(line: &str) -> bool {
    line.trim_end() == "---"
}

/// Reads the YAML of a front matter.
///
/// # Errors
/// What is wrong with it and where, in a sentence.
pub(crate) fn read(yaml: &str) -> Result<FrontMatter, String> {
    let mut reader = Reader::default();
    for event in Parser::new_from_str(yaml) {
        let (event, span) = event.map_err(|error| malformed(&error))?;
        reader.take(event).map_err(|problem| format!("its front matter is wrong: {problem}{}", at(&span)))?;
    }
    Ok(reader.read)
}

fn malformed(error: &ScanError) -> String {
    let (line, column) = (error.marker().line() + 1, error.marker().col() + 1);
    let info = shown(error.info(), SHOWN);
    format!(
        "its front matter is not YAML: {info}, line {line}, column {column}; quote a value that holds `: `"
    )
}

/// The line in the file: that of the fence comes before.
fn at(span: &Span) -> String {
    format!(", line {}", span.start.line() + 1)
}

/// Picks the wanted texts out of the table at the top.
#[derive(Default)]
struct Reader<'a> {
    read: FrontMatter,
    /// Tables and lists that are open.
    depth: usize,
    documents: usize,
    /// The key whose value comes next.
    key: Option<Cow<'a, str>>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, event: Event<'a>) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 { Err("it is more than one document".to_owned()) } else { Ok(()) }
            }
            Event::MappingStart(..) if self.depth == 0 => self.open(),
            // Nothing at all is an empty table.
            Event::Scalar(text, ..) if self.depth == 0 && matches!(&*text, "" | "~" | "null") => Ok(()),
            Event::Scalar(..) | Event::SequenceStart(..) | Event::Alias(_) if self.depth == 0 => {
                Err("it is no table of keys and values".to_owned())
            }
            Event::Scalar(text, ..) if self.depth == 1 => self.text(text),
            Event::Alias(_) if self.depth == 1 => self.node("an alias"),
            Event::SequenceStart(..) => self.node("a list").and_then(|()| self.open()),
            Event::MappingStart(..) => self.node("a table").and_then(|()| self.open()),
            Event::SequenceEnd | Event::MappingEnd => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self) -> Result<(), String> {
        self.depth += 1;
        Ok(())
    }

    /// What begins at the depth of the top table and is no text: it may be anything but a wanted value.
    fn node(&mut self, what: &str) -> Result<(), String> {
        if self.depth != 1 {
            return Ok(());
        }
        match self.key.take() {
            None => self.key = Some(Cow::Borrowed("")),
            Some(key) if matches!(&*key, "name" | "description") => {
                return Err(format!("`{key}` is {what}, expected text"));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn text(&mut self, text: Cow<'a, str>) -> Result<(), String> {
        let Some(key) = self.key.take() else {
            self.key = Some(text);
            return Ok(());
        };
        let wanted = match &*key {
            "name" => &mut self.read.name,
            "description" => &mut self.read.description,
            _ => return Ok(()),
        };
        if wanted.replace(one_line(&text)).is_some() {
            return Err(format!("`{key}` stands there twice"));
        }
        Ok(())
    }
}

/// The words of a text, one space apart, without what controls a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let parts = text.split(|character: char| character.is_whitespace() || character.is_control());
    parts.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
