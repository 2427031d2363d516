//! Lets models keep a list of what they have to do, for themselves and for who watches them.
//!
//! Serves the tool `todo_write`, [`TODOS`], `GET /conversations/:id/todos`, the command `todos` and the surface `todo`; says
//! [`TODOS_CHANGED`] and [`SURFACE_CHANGED`]; links [`COMPACTING`], so that what is open outlives a summary. Does not tell models of the list by itself, and does not judge what
//! they make of it.
//!
//! | file | subject |
//! |---|---|
//! | `input` | the rule: what a list may be |
//! | `rendering` | a list as it is read |
//! | `shelf` | where lists are kept |
//! | `carried` | what a summary carries of them |
//! | `tool`, `routes`, `command`, `surface` | the list for models, over HTTP, from a terminal and for clients to draw |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod carried;
mod command;
mod input;
mod rendering;
mod routes;
mod shelf;
mod surface;
mod tool;

use std::sync::Arc;

use transom_agent::compaction::{COMPACTING, Draft};
use transom_agent::conversation::{Conversation, Conversations, FIND, LIST, Query};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute, Verb,
};
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_agent::surface::{
    SURFACE, SURFACE_CHANGED, SurfaceAbout, SurfaceChanged, SurfaceOf, SurfaceSpec,
};
use transom_agent::todo::{TODOS, TODOS_CHANGED, TodoList};
use transom_agent::tool::{TOOL, ToolCall, ToolDefinition, ToolOutput};
use transom_plugin_api::prelude::*;

use crate::shelf::Shelf;

/// What an operator may set: nothing.
#[derive(Debug, Settings)]
pub struct TodoLists {}

/// The points it touches.
#[derive(Clone, Debug, Ports)]
pub struct TodoPorts {
    #[serves(TOOL, names = ["todo_write"])]
    tools: Server<ToolCall, ToolOutput, ToolDefinition>,
    #[serves(TODOS)]
    todos: Server<Text, TodoList>,
    #[says(TODOS_CHANGED)]
    changed: Emitter<TodoList>,
    #[serves(SURFACE, names = ["todo"])]
    surface: Server<SurfaceOf, SurfaceSpec, SurfaceAbout>,
    #[says(SURFACE_CHANGED)]
    surface_changed: Emitter<SurfaceChanged>,
    #[links(COMPACTING)]
    compacting: Link<Draft>,
    #[calls(FIND)]
    find: Caller<Text, Conversation>,
    #[calls(LIST)]
    list: Caller<Query, Conversations>,
    #[calls(STORAGE_READ)]
    read: Caller<StorageRead, StorageRows>,
    #[calls(STORAGE_WRITE)]
    write: Caller<StorageWrites, StorageWritten>,
    #[serves(HTTP_ROUTE, names = ["GET /conversations/:id/todos"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(CLI_COMMAND, names = ["todos"])]
    commands: Server<CliCall, CliOutcome, Verb>,
}

impl Plugin for TodoLists {
    type Ports = TodoPorts;

    async fn start(self, ports: TodoPorts, host: Host) -> Result<(), StartError> {
        let shelf = Arc::new(Shelf::new(ports.clone(), host));
        ports.todos.serve_with(&shelf, async |shelf, id, _| shelf.list(&id).await)?;
        ports
            .compacting
            .link_with(&shelf, async |shelf, draft, _| Ok(carried::add_open(&shelf, draft).await))?;
        surface::register(&shelf, &ports.surface)?;
        tool::register(&shelf, &ports.tools)?;
        routes::register(&shelf, &ports.routes)?;
        command::register(&shelf, &ports.commands)
    }
}

export_plugin!(TodoLists, id = "todo");
