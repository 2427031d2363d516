//! Tools: their definitions are data, their running is a named service.

use transom_plugin_api::{Event, Filter, Json, List, Maybe, Service, Text, contract};

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
    /// What a call does. Empty for a tool that does nothing outside of the host; absent where the tool does not say, and who
    /// judges its calls takes it for one that may do anything.
    pub effects: Maybe<List<Effect>>,
}

/// What a call of a tool does to the world, told by its input, so that it can be judged before anything of the tool runs.
#[contract(grows)]
#[derive(Eq)]
pub enum Effect {
    /// It reads a file, or what is below a folder.
    Reads {
        /// The field of the input that holds the path, relative to the turn's folder; where the field is absent, that folder is meant.
        path: Text,
    },
    /// It makes, changes or removes a file, or what is below a folder.
    Writes {
        /// The field of the input that holds the path, as with [`Reads`](Self::Reads).
        path: Text,
    },
    /// It runs a command of a shell, which may do anything.
    Runs {
        /// The field of the input that holds the command.
        command: Text,
    },
    /// It asks somebody outside of the host, who may do anything.
    Reaches {
        /// Whom, for a person, such as the name of a server.
        whom: Text,
    },
}

impl Effect {
    /// Whether a call with these effects may change something, or tell somebody something: it does more than read, or nobody says
    /// what it does.
    #[must_use]
    pub fn any_acts(effects: Option<&[Self]>) -> bool {
        let reads = |effect: &Self| matches!(effect, Self::Reads { .. });
        !effects.is_some_and(|effects| effects.iter().all(reads))
    }
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
    /// A person is asked.
    Ask {
        /// What is asked.
        text: Text,
        /// The answers there are: first those that let it run, then those that do not.
        choices: List<Text>,
        /// How many of them let it run; 0 stands for 1.
        #[contract(default)]
        allowing: u32,
        /// Milliseconds a person has to answer; then the last choice is the answer. For ever when absent.
        answer_within_ms: Maybe<u64>,
    },
}

/// A call before it runs.
#[contract]
pub struct GatedCall {
    /// The provider's name for this call.
    pub tool_call_id: Text,
    /// The tool.
    pub tool_name: Text,
    /// Its input, as the model wrote it, or as an earlier link has changed it. What a link leaves here is what runs, and stands
    /// in the log beside what the model wrote.
    pub input: Json,
    /// What is to become of it, as far as that was said yet. A link may make it stricter, not more lenient.
    pub verdict: Verdict,
    /// The plugin that answers under the tool's name.
    #[contract(default)]
    pub plugin: Text,
    /// What the tool says that its calls do, whatever the model was told of it.
    pub effects: Maybe<List<Effect>>,
    /// What a person has chosen who was asked about this call.
    pub answered: Maybe<Text>,
    /// Whether a link has judged it and found nothing against it. About a call that may change something and that nobody has judged,
    /// a person is asked, unless the operator does not want that.
    #[contract(default)]
    pub judged: bool,
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
    /// Whether the turn has waited for a person, and these calls have come through the gate before.
    #[contract(default)]
    pub again: bool,
}

/// Runs over the calls of each step before any of them runs. Fail-closed: when a link fails, none of them runs, and the
/// model is told. While a call is to be asked about, the turn is parked and none of the others runs either. A verdict that is not
/// known denies.
///
/// With the last answer of a person those calls that may still run come through the gate [again](ToolGate::again), since what may run
/// can have changed meanwhile. To ask about one that a person has answered comes to nothing then; one that is changed, or asked
/// about only now, does not run.
///
/// Links of the stage `change` come first and may change what a call is given; those of the stage `judge` see what is going to
/// run and leave it as it is. A link may take its time, up to its deadline: only this turn waits for it.
///
/// `agent/turn.gate` · fail-closed filter, stages `change` and `judge` · 120 s for each link · the orchestrator applies it
pub const GATE: Filter<ToolGate> =
    Filter::fail_closed("agent/turn.gate").stages(&["change", "judge"]).deadline_ms(120_000);

/// What a tool has answered, on its way to the model.
#[contract]
pub struct ToolRan {
    /// For whom.
    pub conversation_id: Text,
    /// In which turn.
    pub turn_id: Text,
    /// The folder the turn works in.
    pub cwd: Text,
    /// The provider's name for this call.
    pub tool_call_id: Text,
    /// The tool.
    pub tool_name: Text,
    /// The input it ran with.
    pub input: Json,
    /// What it answered: links may change it, and what they leave is what is stored, shown and told to the model.
    pub output: ToolOutput,
    /// Milliseconds it ran.
    pub duration_ms: u64,
}

/// Runs over the answer of each tool that ran, before anybody else sees it. Fail-closed: when a link fails or refuses, the model
/// is told why instead of the answer. What the tool has [printed](PRINTED) meanwhile was shown already.
///
/// `agent/tool.ran` · fail-closed filter, no stages · 120 s for each link · the orchestrator applies it
pub const RAN: Filter<ToolRan> = Filter::fail_closed("agent/tool.ran").deadline_ms(120_000);
