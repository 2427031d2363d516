//! Messages and the chunks they are made of.

use transom_plugin_api::{Json, List, Maybe, Text, contract};

use crate::compaction::Summary;
use crate::provider::{ReasoningEffort, Usage};
use crate::turn::TurnRecord;

/// Who speaks.
#[contract]
#[derive(Copy, Eq)]
pub enum Role {
    /// The operator or the runtime.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// A tool, answering the model.
    Tool,
}

/// A piece of a message. The order of chunks is the order in which they came. What is not known is kept in its place; a
/// provider does not send it to its model.
///
/// Behind [`Error`](Self::Error) stand the *facts*: what a log holds besides what was said. They are the chunks of messages
/// of the [system](Role::System), and a model is never shown them.
#[contract(grows)]
pub enum Chunk {
    /// Words for the other side.
    Text {
        /// The words.
        text: Text,
    },
    /// What the model thought before it spoke.
    Thinking {
        /// The thoughts.
        text: Text,
        /// What the provider wants to be given back with them.
        state: Maybe<ThoughtState>,
    },
    /// The model asks for a tool to be run.
    ToolCall {
        /// The provider's name for this call; its result carries the same.
        tool_call_id: Text,
        /// Which tool.
        tool_name: Text,
        /// Its input; text as the model wrote it when that was not valid JSON.
        input: Json,
        /// The step in which it was asked for.
        step_id: Maybe<Text>,
    },
    /// What a tool answered.
    ToolResult {
        /// The call it answers.
        tool_call_id: Text,
        /// Which tool.
        tool_name: Text,
        /// The answer, for the model.
        content: Text,
        /// Whether the tool failed.
        is_error: bool,
        /// The step in which it was asked for.
        step_id: Maybe<Text>,
        /// Milliseconds it ran, without waiting; absent when it did not run to its end.
        duration_ms: Maybe<u64>,
    },
    /// What kept an answer from being complete. Kept for people, never sent to a model.
    Error {
        /// One sentence.
        message: Text,
        /// The class of the failure.
        code: Maybe<Text>,
    },
    /// A turn began, behind what the person said.
    TurnStart {
        /// The turn.
        turn_id: Text,
        /// The model that is asked.
        model: Text,
        /// The folder it works in.
        cwd: Text,
        /// How hard the model is to think.
        reasoning_effort: ReasoningEffort,
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
    /// A request failed before the model had said anything, and is made again after a while.
    ProviderRetry {
        /// The step.
        step_id: Text,
        /// How many attempts failed before this one: 0 at first.
        attempt: u32,
        /// Milliseconds until the next.
        delay_ms: u64,
        /// What went wrong, in one sentence.
        message: Text,
        /// The class of the failure.
        code: Maybe<Text>,
    },
    /// A turn asks a person, and is parked until there is an answer to each of its questions.
    Question {
        /// Unique in its turn.
        question_id: Text,
        /// The call it is about, if it is about one.
        tool_call_id: Maybe<Text>,
        /// What is asked.
        text: Text,
        /// The answers there are, in the order in which they are offered.
        choices: List<Text>,
        /// How many of them, from the first on, let the call run; 0 stands for 1.
        #[contract(default)]
        allowing: u32,
        /// When the last choice becomes the answer, in milliseconds since the epoch; never when absent.
        answer_by: Maybe<i64>,
    },
    /// A person answered.
    Answer {
        /// The question.
        question_id: Text,
        /// One of its choices.
        choice: Text,
        /// Whether nobody has answered in time, so that the last choice counts.
        #[contract(default)]
        is_overdue: bool,
    },
    /// A turn ended. Its end is shown as two frames, so that the position behind this one is taken, too.
    TurnEnd {
        /// How it went.
        record: TurnRecord,
    },
    /// The host ended in the middle of a turn. What viewers were shown behind this place is not in the log.
    Repaired {
        /// Which repair of the conversation it is, from 1.
        generation: u32,
        /// The last position whose chunk, or whose beginning, is in the log.
        position: i64,
        /// The bytes of it, when it is a text or a thought; 0 otherwise.
        offset: u64,
    },
    /// Somebody chose something for the conversation.
    Setting {
        /// `status`, `title`, `cwd`, `model`, `reasoningEffort` or `workspaceId`.
        name: Text,
        /// The choice; `null` where it was taken back.
        value: Json,
    },
    /// A summary took the place of what was said, as far as models are shown it.
    Compacted {
        /// The summary, and from where on what was said is shown as it is.
        summary: Summary,
    },
    /// What stands before was copied from another conversation.
    Forked {
        /// The other one.
        conversation_id: Text,
        /// The last `seq` that was copied.
        seq: i64,
    },
    /// A plugin has changed what a call is given, before it runs.
    InputChanged {
        /// The call.
        tool_call_id: Text,
        /// What it is given.
        input: Json,
    },
    /// A turn that waited for a person goes on: from here on the calls of this step may have run.
    GoneOn {
        /// The step.
        step_id: Text,
    },
}

/// What belongs to a thought and only its provider understands.
#[contract]
#[derive(Eq)]
pub struct ThoughtState {
    /// The service, as [`ModelInfo::provider`](crate::provider::ModelInfo::provider) says it: any account of it will do.
    pub provider: Text,
    /// Anything; nobody else looks into it.
    pub state: Json,
}

impl Chunk {
    /// Whether it is a fact, which no model is shown.
    #[must_use]
    pub const fn is_fact(&self) -> bool {
        !matches!(
            self,
            Self::Text { .. }
                | Self::Thinking { .. }
                | Self::ToolCall { .. }
                | Self::ToolResult { .. }
                | Self::Error { .. }
                | Self::Unknown(_)
        )
    }
}

/// One message: everything one side said without interruption.
#[contract]
pub struct Message {
    /// Durable and unique in its conversation; appending the same id twice stores it once.
    pub id: Text,
    /// Who speaks.
    pub role: Role,
    /// What it is made of.
    pub chunks: List<Chunk>,
}

impl Message {
    /// A message of one text chunk.
    #[must_use]
    pub fn text(id: impl Into<Text>, role: Role, text: impl Into<Text>) -> Self {
        Self { id: id.into(), role, chunks: List::from([Chunk::Text { text: text.into() }]) }
    }
}
