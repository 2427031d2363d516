//! The frames a viewer of a turn receives, in the order in which things happened.

use transom_plugin_api::{Json, Maybe, Text, contract};

use crate::provider::Usage;
use crate::turn::EndReason;

/// One frame.
#[contract]
pub struct AgentEvent {
    /// Which conversation.
    pub conversation_id: Text,
    /// Which turn.
    pub turn_id: Text,
    /// What happened.
    #[serde(flatten)]
    pub what: AgentEventKind,
}

/// What can happen in a turn. Who shows it leaves out what it does not know.
#[contract(grows)]
pub enum AgentEventKind {
    /// The person's message; the first frame of every turn.
    UserMessage {
        /// The words.
        text: Text,
    },
    /// The turn has begun.
    TurnStart {
        /// The model that answers.
        model: Text,
    },
    /// The model said more.
    TextDelta {
        /// What it added.
        delta: Text,
    },
    /// The model thought more.
    ReasoningDelta {
        /// What it added.
        delta: Text,
    },
    /// The model asks for a tool.
    ToolCall {
        /// The step.
        step_id: Text,
        /// The call.
        tool_call_id: Text,
        /// The tool.
        tool_name: Text,
        /// Its input.
        input: Json,
    },
    /// A running tool printed something.
    ToolOutput {
        /// The call.
        tool_call_id: Text,
        /// What it printed.
        data: Text,
        /// `stdout` or `stderr`.
        stream: Text,
    },
    /// A tool answered. Sent when it did, not when its siblings have too.
    ToolResult {
        /// The step.
        step_id: Text,
        /// The call.
        tool_call_id: Text,
        /// The tool.
        tool_name: Text,
        /// The answer, for the model.
        content: Text,
        /// Whether it failed.
        is_error: bool,
        /// Milliseconds it ran, without waiting.
        duration_ms: u64,
    },
    /// What a step used.
    Usage {
        /// The step.
        step_id: Text,
        /// Its tokens.
        usage: Usage,
    },
    /// The model's part of a step is complete.
    StepComplete {
        /// The step.
        step_id: Text,
        /// Milliseconds until the first token; absent when there was no text.
        ttft_ms: Maybe<u64>,
        /// Milliseconds from the first token to the last; absent when there was no text.
        decode_ms: Maybe<u64>,
        /// Milliseconds of the whole stream.
        gen_total_ms: u64,
    },
    /// Something went wrong.
    Error {
        /// One sentence.
        message: Text,
        /// The class, such as `rate-limited`.
        code: Maybe<Text>,
    },
    /// The turn has ended.
    Done {
        /// Why.
        reason: EndReason,
        /// Milliseconds it took.
        duration_ms: u64,
        /// Tokens of all its steps.
        usage: Usage,
        /// Tokens of the last step, in and out: how full the model's window is; absent when none were reported.
        context_size: Maybe<u64>,
    },
    /// Everything of the turn is durable. The last frame.
    TurnSealed {},
}

impl AgentEventKind {
    /// For a turn, with its addresses.
    #[must_use]
    pub fn of(self, conversation_id: &str, turn_id: &str) -> AgentEvent {
        AgentEvent { conversation_id: conversation_id.into(), turn_id: turn_id.into(), what: self }
    }
}
