//! `transom hooks`: the same from a terminal.

use std::sync::Arc;

use transom_agent::command::{Manual, failed, printed};
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_plugin_api::{Json, Server, StartError};

use crate::hooks::Hooks;
use crate::listing;

const MANUAL: Manual = Manual {
    help: "Show the hooks that run in a folder, whether they are trusted, and how they ended last

Usage: transom hooks [OPTIONS]

Options:
  --folder FOLDER   The folder; the host's first root when left out
  --json            Print JSON for programs instead of text for people

Example:
  transom hooks --folder \"$PWD\"
",
    words: &[],
    flags: &[],
    options: &["--folder"],
};

/// Puts the command on the bus.
pub(crate) fn register(
    hooks: &Arc<Hooks>,
    commands: &Server<CliCall, CliOutcome, Verb>,
) -> Result<(), StartError> {
    let about = Verb { summary: "shows the hooks that run in a folder".into(), input: Json::default() };
    commands.serve_named_with("hooks", about, hooks, async |hooks, call, _| {
        let words = match MANUAL.read(&call) {
            Ok(words) => words,
            Err(instead) => return Ok(instead),
        };
        Ok(
            match listing::meant(&hooks, words.value("--folder").map(|given| words.path(given)).as_deref())
                .await
            {
                Ok(folder) => {
                    let told = listing::told(&hooks, &folder).await;
                    printed(if call.json { format!("{told}\n") } else { listing::lines(&told) })
                }
                Err(error) => failed(&error),
            },
        )
    })
}
