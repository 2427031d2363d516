//! `write_file`: makes a file, or replaces one as a whole.

use serde_json::json;
use transom_agent::tool::{Effect, ToolDefinition};
use transom_plugin_api::{List, Maybe};

use crate::arguments::Arguments;
use crate::problem::Problem;
use crate::replace::{self, Unplaced};
use crate::tool::Job;

pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition {
        name: "write_file".into(),
        description: "Makes a file in the working folder. To replace the whole of a file that exists, set \
                      `overwrite`; to change a part of it, use `edit_file`. Folders on the way are made only when \
                      `createParents` is set."
            .into(),
        parameters: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "The file, relative to the working folder."},
                "content": {"type": "string", "description": "All that is to stand in it."},
                "overwrite": {"type": "boolean", "default": false},
                "createParents": {"type": "boolean", "default": false}
            },
            "required": ["path", "content"],
            "additionalProperties": false
        })
        .into(),
        concurrency_safe: false,
        effects: Maybe::Some(List::from([Effect::Writes { path: "path".into() }])),
    }
}

pub(crate) fn run(mut arguments: Arguments, job: &Job<'_>) -> Result<String, Problem> {
    let path = arguments.text("path")?;
    let content = arguments.text("content")?;
    let overwrite = arguments.flag("overwrite")?;
    let create_parents = arguments.flag("createParents")?;
    arguments.end()?;
    let (length, most) = (content.len(), job.limits.file_bytes);
    if length > most {
        return Err(Problem::new(format!("`content` has {length} bytes, expected at most {most}")));
    }
    let place = job.folder.place(&path, create_parents && !overwrite)?;
    match (&place.metadata, overwrite) {
        (Some(_), false) => return Err(exists(&path)),
        (None, true) => {
            return Err(Problem::new(format!(
                "`{path}` does not exist, so there is nothing to overwrite; leave `overwrite` out to make it"
            )));
        }
        _ => {}
    }
    replace::put(&place, content.as_bytes(), job.gone)
        .map_err(|reason| unplaced(&path, overwrite, &reason))?;
    let what = if overwrite { "overwrote" } else { "made" };
    Ok(format!("{what} `{path}`: {length} bytes, {} lines", content.lines().count()))
}

fn exists(path: &str) -> Problem {
    Problem::new(format!("`{path}` exists; set `overwrite` to replace all of it, or use `edit_file`"))
}

fn unplaced(path: &str, overwrite: bool, reason: &Unplaced) -> Problem {
    match reason {
        Unplaced::Overtaken if overwrite => {
            Problem::new(format!("`{path}` was changed by somebody else meanwhile and was left as it is"))
        }
        Unplaced::Overtaken => exists(path),
        Unplaced::Abandoned => Problem::new(format!("writing `{path}` was given up; nothing was changed")),
        Unplaced::Failed(error) => Problem::at(path, "written", error),
    }
}

#[cfg(test)]
mod tests;
