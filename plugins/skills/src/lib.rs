//! Finds skills and lets a model load them.
//!
//! A skill is a Markdown file with instructions for a kind of task: a folder with a `SKILL.md`, or any other `*.md`
//! whose first line says when to use it and whose second is `---`.
//!
//! Links [`TOOLS`], to tell in the definition of `load_skill` which skills there are; serves [`TOOL`] as
//! `load_skill`. Does not touch the system prompt, run what a skill brings along, or remember anything: files are
//! read when they are asked for.

mod aside;
mod catalogue;
mod document;
mod front_matter;
mod instructions;
mod library;
mod look;
mod nearest;
mod offer;
mod shelf;
mod stamp;
mod tree;
mod walk;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use transom_agent::tool::{TOOL, TOOLS, ToolAssembly, ToolCall, ToolDefinition, ToolOutput};
use transom_plugin_api::prelude::*;

use crate::aside::Aside;
use crate::library::Library;
use crate::offer::LOAD_SKILL;

/// Turns that read skills at the same time; further ones wait.
const READERS: usize = 8;

/// What an operator may set.
///
/// ```
/// use transom_plugin_api::Settings;
/// use transom_skills::Skills;
///
/// assert!(Skills::from_json(r#"{"cwd_folders": [".skills", ".agents/skills"]}"#).is_ok());
/// ```
#[derive(Settings)]
pub struct Skills {
    /// Folders of skills: absolute, or in the home of whoever runs the host. The first that has a name wins.
    #[setting(default = ["~/.skills", "~/.agents/skills", "~/.claude/skills"])]
    folders: Vec<PathBuf>,
    /// Folders of skills below the one a turn works in; they win over `folders`. An empty list keeps what stands in
    /// a working folder from instructing a model.
    #[setting(default = [".skills", ".agents/skills", ".claude/skills"])]
    cwd_folders: Vec<PathBuf>,
}

/// The points it touches.
#[derive(Ports)]
pub struct SkillsPorts {
    #[links(TOOLS)]
    tools: Link<ToolAssembly>,
    #[serves(TOOL, names = ["load_skill"])]
    load: Server<ToolCall, ToolOutput, ToolDefinition>,
}

impl Plugin for Skills {
    type Ports = SkillsPorts;

    async fn start(self, ports: SkillsPorts, host: Host) -> Result<(), StartError> {
        let home = std::env::var_os("HOME");
        let library = Library::new(self.cwd_folders, self.folders, home.as_deref().map(Path::new))?;
        let (library, aside) = (Arc::new(library), Aside::with_threads(host.clone(), READERS));
        serve(&ports.load, &library, &aside)?;
        link(&ports.tools, &library, &aside, &host)
    }
}

fn serve(
    load: &Server<ToolCall, ToolOutput, ToolDefinition>,
    library: &Arc<Library>,
    aside: &Aside,
) -> Result<(), StartError> {
    let state = (Arc::clone(library), aside.clone());
    load.serve_named_with(LOAD_SKILL, offer::definition(), &state, async |(library, aside), call, _| {
        let loaded = aside.work(move || library.load(&call.cwd, &call.input)).await?;
        Ok(loaded.map_or_else(ToolOutput::error, ToolOutput::ok))
    })
}

fn link(
    tools: &Link<ToolAssembly>,
    library: &Arc<Library>,
    aside: &Aside,
    host: &Host,
) -> Result<(), StartError> {
    let state = (Arc::clone(library), aside.clone(), host.clone());
    tools.link_with(&state, async |(library, aside, host), assembly, _| {
        Ok(told(assembly, &library, &aside, &host).await)
    })
}

/// The assembly with the skills told in it; as it was when they cannot be read.
async fn told(assembly: ToolAssembly, library: &Arc<Library>, aside: &Aside, host: &Host) -> ToolAssembly {
    if !assembly.tools.iter().any(|tool| tool.name == LOAD_SKILL) {
        return assembly;
    }
    let (cwd, mut tools, teller) = (assembly.cwd.clone(), assembly.tools.clone(), Arc::clone(library));
    match aside.work(move || teller.tell(&cwd, &mut tools).map(|is_due| (tools, is_due))).await {
        Ok(Ok((tools, is_due))) => {
            if is_due {
                check(library, aside, host, assembly.cwd.clone());
            }
            ToolAssembly { tools, ..assembly }
        }
        Ok(Err(error)) => warn(assembly, &error),
        Err(error) => warn(assembly, &error),
    }
}

/// Looks through the skills once more, beside the turn.
fn check(library: &Arc<Library>, aside: &Aside, host: &Host, cwd: Text) {
    let (library, aside) = (Arc::clone(library), aside.clone());
    host.spawn(async move { drop(aside.work(move || library.check(&cwd)).await) });
}

fn warn(assembly: ToolAssembly, error: &dyn std::error::Error) -> ToolAssembly {
    tracing::warn!("the model is not told which skills there are: {error}");
    assembly
}

export_plugin!(Skills, id = "skills", capabilities = ["fs"]);
