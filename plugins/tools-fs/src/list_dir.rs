//! `list_dir`: the sorted names in a folder.

use std::collections::BinaryHeap;
use std::ffi::OsStr;
use std::io;

use cap_std::fs::{Dir, DirEntry};
use serde_json::json;
use transom_agent::tool::{Effect, ToolDefinition};
use transom_plugin_api::{List, Maybe};

use crate::arguments::Arguments;
use crate::problem::Problem;
use crate::tool::Job;

const DEFAULT_NAMES: u64 = 1_000;
const MOST_NAMES: u64 = 5_000;

pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition {
        name: "list_dir".into(),
        description:
            "Lists what is in a folder of the working folder, sorted by name, one name a line. Folders end \
                      in `/`, symlinks in `@`."
                .into(),
        parameters: json!({
            "type": "object",
            "properties": {
                "path": {
                    "type": "string",
                    "default": ".",
                    "description": "The folder, relative to the working folder."
                },
                "limit": {"type": "integer", "minimum": 1, "maximum": MOST_NAMES, "default": DEFAULT_NAMES}
            },
            "additionalProperties": false
        })
        .into(),
        concurrency_safe: true,
        effects: Maybe::Some(List::from([Effect::Reads { path: "path".into() }])),
    }
}

pub(crate) fn run(mut arguments: Arguments, job: &Job<'_>) -> Result<String, Problem> {
    let path = arguments.text_or("path", Some("."))?;
    let limit = arguments.count("limit", DEFAULT_NAMES, 1..=MOST_NAMES)?;
    arguments.end()?;
    let dir = job.folder.open_dir(&path)?;
    let listing = list(&dir, limit, job).map_err(|error| Problem::at(&path, "listed", &error))?;
    Ok(answer(&path, &listing, job.limits.answer_bytes))
}

/// The first names of a folder, and how many there are altogether.
#[derive(Debug, PartialEq, Eq)]
struct Listing {
    names: Vec<String>,
    total: u64,
}

/// Keeps the first names only, so that memory does not grow with the folder.
fn list(dir: &Dir, limit: u64, job: &Job<'_>) -> io::Result<Listing> {
    let mut first = BinaryHeap::new();
    let mut total = 0;
    for entry in dir.entries()? {
        if (job.gone)() {
            break;
        }
        total += 1;
        first.push(shown(&entry?));
        if first.len() as u64 > limit {
            first.pop();
        }
    }
    Ok(Listing { names: first.into_sorted_vec(), total })
}

fn shown(entry: &DirEntry) -> String {
    let mut name = one_line(&entry.file_name());
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => name.push('/'),
        Ok(kind) if kind.is_symlink() => name.push('@'),
        _ => {}
    }
    name
}

/// A name with a line feed in it must not look like two names.
pub(crate) fn one_line(name: &OsStr) -> String {
    let name = name.to_string_lossy();
    if name.chars().any(char::is_control) { format!("{name:?}") } else { name.into_owned() }
}

fn answer(path: &str, listing: &Listing, max_bytes: usize) -> String {
    if listing.total == 0 {
        return format!("[`{path}` is empty]");
    }
    let mut text = String::new();
    let mut shown = 0;
    for name in &listing.names {
        if text.len() + name.len() >= max_bytes {
            break;
        }
        text += name;
        text.push('\n');
        shown += 1;
    }
    if shown < listing.total {
        text += &format!("[{} more of {}]\n", listing.total - shown, listing.total);
    }
    text
}

#[cfg(test)]
mod tests;
