//! `transom system-prompt`: the same from a terminal.

use std::sync::Arc;

use serde_json::Value;
use transom_agent::command::{Manual, conversation, failed, printed};
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_plugin_api::{CallError, Json, Server, StartError};

use crate::prompts::Prompts;
use crate::routes;

const MANUAL: Manual = Manual {
    help: "Print the template of what models are told before a conversation; with an ID, what those of that conversation are told

Usage: transom system-prompt [OPTIONS] [ID]

Options:
  --json  Print JSON for programs instead of text for people

Example:
  transom system-prompt 1e1d
",
    words: &["ID"],
    flags: &[],
    options: &[],
};

/// Puts the command on the bus.
pub(crate) fn register(
    prompts: &Arc<Prompts>,
    commands: &Server<CliCall, CliOutcome, Verb>,
) -> Result<(), StartError> {
    let about =
        Verb { summary: "prints what models are told before a conversation".into(), input: Json::default() };
    commands.serve_named_with("system-prompt", about, prompts, async |prompts, call, _| {
        Ok(match MANUAL.read_given(&call) {
            Ok(words) => run(&prompts, words.word(0), call.json).await.unwrap_or_else(|error| failed(&error)),
            Err(instead) => instead,
        })
    })
}

async fn run(prompts: &Prompts, given: &str, json: bool) -> Result<CliOutcome, CallError> {
    if given.is_empty() {
        let current = prompts.template();
        return Ok(match json {
            true => printed(format!("{}\n", routes::template(&current))),
            false => printed(format!("{}\n", current.text)),
        });
    }
    let meant = conversation(&prompts.ports.list, given).await?;
    let told = routes::conversation(prompts, &meant.id).await?;
    Ok(if json { printed(format!("{told}\n")) } else { printed(text(&told)) })
}

/// The prompt, and behind it what is left out.
fn text(told: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().escape_debug().to_string();
    let mut text = match told["text"].as_str() {
        None => "no turn has begun yet\n".to_owned(),
        Some("") => "nothing\n".to_owned(),
        Some(text) => format!("{text}\n"),
    };
    for file in told["leftOut"].as_array().into_iter().flatten() {
        let why = match (file["state"].as_str(), &file["reason"]) {
            (Some("untrusted"), Value::Null) => "it waits to be trusted; see `transom trust`".to_owned(),
            (Some("refused"), _) => "it is refused".to_owned(),
            (_, reason) => word(reason),
        };
        text += &format!("\n`{}` is left out: {why}\n", word(&file["name"]));
    }
    text
}
