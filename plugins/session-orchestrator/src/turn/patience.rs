//! Patience for a store that is busy or being replaced.

use std::time::Duration;

use transom_agent::log::{Append, Appended, Draft};
use transom_plugin_api::{CallError, CallErrorKind};

use crate::edges::Edges;

/// How long to wait before each further attempt.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Appends, up to three times. The messages' ids make a repetition harmless: what is stored already is skipped.
///
/// # Errors
/// The last attempt's.
pub(super) async fn append<E: Edges>(edges: &E, append: Append) -> Result<Appended, CallError> {
    for pause in PAUSES {
        match edges.append(append.clone()).await {
            Err(error) if deserves_another(error.kind) => {
                wait(edges, pause, &append.conversation_id, &error).await;
            }
            outcome => return outcome,
        }
    }
    edges.append(append).await
}

/// Keeps a draft, with up to three attempts.
///
/// # Errors
/// The last attempt's.
pub(super) async fn draft<E: Edges>(edges: &E, draft: Draft) -> Result<(), CallError> {
    for pause in PAUSES {
        match edges.draft(draft.clone()).await {
            Err(error) if deserves_another(error.kind) => {
                wait(edges, pause, &draft.conversation_id, &error).await;
            }
            outcome => return outcome,
        }
    }
    edges.draft(draft).await
}

async fn wait<E: Edges>(edges: &E, pause: Duration, conversation_id: &str, error: &CallError) {
    tracing::warn!("conversation `{conversation_id}` was not stored, trying again: {error}");
    edges.sleep(pause).await;
}

/// Whether the same request may succeed later.
fn deserves_another(kind: CallErrorKind) -> bool {
    is_unclear(kind) || matches!(kind, CallErrorKind::Unavailable | CallErrorKind::NoProvider)
}

/// Whether what was asked may have been done all the same.
pub(crate) fn is_unclear(kind: CallErrorKind) -> bool {
    match kind {
        CallErrorKind::Failed
        | CallErrorKind::Retired
        | CallErrorKind::Deadline
        | CallErrorKind::Panicked => true,
        CallErrorKind::Unavailable
        | CallErrorKind::NoProvider
        | CallErrorKind::InvalidInput
        | CallErrorKind::NotFound
        | CallErrorKind::Conflict
        | CallErrorKind::Refused
        | CallErrorKind::Denied => false,
    }
}
