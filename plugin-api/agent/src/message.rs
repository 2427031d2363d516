//! Messages and the chunks they are made of.

use transom_plugin_api::{Json, List, Maybe, Text, contract};

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
    },
    /// What kept an answer from being complete. Kept for people, never sent to a model.
    Error {
        /// One sentence.
        message: Text,
        /// The class of the failure.
        code: Maybe<Text>,
    },
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
