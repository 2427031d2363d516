//! The frame that shows a chunk: one place for what a turn shows while it runs and for what is read again from its log.

use transom_agent::event::AgentEventKind;
use transom_agent::message::Chunk;
use transom_agent::turn::TurnRecord;
use transom_plugin_api::Text;

use crate::relay;

/// The frame of what a person said: it steers a turn that has begun.
pub(crate) fn of_person(text: Text, steers: bool) -> AgentEventKind {
    if steers { AgentEventKind::Steering { text } } else { AgentEventKind::UserMessage { text } }
}

/// The first of the two frames that the end of a turn is shown by.
pub(crate) fn done(record: &TurnRecord) -> AgentEventKind {
    AgentEventKind::Done {
        reason: record.reason.clone(),
        duration_ms: record.duration_ms,
        usage: record.usage,
        context_size: record.context_size,
    }
}

/// The frame of what is shown in one piece, or of all that a model said in one text; `None` for what is shown otherwise, or
/// to nobody.
pub(crate) fn of(chunk: Chunk) -> Option<AgentEventKind> {
    let frame = match chunk {
        Chunk::Text { text } => AgentEventKind::TextDelta { delta: text },
        Chunk::Thinking { text, .. } => AgentEventKind::ReasoningDelta { delta: text },
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
        Chunk::Question { question_id, tool_call_id, text, choices, allowing, answer_by } => {
            AgentEventKind::Question { question_id, tool_call_id, text, choices, allowing, answer_by }
        }
        Chunk::Answer { question_id, choice, is_overdue } => {
            AgentEventKind::Answer { question_id, choice, is_overdue }
        }
        Chunk::InputChanged { tool_call_id, input } => AgentEventKind::InputChanged { tool_call_id, input },
        Chunk::Unknown(unknown) => return relay::frame(&unknown),
        Chunk::TurnEnd { .. }
        | Chunk::Repaired { .. }
        | Chunk::Setting { .. }
        | Chunk::Compacted { .. }
        | Chunk::GoneOn { .. }
        | Chunk::Forked { .. } => return None,
    };
    Some(frame)
}
