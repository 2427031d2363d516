//! `glob`: the paths below a folder whose names fit a pattern.

use serde_json::json;
use transom_agent::tool::{Effect, ToolDefinition};
use transom_plugin_api::{List, Maybe};

use crate::arguments::Arguments;
use crate::list_dir::one_line;
use crate::name_pattern::NamePattern;
use crate::problem::Problem;
use crate::tool::Job;
use crate::walk::{Choice, Entry, Kind, Walk};

const DEFAULT_PATHS: u64 = 500;
const MOST_PATHS: u64 = 5_000;

pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition {
        name: "glob".into(),
        description: "Finds files and folders below a folder by a pattern for their names, one path a line, sorted. `*` and \
                      `?` stay within a name, `**` goes across folders, `{a,b}` is either: `*.rs` is found at any depth, \
                      `src/**/*.rs` below `src`. Folders end in `/`, symlinks in `@`; what `.gitignore` leaves out is not \
                      shown unless `ignored` is set, and names that begin with a dot only with `hidden`."
            .into(),
        parameters: json!({
            "type": "object",
            "properties": {
                "pattern": {"type": "string", "minLength": 1, "description": "The pattern, relative to `path`."},
                "path": {
                    "type": "string",
                    "default": ".",
                    "description": "The folder to look in, relative to the working folder."
                },
                "limit": {"type": "integer", "minimum": 1, "maximum": MOST_PATHS, "default": DEFAULT_PATHS},
                "hidden": {"type": "boolean", "default": false},
                "ignored": {"type": "boolean", "default": false}
            },
            "required": ["pattern"],
            "additionalProperties": false
        })
        .into(),
        concurrency_safe: true,
        effects: Maybe::Some(List::from([Effect::Reads { path: "path".into() }])),
    }
}

pub(crate) fn run(mut arguments: Arguments, job: &Job<'_>) -> Result<String, Problem> {
    let pattern = arguments.text("pattern")?;
    let path = arguments.text_or("path", Some("."))?;
    let limit = arguments.count("limit", DEFAULT_PATHS, 1..=MOST_PATHS)?;
    let choice = Choice::of(&mut arguments)?;
    arguments.end()?;
    let wanted = NamePattern::of("pattern", &pattern)?;
    let start = job.folder.start(&path)?;
    if !start.is_folder {
        return Err(Problem::new(format!("`{path}` is not a folder; `read_file` shows a file")));
    }
    let mut walk = Walk::below(job, &start.path, choice);
    let mut found = Found { text: String::new(), shown: 0, total: 0 };
    for entry in walk.by_ref() {
        let below = entry.path.strip_prefix(&start.path).unwrap_or(&entry.path);
        if wanted.fits(below, entry.kind == Kind::Folder) {
            found.add(&entry, limit, job.limits.answer_bytes);
        }
    }
    if (job.gone)() {
        return Err(Problem::new(format!("looking through `{path}` was given up")));
    }
    Ok(found.answer(&pattern, &walk))
}

/// The first paths, and how many there are altogether.
struct Found {
    text: String,
    shown: u64,
    total: u64,
}

impl Found {
    fn add(&mut self, entry: &Entry, limit: u64, max_bytes: usize) {
        let path = shown(entry);
        // What did not fit once stays out, so that the first paths are shown and no later ones.
        let is_open = self.shown == self.total;
        if is_open && self.shown < limit && self.text.len() + path.len() < max_bytes {
            self.text += &path;
            self.text.push('\n');
            self.shown += 1;
        }
        self.total += 1;
    }

    fn answer(mut self, pattern: &str, walk: &Walk<'_>) -> String {
        if self.total == 0 {
            self.text += &format!("[nothing fits `{pattern}`; names visited: {}]\n", walk.visited());
        } else if self.shown < self.total {
            self.text += &format!("[{} more of {}]\n", self.total - self.shown, self.total);
        }
        for gap in walk.gaps() {
            self.text += &format!("[{gap}]\n");
        }
        self.text
    }
}

fn shown(entry: &Entry) -> String {
    let mark = match entry.kind {
        Kind::Folder => "/",
        Kind::Symlink => "@",
        Kind::File | Kind::Other => "",
    };
    one_line(entry.path.as_os_str()) + mark
}

#[cfg(test)]
mod tests;
