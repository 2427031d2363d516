//! Finds skills and lets a model load them.
//!
//! A skill is a Markdown file with instructions for a kind of task: a folder with a `SKILL.md`, or any other `*.md`
//! whose first line says when to use it and whose second is `---`.
//!
//! Links [`TOOLS`], to tell in the definition of `load_skill` which skills there are; serves [`TOOL`] as `load_skill`. A person may
//! make a skill active in a conversation: then it enters at the conversation's tail, is brought back behind a summary ([`COMPACTED`]),
//! and is told off when it is let go. Serves `GET /conversations/:id/skills`, `PUT` and `DELETE /conversations/:id/skills/:name`, and the
//! command `skills`; asks the conversation store for the rest, and does without it where it is not there.
//! Does not touch the system prompt, and does not run what a skill brings along.
//!
//! | file | subject |
//! |---|---|
//! | `front_matter`, `document` | the rule: what a skill's file says |
//! | `catalogue` | the rule: which skills there are, under which names |
//! | `conflict`, `active` | the rules: what contradicts each other, and what may be active |
//! | `tree`, `walk`, `instructions` | a folder of skills, what is found in it, and what a model is shown of it |
//! | `look`, `stamp`, `watch`, `shelf` | what is remembered of folders, and for how long |
//! | `library` | from a name to a skill |
//! | `offer` | what a model is told of `load_skill` |
//! | `pins`, `turnstile` | the active skills of conversations |
//! | `listing`, `routes`, `command` | how they are told, over HTTP and in a terminal |

mod active;
mod aside;
mod catalogue;
mod command;
mod conflict;
mod document;
mod front_matter;
mod instructions;
mod library;
mod listing;
mod look;
mod offer;
mod pins;
mod routes;
mod shelf;
mod stamp;
mod tree;
mod turnstile;
mod walk;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use transom_agent::compaction::{COMPACTED, Compacted};
use transom_agent::conversation::{Conversation, Conversations, FIND, LIST, Query};
use transom_agent::log::{APPEND, Append, Appended, HISTORY, History, HistoryOf, LOCATE, Located, MessageOf};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute, Verb,
};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_agent::tool::{TOOL, TOOLS, ToolAssembly, ToolCall, ToolDefinition, ToolOutput};
use transom_agent::workspace::{WORKSPACE_FOLDER, WorkspaceFolder};
use transom_plugin_api::hosting::{Ready, STARTED_UP};
use transom_plugin_api::prelude::*;

use crate::active::Limits;
use crate::aside::Aside;
use crate::library::Library;
use crate::offer::LOAD_SKILL;
use crate::pins::Pins;

/// Turns that read skills at the same time; further ones wait.
const READERS: usize = 8;

/// Conversations that were summed up and may wait to be looked at; if there are more, all that have active skills are.
const WAITING: u32 = 256;

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
    /// Skills that may be active in a conversation at once. At least 1.
    #[setting(default = 3, min = 1, max = 100)]
    most_active: u8,
    /// Tokens of all active skills of a conversation together, four bytes each. At least 100.
    #[setting(default = 4_000, min = 100, max = 32_000)]
    active_tokens: u32,
}

/// The points it touches.
#[derive(Clone, Debug, Ports)]
pub struct SkillsPorts {
    #[links(TOOLS)]
    tools: Link<ToolAssembly>,
    #[serves(TOOL, names = ["load_skill"])]
    load: Server<ToolCall, ToolOutput, ToolDefinition>,
    #[hears(COMPACTED)]
    compacted: Listener<Compacted>,
    #[calls(STARTED_UP, optional)]
    started_up: Caller<(), Ready>,
    #[calls(LIST, optional)]
    list: Caller<Query, Conversations>,
    #[calls(FIND, optional)]
    find: Caller<Text, Conversation>,
    #[calls(WORKSPACE_FOLDER, optional)]
    workspace_folder: Caller<Text, WorkspaceFolder>,
    #[calls(HISTORY, optional)]
    history: Caller<HistoryOf, History>,
    #[calls(LOCATE, optional)]
    locate: Caller<MessageOf, Located>,
    #[calls(APPEND, optional)]
    append: Caller<Append, Appended>,
    #[calls(STORAGE_WRITE, optional)]
    write: Caller<StorageWrites, StorageWritten>,
    #[calls(STORAGE_READ, optional)]
    read: Caller<StorageRead, StorageRows>,
    #[serves(HTTP_ROUTE, names = ["DELETE /conversations/:id/skills/:name", "GET /conversations/:id/skills", "PUT /conversations/:id/skills/:name"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(CLI_COMMAND, names = ["skills"])]
    commands: Server<CliCall, CliOutcome, Verb>,
}

impl Plugin for Skills {
    type Ports = SkillsPorts;

    async fn start(self, ports: SkillsPorts, host: Host) -> Result<(), StartError> {
        let home = std::env::var_os("HOME");
        let library = Library::new(self.cwd_folders, self.folders, home.as_deref().map(Path::new))?;
        let (library, aside) = (Arc::new(library), Aside::with_threads(host.clone(), READERS));
        serve(&ports.load, &library, &aside)?;
        link(&ports.tools, &library, &aside, &host)?;
        let limits = Limits { most: self.most_active.into(), tokens: self.active_tokens.into() };
        let pins = Arc::new(Pins::new(ports.clone(), limits, library, aside, host.clone()));
        routes::register(&pins, &ports.routes)?;
        command::register(&pins, &ports.commands)?;
        look_after(&pins, &ports, &host)
    }
}

/// Brings back what summaries take away: each when it is told of, and once what was missed before.
fn look_after(pins: &Arc<Pins>, ports: &SkillsPorts, host: &Host) -> Result<(), StartError> {
    let (looker, started_up) = (Arc::clone(pins), ports.started_up.clone());
    host.spawn(async move {
        // Also where nobody says that the host has started.
        drop(started_up.call(()).await);
        looker.restore_all().await;
    });
    ports.compacted.queued_with(
        pins,
        Mailbox::drop_oldest(WAITING),
        async |pins, compacted: Received<Compacted>, _| {
            if compacted.lost() > 0 {
                pins.restore_all().await;
            } else if let Err(error) = pins.restore(&compacted.conversation_id).await {
                tracing::warn!("active skills may be missing behind a summary: {error}");
            }
        },
    )
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
