//! `transom delete`: a conversation that is not needed any more.

use std::io::{self, IsTerminal};

use clap::Args;
use transom_plugin_api::sabotage::sabotaged;

use super::identity::find;
use super::show::known;
use super::{Failure, One, host, tell};
use crate::client::path;
use crate::command::status::text_of;
use crate::program::{Common, DONE};
use crate::terminal::{line_of, note};

/// Delete a conversation, after asking
#[derive(Args)]
#[command(after_help = "Examples:\n  transom delete 1e1d\n  transom delete notes --yes")]
pub(crate) struct Arguments {
    #[command(flatten)]
    one: One,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<u8, Failure> {
    let host = host(common)?;
    let id = find(&host.client, &arguments.one.id).await?;
    if !arguments.yes && !is_wanted(&line_of(text_of(&known(&host.client, &id).await?, "title"), 44), &id)? {
        return Err(Failure::refused(format!("`{id}` was kept")));
    }
    let deleted = host.client.delete(&path(&["conversations", &id], &[])).await?;
    if deleted["deleted"] == false {
        return Err(Failure::refused(format!("there is no conversation `{id}`")));
    }
    tell(common, &deleted, |_| format!("{id} is deleted\n"));
    Ok(DONE)
}

fn is_wanted(title: &str, id: &str) -> Result<bool, Failure> {
    if sabotaged("delete-unasked") {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::refused(format!("nobody is here to say whether `{id}` may be deleted"))
            .with_help("say so with `--yes`"));
    }
    note(&format!("delete {id}, \"{title}\"? It cannot be brought back. [y/N]"));
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::failed(format!("no answer could be read: {error}")))?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}
