//! `edit_file`: replaces text in a file.

use std::io::Read;

use serde_json::json;
use transom_agent::tool::{Effect, ToolDefinition};
use transom_plugin_api::{List, Maybe};

use crate::arguments::Arguments;
use crate::folder::OpenFile;
use crate::problem::Problem;
use crate::read_file::{is_binary, not_text};
use crate::replace::{self, Unplaced};
use crate::substitution::{Substituted, Substitution, Unclear};
use crate::tool::Job;

pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition {
        name: "edit_file".into(),
        description: "Replaces text in a file of the working folder. `oldString` is matched exactly, without the \
                      line numbers that `read_file` shows, and must occur once unless `replaceAll` is set; take in \
                      neighbouring lines to make it unique."
            .into(),
        parameters: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "The file, relative to the working folder."},
                "oldString": {"type": "string", "minLength": 1, "description": "The text to be replaced."},
                "newString": {"type": "string", "description": "The text in its place."},
                "replaceAll": {"type": "boolean", "default": false}
            },
            "required": ["path", "oldString", "newString"],
            "additionalProperties": false
        })
        .into(),
        concurrency_safe: false,
        effects: Maybe::Some(List::from([Effect::Writes { path: "path".into() }])),
    }
}

pub(crate) fn run(mut arguments: Arguments, job: &Job<'_>) -> Result<String, Problem> {
    let path = arguments.text("path")?;
    let (old, new) = (arguments.text("oldString")?, arguments.text("newString")?);
    let substitution = Substitution { old: &old, new: &new, all: arguments.flag("replaceAll")? };
    arguments.end()?;
    let open = job.folder.open_file(&path)?;
    let mut place = job.folder.place(&path, false)?;
    // What is replaced must still be what was read.
    place.metadata = Some(open.metadata.clone());
    let most = job.limits.file_bytes;
    let before = text_of(open, &path, most)?;
    let after = substitution.apply(&before, most).map_err(|reason| unclear(&path, most, &reason))?;
    replace::put(&place, after.text.as_bytes(), job.gone).map_err(|reason| unplaced(&path, &reason))?;
    Ok(answer(&path, &after))
}

fn text_of(mut open: OpenFile, path: &str, most: usize) -> Result<String, Problem> {
    let size = open.metadata.len();
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to see that it is too long, whatever the size it claims.
    (&mut open.file)
        .take(most as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Problem::at(path, "read", &error))?;
    if bytes.len() > most {
        return Err(Problem::new(format!("`{path}` has {size} bytes, expected at most {most} to edit it")));
    }
    if is_binary(&bytes) {
        return Err(not_text(path, size, "it contains NUL bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
        not_text(path, size, &format!("line {line} is not UTF-8"))
    })
}

fn answer(path: &str, done: &Substituted) -> String {
    match done.count {
        1 => format!("replaced 1 place in `{path}`, in line {}", done.line),
        count => format!("replaced {count} places in `{path}`, the first in line {}", done.line),
    }
}

fn unclear(path: &str, most: usize, reason: &Unclear) -> Problem {
    Problem::new(match reason {
        Unclear::Empty => "`oldString` is empty; `write_file` makes a whole file".to_owned(),
        Unclear::Identical => "`oldString` and `newString` are identical; nothing was changed".to_owned(),
        Unclear::NotFound => {
            format!("`oldString` does not occur in `{path}`; it must match exactly, spaces included")
        }
        Unclear::NotUnique(count) => format!(
            "`oldString` occurs {count} times in `{path}`, expected once; take in more of its surroundings or set \
             `replaceAll`"
        ),
        Unclear::TooLong(bytes) => {
            format!("`{path}` would have {bytes} bytes, expected at most {most}; nothing was changed")
        }
    })
}

fn unplaced(path: &str, reason: &Unplaced) -> Problem {
    match reason {
        Unplaced::Overtaken => Problem::new(format!(
            "`{path}` was changed by somebody else meanwhile and was left as it is; read it again"
        )),
        Unplaced::Abandoned => Problem::new(format!("editing `{path}` was given up; nothing was changed")),
        Unplaced::Failed(error) => Problem::at(path, "written", error),
    }
}

#[cfg(test)]
mod tests;
