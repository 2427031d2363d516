//! Runs turns: one request builder, tool steps, viewers with replay.
//!
//! Hears [`PRINTED`] and the host's [`STOPPING`]; says [`STARTED`] and [`SETTLED`]; applies [`INPUT`], [`SYSTEM_PROMPT`] and [`TOOLS`]; asks models,
//! tools and the conversation store. Serves [`START`], [`WATCH`], [`STOP`] and [`STATUS`], and the routes `POST /chat`,
//! `GET /models`, `GET /conversations/:id/status` and `POST /conversations/:id/stop`.
//! Does not store anything itself, does not queue messages for a busy conversation, and does not ask a model twice
//! for the same step.
//!
//! | file | subject |
//! |---|---|
//! | `orchestrator` | what is served: start, watch, stop, status |
//! | `admission`, `folder` | the rules by which a start is accepted |
//! | `hub` | frames for viewers, and the claim that makes a turn the only one of its conversation |
//! | `turn` | one turn from its first request to its seal |
//! | `request` | the one place that makes requests to models |
//! | `step`, `batch`, `ending` | the rules inside a turn: what a model said, which tools run when, when it ends |
//! | `tools`, `stop` | running the tools of a step; the signal that stops a turn |
//! | `edges` | everything a turn needs of the world, as one trait |
//! | `routes` | the HTTP form of it |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod admission;
mod batch;
mod edges;
mod ending;
mod folder;
mod hub;
mod orchestrator;
mod relay;
mod request;
mod routes;
mod step;
mod stop;
mod tools;
mod turn;

use std::sync::Arc;

use transom_agent::conversation::{
    APPEND, Append, Appended, Conversation, FIND, HISTORY, History, UPDATE, Update,
};
use transom_agent::event::AgentEvent;
use transom_agent::provider::{MODEL, ModelInfo, ModelRequest, ProviderEvent};
use transom_agent::reach::{HTTP_ROUTE, HTTP_STREAM, HttpFrame, HttpReply, HttpRequest, HttpRoute};
use transom_agent::tool::{
    PRINTED, TOOL, TOOLS, ToolAssembly, ToolCall, ToolDefinition, ToolOutput, ToolPrinted,
};
use transom_agent::turn::{
    INPUT, SETTLED, START, STARTED, STATUS, STOP, SYSTEM_PROMPT, StartTurn, Stopped, SystemPrompt, TurnInput,
    TurnSettled, TurnStarted, TurnStatus, WATCH, Watch,
};
use transom_plugin_api::hosting::{STOPPING, Stopping};
use transom_plugin_api::prelude::*;

use crate::edges::bus::Bus;
use crate::orchestrator::Orchestrator;

/// What an operator may set.
#[derive(Clone, Debug, Settings)]
pub struct SessionOrchestrator {
    /// Model of conversations that chose none, as `<provider>/<model>`; the first one by name when left out.
    default_model: Option<String>,
    /// Begins every system prompt; empty for none.
    #[setting(
        default = "You are a helpful agent. Use the tools you are given where they help, and say so when something cannot be done."
    )]
    system_prompt: String,
    /// Requests to the model in one turn, after which it ends; 0 for no limit.
    #[setting(default = 50)]
    max_steps: u32,
    /// Tools of one step that run side by side. At least 1.
    #[setting(default = 4, min = 1)]
    max_parallel_tools: u32,
    /// Seconds a tool may take; 0 for as long as it needs.
    #[setting(default = 600)]
    tool_timeout_s: u64,
}

/// What it touches.
#[derive(Clone, Debug, Ports)]
pub struct OrchestratorPorts {
    #[serves(START)]
    start: Server<StartTurn, TurnStarted>,
    #[serves(WATCH)]
    watch: StreamServer<Watch, AgentEvent>,
    #[serves(STOP)]
    stop: Server<Text, Stopped>,
    #[serves(STATUS)]
    status: Server<Text, TurnStatus>,
    #[says(STARTED)]
    started: Emitter<TurnStarted>,
    #[says(SETTLED)]
    settled: Emitter<TurnSettled>,
    #[hears(STOPPING)]
    stopping: Listener<Stopping>,
    #[hears(PRINTED)]
    printed: Listener<ToolPrinted>,
    #[applies(INPUT)]
    input: Applier<TurnInput>,
    #[applies(SYSTEM_PROMPT)]
    system_prompt: Applier<SystemPrompt>,
    #[applies(TOOLS)]
    tools: Applier<ToolAssembly>,
    #[calls(APPEND)]
    append: Caller<Append, Appended>,
    #[calls(HISTORY)]
    history: Caller<Text, History>,
    #[calls(FIND)]
    find: Caller<Text, Conversation>,
    #[calls(UPDATE)]
    update: Caller<Update, Conversation>,
    #[calls(MODEL)]
    model: StreamCaller<ModelRequest, ProviderEvent, ModelInfo>,
    #[calls(TOOL)]
    tool: Caller<ToolCall, ToolOutput, ToolDefinition>,
    #[serves(HTTP_ROUTE, names = ["GET /models", "GET /conversations/:id/status", "POST /conversations/:id/stop"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(HTTP_STREAM, names = ["POST /chat"])]
    streams: StreamServer<HttpRequest, HttpFrame, HttpRoute>,
}

impl Plugin for SessionOrchestrator {
    type Ports = OrchestratorPorts;

    async fn start(self, ports: OrchestratorPorts, host: Host) -> Result<(), StartError> {
        let orchestrator = Arc::new(Orchestrator::new(Bus::new(host.clone(), ports.clone()), self));
        serve_turns(&orchestrator, &ports)?;
        routes::register(&orchestrator, &ports.routes, &ports.streams)?;
        // Before the transports stop, so that those who watch a turn still see its end.
        ports.stopping.queued_with(&orchestrator, Mailbox::coalesce(), async |orchestrator, _, _| {
            orchestrator.shut_down().await;
        })?;
        host.on_stop(async move { orchestrator.shut_down().await });
        Ok(())
    }
}

fn serve_turns(orchestrator: &Arc<Orchestrator<Bus>>, ports: &OrchestratorPorts) -> Result<(), StartError> {
    let starts = Arc::clone(orchestrator);
    ports.start.serve(move |request, _| {
        let orchestrator = Arc::clone(&starts);
        async move { orchestrator.start(request).await.map(|(started, _)| started) }
    })?;
    let watches = Arc::clone(orchestrator);
    ports.watch.serve(move |request, mut items, _| {
        let viewer = watches.watch(&request);
        async move {
            let viewer = viewer?;
            while let Some(frame) = viewer.next().await {
                items.send(frame?.event().clone()).await;
            }
            Ok(())
        }
    })?;
    let stops = Arc::clone(orchestrator);
    ports.stop.serve(move |id, _| std::future::ready(Ok(stops.stop(&id))))?;
    let statuses = Arc::clone(orchestrator);
    ports.status.serve(move |id, _| {
        let orchestrator = Arc::clone(&statuses);
        async move { orchestrator.status(&id).await }
    })?;
    let prints = Arc::clone(orchestrator);
    ports.printed.inline(move |printed, _| prints.printed(printed))
}

export_plugin!(SessionOrchestrator, id = "session-orchestrator");
