//! `transom fork`: a copy of a conversation, to go on with in another way.

use clap::Args;
use serde_json::json;

use super::identity::{find, id, id_of};
use super::{Failure, One, host, tell};
use crate::client::path;
use crate::program::{Common, DONE};
use crate::terminal::shown;

/// Copy a conversation up to the end of a turn
#[derive(Args)]
#[command(after_help = "Examples:\n  transom fork 1e1d\n  transom fork 1e1d --to second-try --at 12")]
pub(crate) struct Arguments {
    #[command(flatten)]
    one: One,
    /// The copy's id; one like the other's when left out
    #[arg(long, value_name = "ID", value_parser = id)]
    to: Option<String>,
    /// Copy up to this `seq` of the log, which has to be the end of a turn; everything when left out
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
    at: Option<i64>,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<u8, Failure> {
    let host = host(common)?;
    let id = find(&host.client, &arguments.one.id).await?;
    let body = json!({ "to": arguments.to, "atSeq": arguments.at });
    let copy = host.client.post(&path(&["conversations", &id, "fork"], &[]), &body).await?;
    tell(common, &copy, |copy| format!("{}\n", shown(id_of(copy))));
    Ok(DONE)
}
