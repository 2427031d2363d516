//! `read_file`: numbered lines of a text file.

use std::io::{BufReader, Cursor, Read};

use cap_std::fs::File;
use serde_json::json;
use transom_agent::tool::{Effect, ToolDefinition};
use transom_plugin_api::{List, Maybe};

use crate::arguments::Arguments;
use crate::lines::{self, Numbered, Unshown, Window};
use crate::problem::Problem;
use crate::tool::Job;

const DEFAULT_LINES: u64 = 500;
const MOST_LINES: u64 = 5_000;

/// Bytes at the start of a file in which a NUL gives away that it is not text.
pub(crate) const HEAD_BYTES: usize = 8_192;

pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition {
        name: "read_file".into(),
        description: format!(
            "Shows lines of a text file in the working folder, each as `number: text`. A long file is read in \
             parts: `offset` is the first line, `limit` the number of lines (at most {MOST_LINES}). Lines longer \
             than {} bytes are cut, and say so.",
            lines::LINE_BYTES
        )
        .into(),
        parameters: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "The file, relative to the working folder."},
                "offset": {"type": "integer", "minimum": 1, "default": 1},
                "limit": {"type": "integer", "minimum": 1, "maximum": MOST_LINES, "default": DEFAULT_LINES}
            },
            "required": ["path"],
            "additionalProperties": false
        })
        .into(),
        concurrency_safe: true,
        effects: Maybe::Some(List::from([Effect::Reads { path: "path".into() }])),
    }
}

pub(crate) fn run(mut arguments: Arguments, job: &Job<'_>) -> Result<String, Problem> {
    let path = arguments.text("path")?;
    let window = Window {
        offset: arguments.count("offset", 1, 1..=u64::MAX)?,
        limit: arguments.count("limit", DEFAULT_LINES, 1..=MOST_LINES)?,
        max_bytes: job.limits.answer_bytes,
    };
    arguments.end()?;
    let mut open = job.folder.open_file(&path)?;
    let size = open.metadata.len();
    let head = head(&mut open.file).map_err(|error| Problem::at(&path, "read", &error))?;
    if is_binary(&head) {
        return Err(not_text(&path, size, "it contains NUL bytes"));
    }
    let text = BufReader::with_capacity(1 << 16, Cursor::new(head).chain(open.file));
    let shown =
        lines::number(text, window, job.gone).map_err(|reason| problem(&path, size, window, reason))?;
    Ok(answer(&path, shown))
}

/// The first bytes of a file.
pub(crate) fn head(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether bytes from the start of a file cannot be text.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(HEAD_BYTES).any(|byte| *byte == 0)
}

/// The refusal of a file that is not text.
pub(crate) fn not_text(path: &str, size: u64, evidence: &str) -> Problem {
    Problem::new(format!("`{path}` is not a text file ({size} bytes): {evidence}"))
}

fn answer(path: &str, shown: Numbered) -> String {
    match shown.next {
        None if shown.text.is_empty() => format!("[`{path}` is empty]"),
        None => shown.text,
        Some(next) => format!("{}[more follows: go on with offset {next}]\n", shown.text),
    }
}

fn problem(path: &str, size: u64, window: Window, reason: Unshown) -> Problem {
    match reason {
        Unshown::PastTheEnd(lines) => {
            Problem::new(format!("`offset` is {}, but `{path}` has {lines} lines", window.offset))
        }
        Unshown::NotText(line) => not_text(path, size, &format!("line {line} is not UTF-8")),
        Unshown::Abandoned => Problem::new(format!("reading `{path}` was given up")),
        Unshown::Failed(error) => Problem::at(path, "read", &error),
    }
}

#[cfg(test)]
mod tests;
