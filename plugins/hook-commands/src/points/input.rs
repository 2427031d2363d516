//! `SessionStart` and `UserPromptSubmit`: what a person says, on its way into a turn.

use std::time::Instant;

use serde_json::json;
use transom_agent::turn::TurnInput;
use transom_plugin_api::{CallContext, Maybe, Refusal};

use crate::answer::Answer;
use crate::hooks::{Happening, Hooks, marked, until};
use crate::library::Source;
use crate::occasion::Occasion;

/// What stands beside the words of a person, or why there are to be none.
type Added = Result<Option<String>, Refusal>;

/// Asks hooks about a message; what they say stands around its words.
///
/// # Errors
/// The reason for which a hook refuses it.
pub(crate) async fn said(
    hooks: &Hooks,
    mut input: TurnInput,
    context: &CallContext,
) -> Result<TurnInput, Refusal> {
    let until = until(context);
    let sources = hooks.sources(&input.conversation_id, &input.cwd).await;
    let begins = input.is_first || !hooks.known.has_begun(&input.conversation_id);
    let front = if begins { begun(hooks, &sources, &input, until).await? } else { None };
    let behind = submitted(hooks, &sources, &input, until).await?;
    let words = [front, Some(input.text.to_string()), behind];
    input.text = words.into_iter().flatten().collect::<Vec<_>>().join("\n\n").into();
    hooks.known.works(&input.conversation_id, &input.cwd);
    hooks.known.began(&input.conversation_id);
    Ok(input)
}

/// `SessionStart`.
async fn begun(hooks: &Hooks, sources: &[Source], input: &TurnInput, until: Instant) -> Added {
    let source = if input.is_first { "startup" } else { "resume" };
    let mut happening = Happening {
        occasion: Occasion::SessionStart,
        conversation_id: &input.conversation_id,
        folder: &input.cwd,
        names: vec![source.to_owned()],
        fields: json!({ "source": source }),
        until,
    };
    // Somebody is asked for the model only where somebody is told.
    if hooks.is_meant(sources, &happening)
        && let Ok(conversation) = hooks.ports.find.call(input.conversation_id.clone()).await
        && let Maybe::Some(model) = conversation.model
    {
        happening.fields["model"] = json!(model.as_str());
    }
    added(Occasion::SessionStart, hooks.ask_those(sources, &happening).await)
}

/// `UserPromptSubmit`.
async fn submitted(hooks: &Hooks, sources: &[Source], input: &TurnInput, until: Instant) -> Added {
    let happening = Happening {
        occasion: Occasion::UserPromptSubmit,
        conversation_id: &input.conversation_id,
        folder: &input.cwd,
        names: Vec::new(),
        fields: json!({ "prompt": input.text.as_str() }),
        until,
    };
    added(Occasion::UserPromptSubmit, hooks.ask_those(sources, &happening).await)
}

/// What is added to the message, or why there is to be none.
fn added(occasion: Occasion, answer: Option<Answer>) -> Added {
    let Some(answer) = answer else { return Ok(None) };
    let against = answer.stop.as_deref().or(answer.blocked().filter(|_| occasion.may_be_blocked()));
    match against {
        Some(reason) => Err(Refusal::new(reason)),
        None => Ok((!answer.contexts.is_empty()).then(|| marked(occasion, &answer.contexts))),
    }
}
