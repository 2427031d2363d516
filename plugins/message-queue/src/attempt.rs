//! [`Attempt`]: what became of a turn that was to be started.

use transom_agent::log::MessageOf;
use transom_agent::turn::StartTurn;
use transom_plugin_api::{CallError, CallErrorKind, Text};

use crate::edges::Edges;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The message is in the log, in that turn.
    Begun(Text),
    /// Another turn is in the way.
    Busy,
    /// It was refused, and will be until something else is done.
    Refused(CallError),
    /// It could not be tried, or failed; later it may succeed.
    Failed(CallError),
    /// Nobody answered, so that it may yet be begun.
    Unanswered(CallError),
}

/// Begins a turn. The orchestrator is the one who decides whether there is room for it: asking anything before would only
/// tell what was so a moment ago.
pub(crate) async fn start<E: Edges>(edges: &E, start: StartTurn) -> Attempt {
    let message_id = start.message_id.clone().unwrap_or_default();
    let message = MessageOf { conversation_id: start.conversation_id.clone(), message_id };
    let error = match edges.start(start).await {
        Ok(started) => return Attempt::Begun(started.turn_id),
        Err(error) => error,
    };
    match error.kind {
        CallErrorKind::Conflict => return Attempt::Busy,
        CallErrorKind::InvalidInput
        | CallErrorKind::NotFound
        | CallErrorKind::Refused
        | CallErrorKind::Denied => return Attempt::Refused(error),
        CallErrorKind::NoProvider => return Attempt::Failed(error),
        _ => {}
    }
    // The answer may have been lost behind a message that is durable.
    match edges.locate(message).await {
        Ok(Some(located)) => Attempt::Begun(located.turn_id.unwrap_or_default()),
        Ok(None) if is_an_answer(error.kind) => Attempt::Failed(error),
        Ok(None) | Err(_) => Attempt::Unanswered(error),
    }
}

/// Whether the orchestrator itself said that it failed. One that was cut off may have a write under way.
const fn is_an_answer(kind: CallErrorKind) -> bool {
    !matches!(kind, CallErrorKind::Deadline | CallErrorKind::Retired)
}
