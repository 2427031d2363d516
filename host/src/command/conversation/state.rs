//! `transom open`, `stop` and `close`: what is done to a conversation as a whole.

use clap::Args;
use serde_json::Value;

use super::identity::find;
use super::{Failure, One, host, tell};
use crate::client::{Client, path};
use crate::program::{Common, DONE};

/// The conversation to change.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    one: One,
}

/// What is done.
#[derive(Clone, Copy)]
pub(crate) enum Deed {
    Open,
    Stop,
    Close,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments, deed: Deed) -> Result<u8, Failure> {
    let host = host(common)?;
    let id = find(&host.client, &arguments.one.id).await?;
    let done = done(&host.client, &id, deed.word()).await?;
    tell(common, &done, |done| deed.described(&id, done["abortedTurn"] == true));
    Ok(DONE)
}

/// Asks for a conversation to be shown.
pub(crate) async fn open(client: &Client, id: &str) -> Result<(), Failure> {
    done(client, id, Deed::Open.word()).await.map(drop)
}

async fn done(client: &Client, id: &str, deed: &str) -> Result<Value, Failure> {
    Ok(client.post(&path(&["conversations", id, deed], &[]), &Value::Null).await?)
}

impl Deed {
    const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Stop => "stop",
            Self::Close => "close",
        }
    }

    fn described(self, id: &str, has_stopped: bool) -> String {
        match (self, has_stopped) {
            (Self::Open, _) => format!("{id} is shown wherever conversations are shown\n"),
            (Self::Stop, true) => format!("the turn of {id} is stopped\n"),
            (Self::Stop, false) => format!("no turn ran in {id}\n"),
            (Self::Close, true) => format!("{id} is closed, and its turn is stopped\n"),
            (Self::Close, false) => format!("{id} is closed\n"),
        }
    }
}
