//! How a chunk of the log is shown: as the very frames that its turn has shown while it ran.

use transom_agent::event::{AgentEvent, AgentEventKind, Place};
use transom_agent::log::StoredChunk;
use transom_agent::message::{Chunk, Role};
use transom_agent::turn::TurnRecord;
use transom_plugin_api::Text;

use crate::relay;

/// Shows the chunks of a conversation, in the order of their positions.
#[derive(Debug)]
pub(crate) struct Shown {
    conversation_id: Text,
    generation: u32,
    /// Turn and message of the chunk before.
    before: Option<(Text, Text)>,
}

impl Shown {
    /// Frames of that generation; the first chunk is taken to be the first of its turn.
    pub(crate) const fn new(conversation_id: Text, generation: u32) -> Self {
        Self { conversation_id, generation, before: None }
    }

    /// The frames of the next chunk. None for what has no position, or cannot be shown.
    pub(crate) fn next(&mut self, chunk: StoredChunk) -> Vec<AgentEvent> {
        let Some(position) = chunk.position.into_option() else { return Vec::new() };
        let turn_id = chunk.turn_id.into_option().unwrap_or_default();
        // The person's message opens its turn; what a person says behind anything else of the turn steers it.
        let steers = self
            .before
            .as_ref()
            .is_some_and(|(turn, message)| *turn == turn_id && *message != chunk.message_id);
        self.before = Some((turn_id.clone(), chunk.message_id));
        let place = |position| Place { generation: self.generation, position, offset: 0, volatile: false };
        let frames = kinds(chunk.chunk, chunk.role, steers).into_iter().zip(position..);
        frames.map(|(kind, position)| kind.of(&self.conversation_id, &turn_id, place(position))).collect()
    }
}

/// What a chunk is shown as, at its position and those behind it.
fn kinds(chunk: Chunk, role: Role, steers: bool) -> Vec<AgentEventKind> {
    if let Chunk::TurnEnd { record } = &chunk {
        return vec![done(record), AgentEventKind::TurnSealed {}];
    }
    kind(chunk, role, steers).into_iter().collect()
}

fn kind(chunk: Chunk, role: Role, steers: bool) -> Option<AgentEventKind> {
    Some(match chunk {
        Chunk::Text { text } if role == Role::User && steers => AgentEventKind::Steering { text },
        Chunk::Text { text } if role == Role::User => AgentEventKind::UserMessage { text },
        Chunk::Text { text } => AgentEventKind::TextDelta { delta: text },
        Chunk::Thinking { text } => AgentEventKind::ReasoningDelta { delta: text },
        Chunk::ToolCall { tool_call_id, tool_name, input, step_id } => {
            let step_id = step_id.into_option().unwrap_or_default();
            AgentEventKind::ToolCall { step_id, tool_call_id, tool_name, input }
        }
        Chunk::ToolResult { tool_call_id, tool_name, content, is_error, step_id, duration_ms } => {
            AgentEventKind::ToolResult {
                step_id: step_id.into_option().unwrap_or_default(),
                tool_call_id,
                tool_name,
                content,
                is_error,
                duration_ms: duration_ms.into_option().unwrap_or(0),
            }
        }
        Chunk::Error { message, code } => AgentEventKind::Error { message, code },
        Chunk::TurnStart { model, .. } => AgentEventKind::TurnStart { model },
        Chunk::Usage { step_id, usage } => AgentEventKind::Usage { step_id, usage },
        Chunk::StepComplete { step_id, ttft_ms, decode_ms, gen_total_ms } => {
            AgentEventKind::StepComplete { step_id, ttft_ms, decode_ms, gen_total_ms }
        }
        Chunk::ProviderRetry { attempt, delay_ms, message, code, .. } => {
            AgentEventKind::ProviderRetry { attempt, delay_ms, message, code }
        }
        Chunk::Question { question_id, tool_call_id, text, choices } => {
            AgentEventKind::Question { question_id, tool_call_id, text, choices }
        }
        Chunk::Answer { question_id, choice } => AgentEventKind::Answer { question_id, choice },
        Chunk::Unknown(unknown) => return relay::frame(&unknown),
        Chunk::TurnEnd { .. } | Chunk::Repaired { .. } | Chunk::Setting { .. } | Chunk::Forked { .. } => {
            return None;
        }
    })
}

fn done(record: &TurnRecord) -> AgentEventKind {
    AgentEventKind::Done {
        reason: record.reason.clone(),
        duration_ms: record.duration_ms,
        usage: record.usage,
        context_size: record.context_size,
    }
}

#[cfg(test)]
mod tests;
