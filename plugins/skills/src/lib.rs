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
mod library;
mod offer;
mod tree;

use std::io;
use std::path::{Path, PathBuf};

use transom_agent::tool::{TOOL, TOOLS, ToolAssembly, ToolCall, ToolDefinition, ToolOutput};
use transom_plugin_api::prelude::*;

use crate::aside::Aside;
use crate::catalogue::Catalogue;
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
    #[setting(default = ["~/.skills"])]
    folders: Vec<PathBuf>,
    /// Folders of skills below the one a turn works in; they win over `folders`. An empty list keeps what stands in
    /// a working folder from instructing a model.
    #[setting(default = [".skills"])]
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
        let aside = Aside::with_threads(host, READERS);
        serve(&ports.load, &library, &aside)?;
        link(&ports.tools, &library, &aside)
    }
}

fn serve(
    load: &Server<ToolCall, ToolOutput, ToolDefinition>,
    library: &Library,
    aside: &Aside,
) -> Result<(), StartError> {
    let (library, aside) = (library.clone(), aside.clone());
    load.serve_named(LOAD_SKILL, offer::definition(), move |call, _| {
        let (library, aside) = (library.clone(), aside.clone());
        async move {
            let loaded = aside.work(move || library.load(&call.cwd, &call.input)).await?;
            Ok(loaded.map_or_else(ToolOutput::error, ToolOutput::ok))
        }
    })
}

fn link(tools: &Link<ToolAssembly>, library: &Library, aside: &Aside) -> Result<(), StartError> {
    let (library, aside) = (library.clone(), aside.clone());
    tools.link(move |assembly, _| {
        let (library, aside) = (library.clone(), aside.clone());
        async move {
            let catalogue = |cwd: Text| async move { aside.work(move || library.catalogue(&cwd)).await };
            Ok(told(assembly, catalogue).await)
        }
    })
}

/// The assembly with the skills told in it; as it was when they cannot be read.
async fn told<F>(mut assembly: ToolAssembly, catalogue: impl FnOnce(Text) -> F) -> ToolAssembly
where
    F: Future<Output = Result<io::Result<Catalogue>, CallError>>,
{
    if !assembly.tools.iter().any(|tool| tool.name == LOAD_SKILL) {
        return assembly;
    }
    match catalogue(assembly.cwd.clone()).await {
        Ok(Ok(skills)) => offer::offer(&mut assembly.tools, &skills),
        Ok(Err(error)) => warn(&error),
        Err(error) => warn(&error),
    }
    assembly
}

fn warn(error: &dyn std::error::Error) {
    tracing::warn!("the model is not told which skills there are: {error}");
}

export_plugin!(Skills, id = "skills", capabilities = ["fs"]);
