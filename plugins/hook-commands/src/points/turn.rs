//! `Stop` and `PreCompact`: the end of a turn, and a summary that is about to be made.

use std::sync::Arc;

use serde_json::json;
use transom_agent::compaction::Draft;
use transom_agent::turn::TurnEnding;
use transom_plugin_api::{CallContext, Maybe};

use crate::hooks::{Happening, Hooks, until};
use crate::occasion::Occasion;

/// Asks hooks whether a turn may end; what they have against it is told to the model.
pub(crate) async fn ending(hooks: &Hooks, mut ending: TurnEnding, context: &CallContext) -> TurnEnding {
    let happening = Happening {
        occasion: Occasion::Stop,
        conversation_id: &ending.conversation_id,
        folder: &ending.cwd,
        names: Vec::new(),
        fields: json!({
            "stop_hook_active": ending.held > 0,
            "last_assistant_message": ending.answer.as_str(),
        }),
        until: until(context),
    };
    let Some(answer) = hooks.ask(happening).await else { return ending };
    match answer.blocked() {
        Some(reason) if answer.stop.is_none() && ending.go_on.is_none() => {
            ending.go_on = Maybe::Some(reason.into());
        }
        _ => {}
    }
    ending
}

/// How a summary comes about. Nobody is told, so hooks for either are asked.
pub(crate) const TRIGGERS: [&str; 2] = ["auto", "manual"];

/// Asks hooks whether a summary may be made now.
pub(crate) async fn compacting(hooks: &Arc<Hooks>, mut draft: Draft, context: &CallContext) -> Draft {
    let folder = match draft.cwd.as_str() {
        "" => hooks.folder_of(&draft.conversation_id).await,
        folder => Some(folder.to_owned()),
    };
    let Some(folder) = folder else { return draft };
    let happening = Happening {
        occasion: Occasion::PreCompact,
        conversation_id: &draft.conversation_id,
        folder: &folder,
        names: TRIGGERS.map(str::to_owned).into(),
        fields: json!({ "trigger": TRIGGERS[0], "custom_instructions": "" }),
        until: until(context),
    };
    let answer = hooks.ask(happening).await;
    let against = answer.as_ref().and_then(|answer| answer.stop.as_deref().or(answer.blocked()));
    if let Some(reason) = against
        && draft.postponed.is_none()
    {
        draft.postponed = Maybe::Some(reason.into());
    }
    draft
}
