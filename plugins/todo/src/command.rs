//! `transom todos`: the same from a terminal.

use std::sync::Arc;

use transom_agent::command::{Manual, conversation, failed, printed};
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_agent::todo::TodoList;
use transom_plugin_api::{CallError, Json, Server, StartError};

use crate::rendering::rendered;
use crate::shelf::Shelf;

const MANUAL: Manual = Manual {
    help: "Show what a model has to do in a conversation, as it wrote it down

Usage: transom todos [OPTIONS] ID

Options:
  --json   Print JSON for programs instead of text for people

Example:
  transom todos 1e1d
",
    words: &["ID"],
    flags: &[],
    options: &[],
};

/// Puts the command on the bus.
pub(crate) fn register(
    shelf: &Arc<Shelf>,
    commands: &Server<CliCall, CliOutcome, Verb>,
) -> Result<(), StartError> {
    let summary = "shows what a model has to do in a conversation".into();
    let about = Verb { summary, input: Json::default() };
    commands.serve_named_with("todos", about, shelf, async |shelf, call, _| {
        Ok(match MANUAL.read(&call) {
            Ok(words) => {
                let shown = show(&shelf, words.word(0), call.json).await;
                shown.unwrap_or_else(|error| failed(&error))
            }
            Err(instead) => instead,
        })
    })
}

async fn show(shelf: &Shelf, given: &str, json: bool) -> Result<CliOutcome, CallError> {
    let known = conversation(&shelf.ports.list, given).await?;
    let list: TodoList = shelf.list_of(&known).await?;
    let text = if json { format!("{}\n", Json::of(&list)?.value()) } else { rendered(&list.todos) };
    Ok(printed(text))
}
