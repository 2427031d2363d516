//! Tools: their definitions are data, their running is a named service.

use transom_plugin_api::{Event, Filter, Json, List, Service, Text, contract};

/// What a model is told about a tool.
#[contract]
pub struct ToolDefinition {
    /// The name the model calls it by.
    pub name: Text,
    /// When and how to use it.
    pub description: Text,
    /// JSON Schema of its input, an object.
    pub parameters: Json,
    /// Whether it may run beside others; an unsafe tool runs alone.
    pub concurrency_safe: bool,
}

/// One call.
#[contract]
pub struct ToolCall {
    /// The provider's name for this call.
    pub tool_call_id: Text,
    /// Its input, as the model wrote it: check it.
    pub input: Json,
    /// For whom.
    pub conversation_id: Text,
    /// In which turn.
    pub turn_id: Text,
    /// The folder the turn works in: absolute, symlinks resolved.
    pub cwd: Text,
}

/// What a tool answers to the model.
#[contract]
pub struct ToolOutput {
    /// The answer.
    pub content: Text,
    /// Whether it failed; the model reads the content either way.
    pub is_error: bool,
}

impl ToolOutput {
    /// It worked.
    #[must_use]
    pub fn ok(content: impl Into<Text>) -> Self {
        Self { content: content.into(), is_error: false }
    }

    /// It failed in a way the model should read.
    #[must_use]
    pub fn error(content: impl Into<Text>) -> Self {
        Self { content: content.into(), is_error: true }
    }
}

/// Runs a tool; the name is the tool's.
///
/// Serving a name here is all it takes: from its next turn on the orchestrator offers the tool to the model, under the
/// name it is registered with, by the [`ToolDefinition`] that was given along. That it worked or failed is said by
/// [`ToolOutput`]; a [`CallError`](transom_plugin_api::CallError) is told to the model as a failure, too. Without a
/// deadline of its own: the turn that calls keeps the time (the orchestrator's `tool_timeout_s`), and drops the call
/// when it is stopped.
///
/// `agent/tool.run` · named service · no deadline · plugins answer, the orchestrator calls
pub const TOOL: Service<ToolCall, ToolOutput, ToolDefinition> =
    Service::named("agent/tool.run").deadline_ms(0);

/// A running tool printed something.
#[contract]
pub struct ToolPrinted {
    /// For whom.
    pub conversation_id: Text,
    /// Which call.
    pub tool_call_id: Text,
    /// What; empty where the tool has answered, so that nothing comes behind it.
    pub data: Text,
    /// `stdout` or `stderr`.
    pub stream: Text,
}

/// Said by a tool while it runs, for the viewers of the turn. Not part of its answer, and not kept. Nobody can refuse it.
/// When the tool has answered the orchestrator says an empty one; what was said before is shown before the answer, unless
/// more than some thousand pieces wait.
///
/// `agent/tool.printed` · event · tools say it, the orchestrator hears it
pub const PRINTED: Event<ToolPrinted> = Event::new("agent/tool.printed");

/// The tools a turn offers to the model.
#[contract]
pub struct ToolAssembly {
    /// For whom.
    pub conversation_id: Text,
    /// The folder the turn works in.
    pub cwd: Text,
    /// In byte order of their names.
    pub tools: List<ToolDefinition>,
}

/// Runs once per turn over the definitions of all tools. Links add, drop or rewrite definitions; what runs under a
/// name is not theirs to change. A definition whose name nobody serves is offered all the same, and its calls fail.
/// Fail-open: a link that fails or refuses changes nothing. It runs when
/// [`SYSTEM_PROMPT`](crate::turn::SYSTEM_PROMPT) does.
///
/// `agent/turn.tools` · fail-open filter, no stages · 5 s for each link · the orchestrator applies it
pub const TOOLS: Filter<ToolAssembly> = Filter::fail_open("agent/turn.tools");

/// What is to become of a call.
#[contract(grows)]
pub enum Verdict {
    /// It runs.
    Allow {},
    /// It does not run, and the model is told why.
    Deny {
        /// One sentence, for the model.
        reason: Text,
    },
    /// A person is asked. It runs when the first choice is the answer, and does not otherwise.
    Ask {
        /// What is asked.
        text: Text,
        /// The answers there are; the first one lets it run.
        choices: List<Text>,
    },
}

/// A call before it runs.
#[contract]
pub struct GatedCall {
    /// The provider's name for this call.
    pub tool_call_id: Text,
    /// The tool.
    pub tool_name: Text,
    /// Its input, as the model wrote it.
    pub input: Json,
    /// What is to become of it, as far as that was said yet. A link may make it stricter, not more lenient.
    pub verdict: Verdict,
}

/// The calls of one step, before any of them runs.
#[contract]
pub struct ToolGate {
    /// For whom.
    pub conversation_id: Text,
    /// In which turn.
    pub turn_id: Text,
    /// The folder the turn works in.
    pub cwd: Text,
    /// In the order in which the model asked.
    pub calls: List<GatedCall>,
}

/// Runs over the calls of each step before any of them runs. Fail-closed: when a link fails, none of them runs, and the
/// model is told. While a call is to be asked about, the turn is parked and none of the others runs either. A verdict
/// that is not known denies.
///
/// `agent/turn.gate` · fail-closed filter, no stages · 5 s for each link · the orchestrator applies it
pub const GATE: Filter<ToolGate> = Filter::fail_closed("agent/turn.gate");
