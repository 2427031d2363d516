//! `SessionStart` and `UserPromptSubmit`: what a person says, on its way into a turn.

use std::time::Instant;

use serde_json::json;
use transom_agent::turn::TurnInput;
use transom_plugin_api::{CallContext, Refusal};

use crate::answer::Answer;
use crate::hooks::{Happening, Hooks, marked, until};
use crate::occasion::Occasion;

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
    let begins = input.is_first || !hooks.known.has_begun(&input.conversation_id);
    let front = if begins { begun(hooks, &input, until).await? } else { None };
    let behind = submitted(hooks, &input, until).await?;
    let words = [front, Some(input.text.to_string()), behind];
    input.text = words.into_iter().flatten().collect::<Vec<_>>().join("\n\n").into();
    hooks.known.works(&input.conversation_id, &input.cwd);
    hooks.known.began(&input.conversation_id);
    Ok(input)
}

async fn begun(hooks: &Hooks, input: &TurnInput, until: Instant) -> Result<Option<String>, Refusal> {
    let source = if input.is_first { "startup" } else { "resume" };
    let occasion = Occasion::SessionStart;
    let names = vec![source.to_owned()];
    let answer = ask(hooks, input, occasion, names, json!({ "source": source }), until).await;
    words(occasion, answer)
}

async fn submitted(hooks: &Hooks, input: &TurnInput, until: Instant) -> Result<Option<String>, Refusal> {
    let occasion = Occasion::UserPromptSubmit;
    let fields = json!({ "prompt": input.text.as_str() });
    words(occasion, ask(hooks, input, occasion, Vec::new(), fields, until).await)
}

async fn ask(
    hooks: &Hooks,
    input: &TurnInput,
    occasion: Occasion,
    names: Vec<String>,
    fields: serde_json::Value,
    until: Instant,
) -> Option<Answer> {
    let (conversation_id, folder) = (input.conversation_id.as_str(), input.cwd.as_str());
    hooks.ask(Happening { occasion, conversation_id, folder, names, fields, until }).await
}

/// What is added to the message, or why there is to be none.
fn words(occasion: Occasion, answer: Option<Answer>) -> Result<Option<String>, Refusal> {
    let Some(answer) = answer else { return Ok(None) };
    let against = answer.stop.as_deref().or(answer.blocked().filter(|_| occasion.may_be_blocked()));
    match against {
        Some(reason) => Err(Refusal::new(reason)),
        None => Ok((!answer.contexts.is_empty()).then(|| marked(occasion, &answer.contexts))),
    }
}
