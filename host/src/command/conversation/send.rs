//! `transom send`: a message to a conversation, without waiting for the answer.

use clap::Args;
use serde_json::{Value, json};

use super::identity::{find_or_new, find_or_tell};
use super::message::{Manner, Message};
use super::state::open;
use super::{Failure, One, host, tell};
use crate::client::{Client, path};
use crate::command::status::{list, text_of};
use crate::program::{Common, DONE};
use crate::terminal::{counted, shown};

/// What is to be done when there is no such conversation.
const ABSENT: &str = "`--new` begins one of this id; `transom list --all` lists those that are there";

/// Send a message to a conversation, and do not wait for the answer
#[derive(Args)]
#[command(
    after_help = "Examples:\n  transom send 1e1d \"go on\"\n  transom send notes \"hello\" --new\n  transom send 1e1d \"and then run the tests\" --queue\n  transom send 1e1d \"not that file\" --steer"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    message: Message,
    #[command(flatten)]
    manner: Manner,
    /// Begin a conversation of this id when there is none
    #[arg(long)]
    new: bool,
    /// Let it wait for the end of a turn that runs
    #[arg(long, conflicts_with_all = ["steer", "model", "effort", "cwd"])]
    queue: bool,
    /// Have the turn that runs read it with its next step
    #[arg(long, conflicts_with_all = ["model", "effort", "cwd"])]
    steer: bool,
    /// Have the conversation shown wherever conversations are shown
    #[arg(long)]
    open: bool,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<u8, Failure> {
    let text = arguments.message.words()?;
    let host = host(common)?;
    let given = &arguments.one.id;
    let id = match arguments.new {
        true => find_or_new(&host.client, given).await?,
        false => find_or_tell(&host.client, given, ABSENT).await?,
    };
    let sent = match (arguments.queue, arguments.steer) {
        (false, false) => begin(&host.client, &id, &text, &arguments.manner).await?,
        (_, is_steering) => {
            let delivery = if is_steering { "steer" } else { "queue" };
            let path = path(&["conversations", &id, "queue"], &[]);
            host.client.post(&path, &json!({ "text": text, "delivery": delivery })).await?
        }
    };
    if arguments.open {
        open(&host.client, &id).await?;
    }
    tell(common, &sent, |sent| described(sent, &common.again(&format!("attach {id}"))));
    Ok(DONE)
}

/// Begins a turn. It is the host's from its first frame on.
async fn begin(client: &Client, id: &str, text: &str, manner: &Manner) -> Result<Value, Failure> {
    let mut body = json!({ "message": text, "conversationId": id });
    manner.write(&mut body)?;
    let mut frames = client.stream("/chat", &body).await.map_err(|problem| match problem.status {
        Some(409) => busy(Failure::from(problem)),
        _ => Failure::from(problem),
    })?;
    let frame = frames.next().await.map_err(Failure::failed)?;
    let frame = frame.ok_or_else(|| Failure::failed("the host did not say what became of the message"))?;
    if frame["type"] == "error" {
        return Err(busy(Failure::refused(text_of(&frame, "message"))));
    }
    Ok(json!({ "conversationId": id, "startedTurn": true, "turnId": frame["turnId"] }))
}

/// What to do where a turn runs already.
pub(crate) fn busy(failure: Failure) -> Failure {
    failure.with_help("`transom send ID TEXT --queue` waits for its end, `--steer` for its next step")
}

fn described(sent: &Value, attach: &str) -> String {
    if sent["startedTurn"] == true {
        return format!("a turn has begun; `{attach}` shows it\n");
    }
    let waiting = list(sent, "queue").count();
    let held = if sent["held"] == true { ", held" } else { "" };
    format!(
        "message {} waits; {} in all{held}\n",
        shown(text_of(sent, "messageId")),
        counted(waiting, "message")
    )
}
