//! What all tools of this plugin share: one job at a time in an open folder, answered in words.

use transom_agent::tool::{ToolCall, ToolOutput};

use crate::arguments::Arguments;
use crate::desk::Gone;
use crate::folder::Folder;
use crate::problem::Problem;

/// How much a tool may take in and give out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of an answer.
    pub(crate) answer_bytes: usize,
    /// Bytes of a file that is written or edited.
    pub(crate) file_bytes: usize,
    /// Names that one search visits.
    pub(crate) visits: usize,
    /// Bytes of a file that are searched.
    pub(crate) searched_bytes: u64,
    /// Bytes of a line that is searched.
    pub(crate) line_bytes: usize,
}

impl Limits {
    /// What the operator says of answers and of files that are written; what is searched is the same everywhere.
    pub(crate) fn new(answer_bytes: usize, file_bytes: usize) -> Self {
        Self { answer_bytes, file_bytes, visits: 200_000, searched_bytes: 64 << 20, line_bytes: 4 << 20 }
    }
}

/// One call, as the code behind a tool sees it.
pub(crate) struct Job<'a> {
    pub(crate) folder: Folder,
    pub(crate) limits: Limits,
    pub(crate) gone: Gone<'a>,
}

/// The code behind a tool.
pub(crate) type Run = fn(Arguments, &Job<'_>) -> Result<String, Problem>;

/// Runs a tool. Whatever goes wrong is for the model to read.
pub(crate) fn answer(run: Run, call: &ToolCall, limits: Limits, gone: Gone<'_>) -> ToolOutput {
    let attempt = || {
        let arguments = Arguments::of(&call.input)?;
        let folder = Folder::open(&call.cwd)?;
        run(arguments, &Job { folder, limits, gone })
    };
    match attempt() {
        Ok(text) => ToolOutput::ok(text),
        Err(problem) => ToolOutput::error(problem.to_string()),
    }
}
