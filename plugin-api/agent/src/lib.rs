//! The agent vocabulary: what plugins of the agent runtime say to each other.
//!
//! | file | subject |
//! |---|---|
//! | [`message`] | messages and the chunks they are made of |
//! | [`log`] | the log of a conversation |
//! | [`conversation`] | what is known about a conversation without reading its log |
//! | [`turn`] | a question and everything until its answer is sealed |
//! | [`question`] | what a turn asks a person |
//! | [`event`] | the frames a viewer of a turn receives |
//! | [`provider`] | models, and what is streamed from them |
//! | [`compaction`] | summaries in the place of what was said |
//! | [`cache`] | what keeps providers from reading from their caches, and what keeps it in there |
//! | [`credential`] | accounts at the services behind models |
//! | [`tool`] | tools: their definitions, and their running |
//! | [`todo`](mod@todo) | what a model means to do |
//! | [`queue`] | messages that wait for a turn |
//! | [`workspace`] | conversations that belong together |
//! | [`notice`] | what a person should hear of who looks elsewhere |
//! | [`stream`] | streams of frames to viewers, and how they ended |
//! | [`surface`] | what plugins have to show, and what can be done with it |
//! | [`storage`] | what a plugin has to remember |
//! | [`reach`] | how a plugin is reached from outside: HTTP routes, WebSocket operations, CLI commands |
//! | [`trust`] | what of a working folder may be used |
//! | [`command`] | how the words of commands are read |
//! | [`folder`] | the folders in which agents may work |
//! | [`body`] | how the bodies of requests are read |
//! | [`nearest`] | what somebody may have meant |
//! | [`refusal`] | what several plugins refuse, in the same words |
//!
//! It holds contracts and points, and the rules that several plugins go by. The encoded forms (`camelCase`, `type` tags)
//! are those clients see.
//!
//! # Points at a glance
//!
//! | point | kind | who is at the other end |
//! |---|---|---|
//! | [`turn::START`], [`turn::STOP`], [`turn::STATUS`], [`turn::CLOSE`], [`question::ANSWER`], [`question::QUESTIONS`] | service | the orchestrator answers |
//! | [`turn::WATCH`] | streaming service | the orchestrator answers |
//! | [`turn::INPUT`], [`turn::MODEL_CHOICE`], [`turn::SYSTEM_PROMPT`], [`turn::ENDING`], [`tool::TOOLS`], [`tool::GATE`], [`tool::RAN`], [`provider::REQUEST`] | filter | the orchestrator applies, plugins link |
//! | [`turn::BESIDE`] | streaming service | the orchestrator answers |
//! | [`turn::STARTED`], [`turn::STEP_STARTED`], [`turn::STEP_COMPLETED`], [`turn::SETTLED`], [`turn::STALLED`] | event | the orchestrator says |
//! | [`question::QUESTION_ASKED`], [`question::QUESTION_ANSWERED`] | event | the orchestrator says |
//! | [`notice::NOTICE`] | event | whoever has something to tell says |
//! | [`stream::ENDED`] | event | transports say, the conversation store hears |
//! | [`tool::TOOL`] | named service | plugins answer, one name for each tool; the orchestrator calls |
//! | [`tool::PRINTED`] | event | tools say, and the orchestrator when a tool has answered; the orchestrator hears |
//! | [`provider::MODEL`] | named streaming service | providers answer, one name for each model; the orchestrator calls |
//! | [`provider::ASKED`], [`provider::ANSWERED`] | event | the orchestrator says |
//! | [`compaction::COMPACTED`] | event | who compacts says |
//! | [`compaction::COMPACTING`] | filter | who compacts applies, plugins link |
//! | [`cache::PREFIX_BROKEN`] | event | the cache explainer says |
//! | [`cache::WARM`] | service | who keeps caches warm answers |
//! | [`cache::WARMED`] | event | who keeps caches warm says |
//! | [`provider::SLOT`] | streaming service | who limits requests answers; the orchestrator calls |
//! | [`provider::FACTS`] | service | the model catalogue answers |
//! | [`credential::CREDENTIALS`] | service | who keeps credentials answers, for whoever calls |
//! | [`credential::CREDENTIALS_CHANGED`] | event | who keeps credentials says |
//! | [`todo::TODOS`] | service | who keeps todos answers |
//! | [`todo::TODOS_CHANGED`] | event | who keeps todos says |
//! | [`trust::TRUST`] | service | who keeps what the operator trusts answers |
//! | [`trust::TRUST_ASKED`], [`trust::TRUST_CHANGED`] | event | who keeps what the operator trusts says |
//! | [`log`]`::APPEND`, `DRAFT`, `REPAIR`, `HISTORY`, `READ`, `LOCATE`, `DOCTOR` | service | the conversation store answers |
//! | [`log::BACKUP`] | streaming service | the conversation store answers; the host calls |
//! | [`conversation`]`::LIST`, `FIND`, `UPDATE`, `FORK`, `DELETE`, `METRICS` | service | the conversation store answers |
//! | [`conversation::CHANGED`] | event | the conversation store says |
//! | [`conversation::BEGUN`], [`conversation::OPENED`], [`conversation::CLOSED`] | event | the orchestrator says |
//! | [`workspace`]`::WORKSPACES`, `WORKSPACE_FOLDER`, `WORKSPACE_UPDATE`, `WORKSPACE_DELETE` | service | the conversation store answers |
//! | [`storage::STORAGE_WRITE`], [`storage::STORAGE_READ`] | service | the conversation store answers, for whoever calls |
//! | [`queue`]`::ENQUEUE`, `QUEUE`, `REQUEUE`, `TAKE`, `DELIVERED` | service | the message queue answers |
//! | [`surface::SURFACE`], [`surface::SURFACE_ACTION`] | named service | plugins answer, one name for each surface |
//! | [`surface::SURFACE_CHANGED`] | event | plugins that have a surface say |
//! | [`reach::HTTP_ROUTE`], [`reach::HTTP_STREAM`] | named service, named streaming service | plugins answer, one name for each route; transports call |
//! | [`reach::WS_OPERATION`], [`reach::WS_SUBSCRIPTION`] | named service, named streaming service | plugins answer, one name for each; transports call |
//!
//! Enums that will get further variants [grow](macro@transom_plugin_api::contract#enums-that-grow): kinds of chunks, frames
//! and events, classes, reasons, efforts and states. What a plugin does not know of them it passes on unchanged. Who speaks,
//! a [`Role`](message::Role), is one of four for good.
//!
//! What a constant says last about itself is: its name on the bus, its kind, the time one handler may take, and whether
//! it has stages.
//!
//! # A whole plugin
//!
//! It refuses messages for a while: a link, a tool, a route and a service of its own that share one state.
//!
//! ```toml
//! [package]
//! name = "pause"
//! version = "0.1.0"
//! edition = "2024"
//! description = "Refuses messages for a while"
//!
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [dependencies]
//! transom-plugin-api = { path = "../transom/plugin-api" }
//! transom-agent = { path = "../transom/plugin-api/agent" }
//! ```
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicI64, Ordering};
//!
//! use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
//! use transom_agent::tool::{TOOL, ToolCall, ToolDefinition, ToolOutput};
//! use transom_agent::turn::{INPUT, TurnInput};
//! use transom_plugin_api::prelude::*;
//!
//! /// Until when messages are refused.
//! #[contract]
//! pub struct Pause {
//!     /// Milliseconds since the epoch; in the past when there is no pause.
//!     pub until: i64,
//! }
//!
//! /// Begins a pause of so many seconds; 0 ends it. In a crate `pause-contract` as soon as others are to call it.
//! pub const PAUSE: Service<u64, Pause> = Service::new("pause/pause.begin");
//!
//! /// What an operator may set.
//! #[derive(Settings)]
//! pub struct Pauses {
//!     /// Seconds that a pause may last. At least 1.
//!     #[setting(default = 3600, min = 1, max = 86400)]
//!     longest_s: u64,
//! }
//!
//! /// The points it touches.
//! #[derive(Ports)]
//! pub struct PausePorts {
//!     #[links(INPUT)]
//!     input: Link<TurnInput>,
//!     #[serves(PAUSE)]
//!     pause: Server<u64, Pause>,
//!     #[serves(TOOL, names = ["pause"])]
//!     tool: Server<ToolCall, ToolOutput, ToolDefinition>,
//!     #[serves(HTTP_ROUTE, names = ["GET /x/pause"])]
//!     route: Server<HttpRequest, HttpReply, HttpRoute>,
//! }
//!
//! impl Plugin for Pauses {
//!     type Ports = PausePorts;
//!
//!     async fn start(self, ports: PausePorts, host: Host) -> Result<(), StartError> {
//!         let clock = Arc::new(Clock { longest_s: self.longest_s, until: AtomicI64::new(0), host });
//!         ports.input.link_with(&clock, async |clock, input, _| clock.admit(input))?;
//!         ports.pause.serve_with(&clock, async |clock, seconds, _| clock.begin(seconds))?;
//!         ports.tool.serve_named_with("pause", definition()?, &clock, Clock::run_tool)?;
//!         let about = HttpRoute::new("Until when messages are refused");
//!         let answer = async |clock: Arc<Clock>, _, _| HttpReply::json(&clock.pause());
//!         ports.route.serve_named_with("GET /x/pause", about, &clock, answer)
//!     }
//! }
//!
//! export_plugin!(Pauses, id = "pause");
//!
//! struct Clock {
//!     longest_s: u64,
//!     until: AtomicI64,
//!     host: Host,
//! }
//!
//! impl Clock {
//!     fn pause(&self) -> Pause {
//!         Pause { until: self.until.load(Ordering::Relaxed) }
//!     }
//!
//!     fn admit(&self, input: TurnInput) -> Result<TurnInput, Refusal> {
//!         let left_ms = self.pause().until - self.host.now_ms();
//!         if left_ms > 0 { Err(Refusal::new(format!("pause for {} s more", left_ms / 1000 + 1))) } else { Ok(input) }
//!     }
//!
//!     fn begin(&self, seconds: u64) -> Result<Pause, CallError> {
//!         if seconds > self.longest_s {
//!             let longest = self.longest_s;
//!             return Err(CallError::invalid_input(format!("{seconds} s, expected at most {longest}")));
//!         }
//!         self.until.store(self.host.now_ms() + 1000 * seconds as i64, Ordering::Relaxed);
//!         Ok(self.pause())
//!     }
//!
//!     async fn run_tool(self: Arc<Self>, call: ToolCall, _: CallContext) -> Result<ToolOutput, CallError> {
//!         let Some(seconds) = call.input.value()["seconds"].as_u64() else {
//!             return Ok(ToolOutput::error("`seconds` is missing, expected a whole number"));
//!         };
//!         self.begin(seconds)?;
//!         Ok(ToolOutput::ok(format!("nobody can speak to you for {seconds} s")))
//!     }
//! }
//!
//! fn definition() -> Result<ToolDefinition, StartError> {
//!     let parameters = r#"{"type":"object","properties":{"seconds":{"type":"integer"}},"required":["seconds"]}"#;
//!     Ok(ToolDefinition {
//!         name: "pause".into(),
//!         description: "Refuses messages for a while.".into(),
//!         parameters: Json::parse(parameters)?,
//!         concurrency_safe: true,
//!         effects: Maybe::Some(List::new()),
//!     })
//! }
//! # fn main() {}
//! ```
//!
//! ```toml
//! [[plugin]]
//! id = "pause"
//! source = "target/release/libpause.so"
//! settings.longest_s = 600
//! ```

pub mod body;
pub mod cache;
pub mod command;
pub mod compaction;
pub mod conversation;
pub mod credential;
pub mod event;
pub mod folder;
pub mod log;
pub mod message;
pub mod nearest;
pub mod notice;
pub mod provider;
pub mod question;
pub mod queue;
pub mod reach;
pub mod refusal;
pub mod storage;
pub mod stream;
pub mod surface;
pub mod todo;
pub mod tool;
pub mod trust;
pub mod turn;
pub mod workspace;
