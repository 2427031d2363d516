//! The frame that shows a whole chunk.

use transom_agent::event::AgentEventKind;
use transom_agent::message::{Chunk, Role};

use crate::relay;

/// The frame of a chunk that is a message by itself; the words of a person in a turn steer it.
pub(crate) fn alone(role: Role, chunk: &Chunk) -> Option<AgentEventKind> {
    match (role, chunk) {
        (Role::User, Chunk::Text { text }) => Some(AgentEventKind::Steering { text: text.clone() }),
        _ => of(chunk),
    }
}

/// The frame of what is shown in one piece; `None` for what nobody is shown.
pub(crate) fn of(chunk: &Chunk) -> Option<AgentEventKind> {
    let frame = match chunk.clone() {
        Chunk::ToolCall { tool_call_id, tool_name, input, step_id } => {
            AgentEventKind::ToolCall { step_id: step_id.unwrap_or_default(), tool_call_id, tool_name, input }
        }
        Chunk::ToolResult { tool_call_id, tool_name, content, is_error, step_id, duration_ms } => {
            AgentEventKind::ToolResult {
                step_id: step_id.unwrap_or_default(),
                tool_call_id,
                tool_name,
                content,
                is_error,
                duration_ms: duration_ms.unwrap_or_default(),
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
        Chunk::Text { .. }
        | Chunk::Thinking { .. }
        | Chunk::TurnEnd { .. }
        | Chunk::Repaired { .. }
        | Chunk::Setting { .. }
        | Chunk::Forked { .. } => return None,
    };
    Some(frame)
}
