//! `grep`: the lines that a regular expression matches, in the files below a folder.

mod report;
mod search;

use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use serde_json::json;
use transom_agent::tool::{Effect, ToolDefinition};
use transom_plugin_api::{List, Maybe};

use crate::arguments::Arguments;
use crate::folder::Start;
use crate::name_pattern::NamePattern;
use crate::problem::Problem;
use crate::tool::Job;
use crate::walk::{Choice, Kind, Walk};
use report::Wanted;
use search::Search;

const DEFAULT_LINES: u64 = 200;
const MOST_LINES: u64 = 2_000;
const MOST_CONTEXT: u64 = 20;

/// Bytes of an expression.
const PATTERN_BYTES: usize = 4_096;

/// Bytes that a compiled expression may have, and as many again to search with it.
const COMPILED_BYTES: usize = 10 << 20;

pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition {
        name: "grep".into(),
        description: "Searches text files for a regular expression, line by line, and shows each matching line as \
                      `path:line: text`, sorted by path. The syntax is that of Rust's `regex`, without look-around and \
                      back-references; `literal` takes the pattern as it is. `glob` picks the files by name, as \
                      `*.rs`; `filesOnly` tells their paths alone. What `.gitignore` leaves out is not searched unless \
                      `ignored` is set, and names that begin with a dot only with `hidden`; binary files never are."
            .into(),
        parameters: json!({
            "type": "object",
            "properties": {
                "pattern": {"type": "string", "minLength": 1},
                "path": {
                    "type": "string",
                    "default": ".",
                    "description": "The folder or file to search, relative to the working folder."
                },
                "glob": {"type": "string", "description": "A pattern for the files' names, relative to `path`."},
                "ignoreCase": {"type": "boolean", "default": false},
                "literal": {"type": "boolean", "default": false},
                "context": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": MOST_CONTEXT,
                    "default": 0,
                    "description": "Lines to show before and behind each match."
                },
                "filesOnly": {"type": "boolean", "default": false},
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MOST_LINES,
                    "default": DEFAULT_LINES,
                    "description": "Matching lines to show, or files with `filesOnly`."
                },
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
    let matcher = matcher(&mut arguments)?;
    let path = arguments.text_or("path", Some("."))?;
    let glob = arguments.text_or("glob", Some("**"))?;
    let files_only = arguments.flag("filesOnly")?;
    let context = arguments.count("context", 0, 0..=MOST_CONTEXT)? as usize;
    let wanted = Wanted {
        context: if files_only { 0 } else { context },
        files_only,
        limit: arguments.count("limit", DEFAULT_LINES, 1..=MOST_LINES)?,
        max_bytes: job.limits.answer_bytes,
    };
    let choice = Choice::of(&mut arguments)?;
    arguments.end()?;
    let names = NamePattern::of("glob", &glob)?;
    let start = job.folder.start(&path)?;
    let mut search = Search::new(job, &matcher, wanted);
    let gaps = if start.is_folder {
        search_folder(&mut search, &start, choice, &names, job)
    } else {
        search.file(&start.path, job.folder.open_file(&path)?);
        Vec::new()
    };
    if (job.gone)() {
        return Err(Problem::new(format!("searching `{path}` was given up")));
    }
    Ok(search.answer(gaps))
}

fn search_folder(
    search: &mut Search<'_>,
    start: &Start,
    choice: Choice,
    names: &NamePattern,
    job: &Job<'_>,
) -> Vec<String> {
    let mut walk = Walk::below(job, &start.path, choice);
    for entry in walk.by_ref().filter(|entry| entry.kind == Kind::File) {
        let below = entry.path.strip_prefix(&start.path).unwrap_or(&entry.path);
        if !names.fits(below, false) {
            continue;
        }
        match job.folder.file_at(&entry.path) {
            Ok(open) => search.file(&entry.path, open),
            Err(_) => search.missed_file(),
        }
    }
    walk.gaps()
}

fn matcher(arguments: &mut Arguments) -> Result<RegexMatcher, Problem> {
    let pattern = arguments.text("pattern")?;
    let length = pattern.len();
    if length == 0 || length > PATTERN_BYTES {
        return Err(Problem::new(format!("`pattern` has {length} bytes, expected 1 to {PATTERN_BYTES}")));
    }
    let mut builder = RegexMatcherBuilder::new();
    builder
        .case_insensitive(arguments.flag("ignoreCase")?)
        .fixed_strings(arguments.flag("literal")?)
        .multi_line(true)
        // A `$` stands before CR LF, too.
        .crlf(true)
        .size_limit(COMPILED_BYTES)
        .dfa_size_limit(COMPILED_BYTES);
    builder.build(&pattern).map_err(|error| {
        Problem::new(format!("`pattern` is no regular expression that can be searched: {error}"))
    })
}

#[cfg(test)]
mod tests;
