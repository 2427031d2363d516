//! Runs turns: one request builder, tool steps, viewers with replay.
//!
//! Hears [`PRINTED`] and the host's [`STOPPING`]; says [`STARTED`], [`SETTLED`] and, empty, [`PRINTED`]; applies [`INPUT`],
//! [`SYSTEM_PROMPT`] and [`TOOLS`]; asks models, tools and the conversation store. Serves [`START`], [`WATCH`], [`STOP`] and [`STATUS`], and the routes `POST /chat`,
//! `GET /models`, and below `/conversations/:id` `GET /events`, `/last` and `/status`, `POST /answer`, `/close`, `/open` and `/stop`.
//! Does not store anything itself, does not queue messages for a busy conversation, and does not ask a model twice
//! for the same step.
//!
//! A reload waits for the turns that run, because no generation goes on with a turn of another; with no time to wait it
//! ends them as a stop does. Who comes after it still gets the frames of turns that ended before.
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
//! | `shown` | how a chunk of the log is shown |
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
mod shown;
mod step;
mod stop;
mod tools;
mod turn;

use std::sync::Arc;

use transom_agent::conversation::{Conversation, FIND, UPDATE, Update};
use transom_agent::event::AgentEvent;
use transom_agent::log::{APPEND, Append, Appended, Chunks, HISTORY, History, HistoryOf, READ, Read};
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
use crate::edges::prints::Prints;
use crate::hub::Kept;
use crate::orchestrator::Orchestrator;

/// Prints of tools that may wait to be shown; of more the oldest are lost.
const PRINTS: u32 = 4096;

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
    #[says(PRINTED)]
    print: Emitter<ToolPrinted>,
    #[applies(INPUT)]
    input: Applier<TurnInput>,
    #[applies(SYSTEM_PROMPT)]
    system_prompt: Applier<SystemPrompt>,
    #[applies(TOOLS)]
    tools: Applier<ToolAssembly>,
    #[calls(APPEND)]
    append: Caller<Append, Appended>,
    #[calls(HISTORY)]
    history: Caller<HistoryOf, History>,
    #[calls(READ)]
    read: Caller<Read, Chunks>,
    #[calls(FIND)]
    find: Caller<Text, Conversation>,
    #[calls(UPDATE)]
    update: Caller<Update, Conversation>,
    #[calls(MODEL)]
    model: StreamCaller<ModelRequest, ProviderEvent, ModelInfo>,
    #[calls(TOOL)]
    tool: Caller<ToolCall, ToolOutput, ToolDefinition>,
    #[serves(HTTP_ROUTE, names = ["GET /models", "GET /conversations/:id/last", "GET /conversations/:id/status", "POST /conversations/:id/answer", "POST /conversations/:id/close", "POST /conversations/:id/open", "POST /conversations/:id/stop"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(HTTP_STREAM, names = ["GET /conversations/:id/events", "POST /chat"])]
    streams: StreamServer<HttpRequest, HttpFrame, HttpRoute>,
}

impl Plugin for SessionOrchestrator {
    type Ports = OrchestratorPorts;

    async fn start(self, ports: OrchestratorPorts, host: Host) -> Result<(), StartError> {
        let bus = Bus::new(host.clone(), ports.clone());
        let prints = bus.prints();
        let orchestrator = Arc::new(Orchestrator::new(bus, self));
        serve_turns(&orchestrator, &ports)?;
        hear_prints(&orchestrator, prints, &ports.printed)?;
        routes::register(&orchestrator, &ports.routes, &ports.streams)?;
        // Before the transports stop, so that those who watch a turn still see its end.
        ports.stopping.queued_with(&orchestrator, Mailbox::coalesce(), async |orchestrator, _, _| {
            orchestrator.shut_down().await;
        })?;
        succeed(&orchestrator, &host);
        host.on_stop(async move { orchestrator.shut_down().await });
        Ok(())
    }
}

/// Goes on with what the generation before left, and leaves the same to the next.
fn succeed(orchestrator: &Arc<Orchestrator<Bus>>, host: &Host) {
    match host.handed_over::<Kept>() {
        Ok(before) => orchestrator.restore(before.unwrap_or_default()),
        // They are a convenience: not worth a plugin that cannot be replaced.
        Err(error) => tracing::warn!("the frames of turns that ended lately are gone: {error}"),
    }
    let drains = Arc::clone(orchestrator);
    host.on_drain(move |patience| {
        let orchestrator = Arc::clone(&drains);
        async move { orchestrator.drain(patience).await }
    });
    let leaves = Arc::clone(orchestrator);
    host.hand_over(move || std::future::ready(leaves.hand_over()));
}

fn hear_prints(
    orchestrator: &Arc<Orchestrator<Bus>>,
    prints: Arc<Prints>,
    port: &Listener<ToolPrinted>,
) -> Result<(), StartError> {
    let orchestrator = Arc::clone(orchestrator);
    port.queued(Mailbox::drop_oldest(PRINTS), move |printed, _| {
        orchestrator.printed(&printed);
        prints.heard(&printed, printed.lost());
        std::future::ready(())
    })
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
    })
}

export_plugin!(SessionOrchestrator, id = "session-orchestrator", handover = "exclusive");
