//! Tools that read, find, search and change files below the folder a turn works in.
//!
//! Hears nothing; says nothing; serves [`TOOL`] as `read_file`, `list_dir`, `glob`, `grep` and, when the operator allows it,
//! `write_file` and `edit_file`; links [`COMPACTING`], to tell which files a conversation has used. Does not leave the turn's folder, run anything, or watch for changes.

mod arguments;
mod carried;
mod desk;
mod edit_file;
mod excerpt;
mod folder;
mod glob;
mod grep;
mod lines;
mod list_dir;
mod name_pattern;
mod problem;
mod read_file;
mod replace;
mod rules;
#[cfg(test)]
mod scene;
mod substitution;
mod tool;
mod walk;
mod write_file;

use transom_agent::compaction::{COMPACTING, Draft};
use transom_agent::tool::{TOOL, ToolCall, ToolDefinition, ToolOutput};
use transom_plugin_api::prelude::*;

use crate::desk::Desk;
use crate::tool::{Limits, Run};

/// Files that are read at the same time; further readers wait.
const READERS: usize = 16;

/// What an operator may set.
///
/// ```
/// use transom_plugin_api::Settings;
/// use transom_tools_fs::FileTools;
///
/// assert!(FileTools::from_json(r#"{"write": true, "max_file_bytes": 1000000}"#).is_ok());
/// assert!(FileTools::from_json(r#"{"max_bytes": 1}"#).is_err());
/// ```
#[derive(Settings)]
pub struct FileTools {
    /// Whether models may change files: only then there are `write_file` and `edit_file`.
    #[setting(default = false)]
    write: bool,
    /// Bytes that one answer may have. At least 8192, at most 16 MiB.
    #[setting(default = 262_144, min = 8_192, max = 16_777_216)]
    max_bytes: u32,
    /// Bytes that a file may have which is written or edited. At least 1, at most 1 GiB.
    #[setting(default = 10_485_760, min = 1, max = 1_073_741_824)]
    max_file_bytes: u32,
}

/// The points it touches.
#[derive(Ports)]
pub struct FileToolsPorts {
    #[serves(TOOL, names = ["edit_file", "glob", "grep", "list_dir", "read_file", "write_file"])]
    tools: Server<ToolCall, ToolOutput, ToolDefinition>,
    #[links(COMPACTING)]
    compacting: Link<Draft>,
}

impl Plugin for FileTools {
    type Ports = FileToolsPorts;

    async fn start(self, ports: FileToolsPorts, host: Host) -> Result<(), StartError> {
        let limits = Limits::new(self.max_bytes as usize, self.max_file_bytes as usize);
        ports.compacting.link(|draft, _| std::future::ready(Ok(carried::add_files(draft))))?;
        let readers = Desk::with_seats(host.clone(), READERS);
        serve(&ports.tools, &readers, limits, read_file::definition(), read_file::run)?;
        serve(&ports.tools, &readers, limits, list_dir::definition(), list_dir::run)?;
        serve(&ports.tools, &readers, limits, glob::definition(), glob::run)?;
        serve(&ports.tools, &readers, limits, grep::definition(), grep::run)?;
        if self.write {
            // One seat: turns of other conversations may change the same file.
            let writer = Desk::with_seats(host, 1);
            serve(&ports.tools, &writer, limits, write_file::definition(), write_file::run)?;
            serve(&ports.tools, &writer, limits, edit_file::definition(), edit_file::run)?;
        }
        Ok(())
    }
}

fn serve(
    tools: &Server<ToolCall, ToolOutput, ToolDefinition>,
    desk: &Desk,
    limits: Limits,
    definition: ToolDefinition,
    run: Run,
) -> Result<(), StartError> {
    let (name, desk) = (definition.name.clone(), desk.clone());
    tools.serve_named(&name, definition, move |call, _| {
        let desk = desk.clone();
        async move { desk.work(move |gone| tool::answer(run, &call, limits, gone)).await }
    })
}

export_plugin!(FileTools, id = "tools-fs", capabilities = ["fs"]);
