//! Runs turns: one request builder, tool steps, viewers with replay.
//!
//! Hears [`PRINTED`] and the host's [`STOPPING`]; says what happens to conversations, turns, steps, questions and requests;
//! applies the filters over what a person says, the choice of a model, prompts, tools, requests, calls, answers and the end of a
//! turn; asks models, tools, the conversation store and, where there is one, the message queue. Tells the host [`FIGURES`].
//! Serves [`START`], [`WATCH`], [`STOP`], [`CLOSE`], [`ANSWER`], [`QUESTIONS`] and [`STATUS`], and the routes `POST /chat`,
//! `GET /models`, `GET /questions`, and below `/conversations/:id` `GET /events`, `/last` and `/status`, `POST /answer`, `/close`,
//! `/open` and `/stop`, `PUT /cwd` and `/model`.
//! Does not store anything itself, and does not queue messages for a busy conversation.
//!
//! What viewers see is durable first, but for the pieces of a text, which are drafted beside the stream and say that a
//! crash may take them back. A turn that asks a person leaves nothing in memory: it goes on from its log. A reload waits
//! for the turns that run, and what then still runs comes to a halt behind what it has said and goes on in the next
//! generation; with no time to wait they end as by a stop.
//!
//! | file | subject |
//! |---|---|
//! | `orchestrator` | what is served: start, watch, stop, close, answer, status; what becomes of turns in a reload |
//! | `admission`, `folder` | the rules by which a start, or a choice for later ones, is accepted |
//! | `hub` | frames for viewers, and the claim that makes a turn the only one of its conversation |
//! | `turn` | one turn from its first request to its seal |
//! | `sheet` | what a step has said: where it stands, how far it is durable and was shown |
//! | `request` | the one place that makes requests to models |
//! | `asking` | how each of them gets its room, and is told of |
//! | `step`, `batch`, `ending` | the rules inside a turn: what a model said, which tools run when, when it ends |
//! | `tools`, `stop` | running the tools of a step; the signal that interrupts a turn |
//! | `questions` | what waits for a person, and until when |
//! | `histories`, `common`, `handed` | what conversations have said; what turns share; turns on their way to the next generation |
//! | `shown` | how a chunk of the log is shown |
//! | `edges` | everything a turn needs of the world, as one trait |
//! | `routes`, `command` | the HTTP form of it, and `transom answer` |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod admission;
mod asking;
mod batch;
mod command;
mod common;
mod edges;
mod ending;
mod folder;
mod handed;
mod histories;
mod hub;
mod ids;
mod orchestrator;
mod poll;
mod questions;
mod relay;
mod request;
mod routes;
mod sheet;
mod shown;
mod step;
mod stop;
mod tools;
mod turn;

use std::sync::Arc;

use transom_agent::conversation::{BEGUN, Begun, CLOSED, Conversation, FIND, OPENED, Opened, UPDATE, Update};
use transom_agent::event::AgentEvent;
use transom_agent::log::{
    APPEND, Append, Appended, Chunks, DRAFT, Draft, Drafted, HISTORY, History, HistoryOf, LOCATE, Located,
    MessageOf, READ, REPAIR, Read, Repair, Repaired,
};
use transom_agent::notice::{NOTICE, Notice};
use transom_agent::provider::{
    ANSWERED, ASKED, MODEL, ModelAnswered, ModelAsked, ModelInfo, ModelRequest, OutgoingRequest,
    ProviderEvent, REQUEST, SLOT, SlotRequest, SlotState,
};
use transom_agent::question::{
    ANSWER, AnswerQuestion, Answered, OpenQuestion, OpenQuestions, QUESTION_ANSWERED, QUESTION_ASKED,
    QUESTIONS, QuestionAnswered, QuestionsOf,
};
use transom_agent::queue::{DELIVERED, Delivered, Queue, TAKE, Taken};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HTTP_STREAM, HttpFrame, HttpReply, HttpRequest, HttpRoute,
    Verb,
};
use transom_agent::tool::{
    GATE, PRINTED, RAN, TOOL, TOOLS, ToolAssembly, ToolCall, ToolDefinition, ToolGate, ToolOutput,
    ToolPrinted, ToolRan,
};
use transom_agent::turn::{
    AskBeside, BESIDE, CLOSE, Closed, ENDING, INPUT, MODEL_CHOICE, ModelChoice, SETTLED, STALLED, START,
    STARTED, STATUS, STEP_COMPLETED, STEP_STARTED, STOP, SYSTEM_PROMPT, StartTurn, StepCompleted,
    StepStarted, Stopped, SystemPrompt, TurnEnding, TurnInput, TurnSettled, TurnStalled, TurnStarted,
    TurnStatus, WATCH, Watch,
};
use transom_agent::workspace::{WORKSPACE_FOLDER, WorkspaceFolder};
use transom_plugin_api::hosting::{FIGURES, Figures, PLUGINS, PluginList, STOPPING, Stopping};
use transom_plugin_api::prelude::*;

use crate::edges::bus::Bus;
use crate::edges::prints::Prints;
use crate::handed::Handed;
use crate::orchestrator::Orchestrator;

/// Prints of tools that may wait to be shown; of more the oldest are lost.
const PRINTS: u32 = 4096;

/// What an operator may set.
#[derive(Clone, Debug, Settings)]
pub struct SessionOrchestrator {
    /// Model of conversations that chose none, as `<provider>/<model>`; the first one by name when left out.
    default_model: Option<String>,
    /// Begins every system prompt, in front of what plugins add, such as `system-prompt`; empty for nothing.
    #[setting(default = "")]
    system_prompt: String,
    /// Requests to the model in one turn, after which it ends; 0 for no limit. In the last one no tool may be called, so that
    /// the model comes to an end.
    #[setting(default = 50)]
    max_steps: u32,
    /// Seconds that a turn may work, without the time in which it waits for a person; 0 for no limit.
    #[setting(default = 0)]
    turn_timeout_s: u64,
    /// Tokens, in and out, after which a turn makes one more request, in which no tool may be called, and ends; 0 for no limit.
    #[setting(default = 0)]
    turn_token_budget: u64,
    /// Tools of one step that run side by side. At least 1.
    #[setting(default = 4, min = 1)]
    max_parallel_tools: u32,
    /// Whether a tool starts as soon as the model has asked for it, and not only when it has asked for all. No call starts
    /// early while a plugin has a say in which ones run.
    #[setting(default = false)]
    eager: bool,
    /// Seconds a tool may take; 0 for as long as it needs.
    #[setting(default = 600)]
    tool_timeout_s: u64,
    /// Seconds without anything from the model after which a turn is told as stalled, in the log and on the bus; 0 for never.
    /// Nothing else happens to it.
    #[setting(default = 60)]
    stall_after_s: u64,
    /// Whether a person is asked before a tool runs that may change something, where no plugin has judged the call: a tool that writes,
    /// runs commands, asks others, or does not say what it does.
    #[setting(default = true)]
    ask_when_unguarded: bool,
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
    #[serves(CLOSE)]
    close: Server<Text, Closed>,
    #[serves(ANSWER)]
    answer: Server<AnswerQuestion, Answered>,
    #[serves(QUESTIONS)]
    questions: Server<QuestionsOf, OpenQuestions>,
    #[says(QUESTION_ASKED)]
    question_asked: Emitter<OpenQuestion>,
    #[says(QUESTION_ANSWERED)]
    question_answered: Emitter<QuestionAnswered>,
    #[says(NOTICE)]
    notice: Emitter<Notice>,
    #[says(BEGUN)]
    begun: Emitter<Begun>,
    #[says(OPENED)]
    opened: Emitter<Opened>,
    #[says(CLOSED)]
    closed: Emitter<Text>,
    #[says(STARTED)]
    started: Emitter<TurnStarted>,
    #[says(STEP_STARTED)]
    step_started: Emitter<StepStarted>,
    #[says(STEP_COMPLETED)]
    step_completed: Emitter<StepCompleted>,
    #[says(ASKED)]
    asked: Emitter<ModelAsked>,
    #[says(ANSWERED)]
    answered: Emitter<ModelAnswered>,
    #[says(STALLED)]
    stalled: Emitter<TurnStalled>,
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
    #[applies(MODEL_CHOICE)]
    model_choice: Applier<ModelChoice>,
    #[applies(REQUEST)]
    request: Applier<OutgoingRequest>,
    #[applies(RAN)]
    ran: Applier<ToolRan>,
    #[applies(ENDING)]
    ending: Applier<TurnEnding>,
    #[applies(SYSTEM_PROMPT)]
    system_prompt: Applier<SystemPrompt>,
    #[applies(TOOLS)]
    tools: Applier<ToolAssembly>,
    #[applies(GATE)]
    gate: Applier<ToolGate>,
    #[calls(APPEND)]
    append: Caller<Append, Appended>,
    #[calls(HISTORY)]
    history: Caller<HistoryOf, History>,
    #[calls(DRAFT)]
    draft: Caller<Draft, Drafted>,
    #[calls(REPAIR)]
    repair: Caller<Repair, Repaired>,
    #[calls(READ)]
    read: Caller<Read, Chunks>,
    #[calls(LOCATE)]
    locate: Caller<MessageOf, Located>,
    #[calls(PLUGINS, optional)]
    plugins: Caller<(), PluginList>,
    #[calls(WORKSPACE_FOLDER, optional)]
    workspace_folder: Caller<Text, WorkspaceFolder>,
    #[calls(TAKE, optional)]
    take: Caller<Text, Taken>,
    #[calls(DELIVERED, optional)]
    delivered: Caller<Delivered, Queue>,
    #[calls(FIND)]
    find: Caller<Text, Conversation>,
    #[calls(UPDATE)]
    update: Caller<Update, Conversation>,
    #[calls(MODEL)]
    model: StreamCaller<ModelRequest, ProviderEvent, ModelInfo>,
    #[calls(SLOT, optional)]
    slot: StreamCaller<SlotRequest, SlotState>,
    #[serves(BESIDE)]
    beside: StreamServer<AskBeside, ProviderEvent>,
    #[calls(TOOL)]
    tool: Caller<ToolCall, ToolOutput, ToolDefinition>,
    #[serves(FIGURES, names = ["session-orchestrator"])]
    figures: Server<(), Figures, ()>,
    #[serves(HTTP_ROUTE, names = ["GET /models", "GET /conversations/:id/last", "GET /conversations/:id/status", "GET /questions", "POST /conversations/:id/answer", "POST /conversations/:id/close", "POST /conversations/:id/open", "POST /conversations/:id/stop", "PUT /conversations/:id/cwd", "PUT /conversations/:id/model"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(CLI_COMMAND, names = ["answer"])]
    commands: Server<CliCall, CliOutcome, Verb>,
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
        let told = Arc::clone(&orchestrator);
        ports
            .figures
            .serve_named("session-orchestrator", (), move |(), _| std::future::ready(Ok(told.figures())))?;
        routes::register(&orchestrator, &ports.routes, &ports.streams)?;
        command::register(&orchestrator, &ports.commands)?;
        // Before the transports stop, so that those who watch a turn still see its end.
        ports.stopping.queued_with(&orchestrator, Mailbox::coalesce(), async |orchestrator, _, _| {
            orchestrator.shut_down().await;
        })?;
        let stopped = Arc::clone(&orchestrator);
        host.on_stop(async move { stopped.shut_down().await });
        succeed(&orchestrator, &host);
        Ok(())
    }
}

/// Goes on with the turns that the generation before left, and leaves those that run to the next.
fn succeed(orchestrator: &Arc<Orchestrator<Bus>>, host: &Host) {
    let drains = Arc::clone(orchestrator);
    host.on_drain(move |patience| {
        let orchestrator = Arc::clone(&drains);
        async move { orchestrator.drain(patience).await }
    });
    let leaves = Arc::clone(orchestrator);
    host.hand_over(move || {
        let orchestrator = Arc::clone(&leaves);
        async move { orchestrator.hand_over().await }
    });
    orchestrator.begin(host.handed_over::<Handed>().map(Option::unwrap_or_default).unwrap_or_else(|error| {
        // Turns that cannot go on are ended as lost, which is better than a plugin that cannot be replaced.
        tracing::error!("turns that were under way are lost: {error}");
        Handed::default()
    }));
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
        let orchestrator = Arc::clone(&watches);
        async move {
            // Until then viewers would be shown less than stands.
            orchestrator.until_repaired().await?;
            let viewer = orchestrator.watch(&request)?;
            while let Some(frame) = viewer.next().await {
                items.send(frame?.event().clone()).await;
            }
            Ok(())
        }
    })?;
    let besides = Arc::clone(orchestrator);
    ports.beside.serve(move |ask, mut items, _| {
        let orchestrator = Arc::clone(&besides);
        async move {
            let mut answer = orchestrator.beside(ask).await?;
            while let Some(event) = answer.next().await {
                items.send(event?).await;
            }
            Ok(())
        }
    })?;
    ports.stop.serve_with(orchestrator, async |orchestrator, id, _| orchestrator.stop(&id).await)?;
    ports.close.serve_with(orchestrator, async |orchestrator, id, _| orchestrator.close(&id).await)?;
    ports
        .answer
        .serve_with(orchestrator, async |orchestrator, answer, _| orchestrator.answer(answer).await)?;
    ports.questions.serve_with(orchestrator, async |orchestrator, of, _| orchestrator.questions(of).await)?;
    ports.status.serve_with(orchestrator, async |orchestrator, id, _| orchestrator.status(&id).await)
}

export_plugin!(SessionOrchestrator, id = "session-orchestrator", handover = "exclusive");
