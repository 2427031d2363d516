//! Appending, with patience for a store that is busy or being replaced.

use std::time::Duration;

use transom_agent::log::{Append, Appended};
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
            Ok(appended) => return Ok(appended),
            Err(error) if deserves_another(error.kind) => {
                tracing::warn!(
                    "conversation `{}` was not stored, trying again: {error}",
                    append.conversation_id
                );
                edges.sleep(pause).await;
            }
            Err(error) => return Err(error),
        }
    }
    edges.append(append).await
}

/// Whether the same request may succeed later.
fn deserves_another(kind: CallErrorKind) -> bool {
    match kind {
        CallErrorKind::Failed
        | CallErrorKind::Unavailable
        | CallErrorKind::NoProvider
        | CallErrorKind::Retired
        | CallErrorKind::Deadline
        | CallErrorKind::Panicked => true,
        CallErrorKind::InvalidInput
        | CallErrorKind::NotFound
        | CallErrorKind::Conflict
        | CallErrorKind::Refused
        | CallErrorKind::Denied => false,
    }
}
