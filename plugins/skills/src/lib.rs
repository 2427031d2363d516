//! Finds skills and lets a model load them.
//!
//! A skill is a Markdown file with instructions for a kind of task: a folder with a `SKILL.md`, or any other `*.md`
//! whose first line says when to use it and whose second is `---`.
//!
//! Links [`TOOLS`], to tell in the definition of `load_skill` which skills there are; serves [`TOOL`] as `load_skill`. A person may
//! make a skill active in a conversation: then it enters at the conversation's tail, is brought back behind a summary ([`COMPACTED`]),
//! and is told off when it is let go. Serves `GET /conversations/:id/skills`, `PUT` and `DELETE /conversations/:id/skills/:name`, and the
//! command `skills`; asks the conversation store for the rest, and does without it where it is not there.
//! Asks the operator's [`TRUST`] before anything is used that lies in a working folder. Does not touch the system prompt, and does not
//! run what a skill brings along.
//!
//! | file | subject |
//! |---|---|
//! | `front_matter`, `document` | the rule: what a skill's file says |
//! | `catalogue` | the rule: which skills there are, under which names |
//! | `conflict`, `active` | the rules: what contradicts each other, and what may be active |
//! | `tree`, `walk`, `instructions` | a folder of skills, what is found in it, and what a model is shown of it |
//! | `look`, `stamp`, `watch`, `shelf` | what is remembered of folders, and for how long |
//! | `finds`, `standing` | what lies in a folder, all of it together, and what the operator says of that |
//! | `library`, `view`, `desk` | from a turn's folder to the skills that it may use, and from a name to one |
//! | `offer` | what a model is told of `load_skill` |
//! | `pins`, `turnstile` | the active skills of conversations |
//! | `listing`, `routes`, `command` | how they are told, over HTTP and in a terminal |

mod active;
mod aside;
mod catalogue;
mod command;
mod conflict;
mod desk;
mod document;
mod finds;
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
mod standing;
mod tree;
mod turnstile;
mod view;
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
use transom_agent::trust::{Found, TRUST, Trust};
use transom_agent::workspace::{WORKSPACE_FOLDER, WorkspaceFolder};
use transom_plugin_api::hosting::{Ready, STARTED_UP};
use transom_plugin_api::prelude::*;

use crate::active::Limits;
use crate::aside::Aside;
use crate::desk::Desk;
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
    /// Folders of skills below the one a turn works in. Each counts once the operator trusts it, and wins over `folders`.
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
    #[calls(TRUST, optional)]
    trust: Caller<Found, Trust>,
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
        let aside = Aside::with_threads(host.clone(), READERS);
        let desk = Desk::new(library, aside, ports.trust.clone(), host.clone());
        serve(&ports.load, &desk)?;
        link(&ports.tools, &desk, &host)?;
        let limits = Limits { most: self.most_active.into(), tokens: self.active_tokens.into() };
        let pins = Arc::new(Pins::new(ports.clone(), limits, desk, host.clone()));
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

fn serve(load: &Server<ToolCall, ToolOutput, ToolDefinition>, desk: &Desk) -> Result<(), StartError> {
    load.serve_named_with(LOAD_SKILL, offer::definition(), desk, async |desk, call, _| {
        let loaded = desk.load(&call.cwd, &call.input).await;
        Ok(loaded.map_or_else(ToolOutput::error, ToolOutput::ok))
    })
}

fn link(tools: &Link<ToolAssembly>, desk: &Desk, host: &Host) -> Result<(), StartError> {
    let state = (desk.clone(), host.clone());
    tools.link_with(&state, async |(desk, host), assembly, _| Ok(told(assembly, desk, &host).await))
}

/// The assembly with the skills told in it; as it was when they cannot be read.
async fn told(assembly: ToolAssembly, desk: Desk, host: &Host) -> ToolAssembly {
    if !assembly.tools.iter().any(|tool| tool.name == LOAD_SKILL) {
        return assembly;
    }
    match desk.tell(&assembly.cwd, assembly.tools.clone()).await {
        Ok((tools, is_due)) => {
            if is_due {
                let cwd = assembly.cwd.clone();
                // Beside the turn.
                host.spawn(async move { desk.check(&cwd).await });
            }
            ToolAssembly { tools, ..assembly }
        }
        Err(error) => warn(assembly, &error),
    }
}

fn warn(assembly: ToolAssembly, error: &dyn std::error::Error) -> ToolAssembly {
    tracing::warn!("the model is not told which skills there are: {error}");
    assembly
}

export_plugin!(Skills, id = "skills", capabilities = ["fs"]);
