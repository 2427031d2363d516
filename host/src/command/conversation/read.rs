//! `transom read`: the model's last words, when the turn is over.

use clap::Args;

use super::identity::find;
use super::{Failure, One, host};
use crate::client::path;
use crate::program::{Common, DONE};
use crate::terminal::{print, shown};

/// Print the last answer of a conversation; a turn that runs is waited for, up to a minute
#[derive(Args)]
#[command(after_help = "Example:\n  transom read 1e1d > answer.md")]
pub(crate) struct Arguments {
    #[command(flatten)]
    one: One,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<u8, Failure> {
    let host = host(common)?;
    let id = find(&host.client, &arguments.one.id).await?;
    let last = host.client.get(&path(&["conversations", &id, "last"], &[])).await?;
    let content = last["content"].as_str().unwrap_or_default();
    if common.json {
        print(&format!("{last}\n"));
    } else if content.is_empty() {
        return Err(Failure::failed(format!("nothing was said in `{id}` yet")));
    } else {
        print(&format!("{}\n", shown(content).trim_end_matches('\n')));
    }
    Ok(DONE)
}
