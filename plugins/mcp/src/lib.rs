//! Lets models call tools of servers that speak the [Model Context Protocol](https://modelcontextprotocol.io).
//!
//! Servers are the operator's, by the settings, or those of a working folder's `.mcp.json`, as soon as the operator trusts that. Each is
//! started in the background, watched, and started again when it fails: none can hold up a turn for long, or another one.
//!
//! Serves [`TOOL`] under `<server>__<tool>` for each tool that a server lists; links [`TOOLS`], so that a turn is offered those of its
//! folder; says [`PRINTED`]. Asks [`TRUST`] for the folder's file, hears [`TRUST_CHANGED`]. Serves `GET /mcp`,
//! `GET /conversations/:id/mcp`, `POST /mcp/:server/restart`, and the command `mcp`.
//! Does not judge calls: each says that it reaches a server, and the gate sees to it. Does not sample models for servers, ask people for
//! them, or use their resources and prompts.
//!
//! | file | subject |
//! |---|---|
//! | `settings`, `definition`, `pattern` | which servers there are, and how they are reached |
//! | `folder_file`, `folders` | those of working folders |
//! | `process`, `warden`, `environment`, `http` | a process and its group, and what is reached over HTTP |
//! | `lines`, `tail` | what a server writes, held to its bounds |
//! | `session`, `ear` | a server that was started, and what it says by itself |
//! | `connection`, `backoff`, `doubt` | one server, from its first start to its end, also where it answers nothing |
//! | `names`, `offer`, `registry` | its tools, and their names on the bus |
//! | `call`, `answer` | a call, and what a model is told of its answer |
//! | `turn` | which tools a turn is offered |
//! | `status`, `routes`, `command` | how it is all told, over HTTP and in a terminal |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod answer;
mod backoff;
mod call;
mod command;
mod connection;
mod definition;
mod doubt;
mod ear;
mod environment;
mod folder_file;
mod folders;
mod http;
mod lines;
mod names;
mod offer;
mod pattern;
mod process;
mod registry;
mod routes;
mod session;
mod settings;
mod status;
mod tail;
mod turn;
mod warden;

use std::sync::Arc;
use std::time::Duration;

use transom_agent::conversation::{Conversation, Conversations, FIND, LIST, Query};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute, Verb,
};
use transom_agent::tool::{
    PRINTED, TOOL, TOOLS, ToolAssembly, ToolCall, ToolDefinition, ToolOutput, ToolPrinted,
};
use transom_agent::trust::{Found, TRUST, TRUST_CHANGED, Trust, TrustChanged};
use transom_agent::workspace::{WORKSPACE_FOLDER, WorkspaceFolder};
use transom_plugin_api::prelude::*;

pub use crate::settings::{Mcp, Server as ServerSettings};

use crate::connection::Company;
use crate::folders::Folders;
use crate::registry::Registry;
use crate::turn::Servers;
use crate::warden::Warden;

/// Answers of the operator's that may wait to be heard of; of more the oldest are not, and each turn asks anyway.
const WAITING: u32 = 256;

/// The points it touches.
#[derive(Clone, Debug, Ports)]
pub struct McpPorts {
    #[links(TOOLS)]
    tools: Link<ToolAssembly>,
    #[serves(TOOL, names = "dynamic")]
    run: Server<ToolCall, ToolOutput, ToolDefinition>,
    #[says(PRINTED)]
    printed: Emitter<ToolPrinted>,
    #[calls(TRUST, optional)]
    trust: Caller<Found, Trust>,
    #[hears(TRUST_CHANGED)]
    trust_changed: Listener<TrustChanged>,
    #[calls(FIND, optional)]
    find: Caller<Text, Conversation>,
    #[calls(LIST, optional)]
    list: Caller<Query, Conversations>,
    #[calls(WORKSPACE_FOLDER, optional)]
    workspace_folder: Caller<Text, WorkspaceFolder>,
    #[serves(HTTP_ROUTE, names = ["GET /conversations/:id/mcp", "GET /mcp", "POST /mcp/:server/restart"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(CLI_COMMAND, names = ["mcp"])]
    commands: Server<CliCall, CliOutcome, Verb>,
}

impl Plugin for Mcp {
    type Ports = McpPorts;

    async fn start(self, ports: McpPorts, host: Host) -> Result<(), StartError> {
        let (wait, has_folders) = (Duration::from_millis(self.wait_ms), self.folder_servers);
        let definitions = self.definitions()?;
        let company = Company {
            host: host.clone(),
            warden: Warden::default(),
            registry: Registry::new(ports.run.clone()),
            printed: ports.printed.clone(),
        };
        let taken = definitions.iter().map(|one| one.name.clone()).collect();
        let folders = has_folders.then(|| Folders::new(company.clone(), ports.trust.clone(), taken));
        let servers = Servers::begin(definitions, company, folders, wait);
        let ending = Arc::clone(&servers);
        host.on_stop(async move { ending.end().await });
        ports.tools.link_with(&servers, async |servers, assembly, _| Ok(servers.assemble(assembly).await))?;
        ports.trust_changed.queued_with(
            &servers,
            Mailbox::drop_oldest(WAITING),
            async |servers, changed: Received<TrustChanged>, _| {
                if let Some(folders) =
                    servers.folders.as_ref().filter(|folders| folders.knows(&changed.folder))
                {
                    folders.enter(&changed.folder).await;
                }
            },
        )?;
        routes::register(&servers, &ports, &ports.routes)?;
        command::register(&servers, &ports, &ports.commands)
    }
}

export_plugin!(
    Mcp,
    id = "mcp",
    runtime = "tokio",
    capabilities = ["fs", "net", "process"],
    handover = "exclusive"
);
