//! `transom queue`: the messages of a conversation that wait.

use clap::Args;
use serde_json::Value;

use super::identity::find;
use super::{Failure, One, host, tell};
use crate::client::path;
use crate::command::status::{list, text_of};
use crate::program::{Common, DONE};
use crate::terminal::{ago, line_of, note, now, shown};

/// List the messages that wait for a conversation, or take one out
#[derive(Args)]
#[command(after_help = "Examples:\n  transom queue 1e1d\n  transom queue 1e1d --cancel m-1a2b")]
pub(crate) struct Arguments {
    #[command(flatten)]
    one: One,
    /// Take this message out
    #[arg(long, value_name = "MESSAGE")]
    cancel: Option<String>,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<u8, Failure> {
    let host = host(common)?;
    let id = find(&host.client, &arguments.one.id).await?;
    let Some(message) = &arguments.cancel else {
        let queue = host.client.get(&path(&["conversations", &id, "queue"], &[])).await?;
        tell(common, &queue, |queue| described(queue, now()));
        if !common.json {
            remark(&queue);
        }
        return Ok(DONE);
    };
    let left = host.client.delete(&path(&["conversations", &id, "queue", message], &[])).await?;
    if left["cancelled"] != true {
        return Err(Failure::failed(format!("message `{message}` does not wait, or is on its way already")));
    }
    tell(common, &left, |left| format!("message {} is out\n", shown(message)) + &described(left, now()));
    Ok(DONE)
}

fn remark(queue: &Value) {
    if list(queue, "queue").next().is_none() {
        note("no messages wait");
    } else if queue["held"] == true {
        note("they are held until a message is sent");
    }
}

fn described(queue: &Value, now: i64) -> String {
    let line = |message: &Value| {
        let when = ago(now, message["queuedAt"].as_i64().unwrap_or_default());
        let (id, delivery) = (shown(text_of(message, "id")), shown(text_of(message, "delivery")));
        format!("{id}  {delivery:5} {when:>11}  {}\n", line_of(text_of(message, "text"), 44))
    };
    list(queue, "queue").map(line).collect()
}
