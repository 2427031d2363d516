//! `transom surfaces`: the same from a terminal.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::command::{Manual, Words, conversation, failed, printed};
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_agent::surface::{Field, SurfaceScope, SurfaceSpec};
use transom_plugin_api::{CallError, Json, Server, StartError, Text};

use crate::desk::{Desk, acted};
use crate::drawing::drawn;

const MANUAL: Manual = Manual {
    help: "Show what plugins have to show, and use it

Usage: transom surfaces [OPTIONS] [ID [ACTION [VALUE]]]

Without ID it lists the surfaces there are. ACTION stands at the end of the field that is
to be used; VALUE is `on` or `off`, one of the options, or a number, as the field wants it.

Options:
  --conversation C   Whose surface, where each conversation has one: the beginning of an id
  --json             Print JSON for programs instead of text for people

Examples:
  transom surfaces
  transom surfaces cache-warming --conversation 1e1d
  transom surfaces cache-warming toggle on --conversation 1e1d
",
    words: &["ID", "ACTION", "VALUE"],
    flags: &[],
    options: &["--conversation"],
};

/// Puts the command on the bus.
pub(crate) fn register(
    desk: &Arc<Desk>,
    commands: &Server<CliCall, CliOutcome, Verb>,
) -> Result<(), StartError> {
    let summary = "shows what plugins have to show, and uses it".into();
    let about = Verb { summary, input: Json::default() };
    commands.serve_named_with("surfaces", about, desk, async |desk, call, _| {
        Ok(match MANUAL.read_given(&call) {
            Ok(words) => run(&desk, &words, call.json).await.unwrap_or_else(|error| failed(&error)),
            Err(instead) => instead,
        })
    })
}

async fn run(desk: &Desk, words: &Words, json: bool) -> Result<CliOutcome, CallError> {
    let (id, action) = (words.word(0), words.word(1));
    if id.is_empty() {
        return Ok(printed(listed(desk, json)));
    }
    let conversation_id = match words.value("--conversation") {
        Some(given) => Some(conversation(&desk.ports.list, given).await?.id),
        None => None,
    };
    if action.is_empty() {
        let showing = desk.show(id, conversation_id.as_ref()).await?;
        let text = if json { format!("{}\n", showing.document) } else { drawn(&showing.spec) };
        return Ok(printed(text));
    }
    act(desk, id, action, words.word(2), conversation_id.as_ref(), json).await
}

fn listed(desk: &Desk, json: bool) -> String {
    let entries = desk.catalogue();
    if json {
        return format!("{}\n", json!({ "surfaces": entries }));
    }
    let width = entries.iter().map(|entry| entry.id.len()).max().unwrap_or_default();
    let scope = |scope: &SurfaceScope| match scope {
        SurfaceScope::Global => "",
        _ => "  (of a conversation)",
    };
    let lines = entries.iter().map(|entry| {
        format!(
            "{:width$}  {}{}\n",
            entry.id,
            entry.title.replace(char::is_control, " "),
            scope(&entry.scope)
        )
    });
    lines.collect()
}

async fn act(
    desk: &Desk,
    id: &str,
    action: &str,
    value: &str,
    conversation_id: Option<&Text>,
    json: bool,
) -> Result<CliOutcome, CallError> {
    let showing = desk.show(id, conversation_id).await?;
    let payload = payload(&showing.spec, action, value);
    let done = desk.act(id, action, payload.into(), conversation_id).await?;
    if json {
        return Ok(printed(format!("{}\n", acted(id, action, &done))));
    }
    let sentence = done.told.as_deref().unwrap_or("done").replace(char::is_control, " ");
    Ok(printed(format!("{sentence}\n")))
}

/// A word as the field wants it, where it can be that; else as it is, so that the complaint shows it.
fn payload(spec: &SurfaceSpec, action: &str, value: &str) -> Value {
    let field = spec.fields.iter().find(|field| field.action().is_some_and(|known| known == action));
    match (field, value) {
        (Some(Field::Toggle { .. }), "on" | "true") => true.into(),
        (Some(Field::Toggle { .. }), "off" | "false") => false.into(),
        (Some(Field::Number { .. }), number) => number
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map_or_else(|| number.into(), Value::from),
        (_, "") => Value::Null,
        (Some(_), text) => text.into(),
        (None, text) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    }
}
