//! `transom compact`: the same from a terminal.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use transom_agent::command::{Manual, Words, conversation, failed, printed, refused};
use transom_agent::compaction::Compacted;
use transom_agent::conversation::Conversation;
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_plugin_api::{Json, Server, StartError};

use crate::compactor::Compactor;
use crate::job::Wish;
use crate::routes;

/// How long the command waits before it says that the summing up goes on without it.
const PATIENCE: Duration = Duration::from_secs(100);

const MANUAL: Manual = Manual {
    help: "Sum up a conversation: a summary takes the place of its beginning as far as models are shown it; nothing is deleted

Usage: transom compact [OPTIONS] ID

Options:
  --keep TOKENS       Tokens of the newest part that stay as they are
  --also WORDS        What the summary is not to leave out
  --percent PERCENT   Do not sum up now, but by itself whenever so much of the model's window is full; 0 for never
  --cancel            End the summing up that is under way
  --json              Print JSON for programs instead of text for people

Example:
  transom compact 1e1d --also \"the names of all tables\"
",
    words: &["ID"],
    flags: &["--cancel"],
    options: &["--keep", "--also", "--percent"],
};

/// Puts the command on the bus.
pub(crate) fn register(
    compactor: &Arc<Compactor>,
    commands: &Server<CliCall, CliOutcome, Verb>,
) -> Result<(), StartError> {
    let about = Verb { summary: "sums up a conversation".into(), input: Json::default() };
    commands.serve_named_with("compact", about, compactor, async |compactor, call, _| {
        Ok(match MANUAL.read(&call) {
            Ok(words) => run(&compactor, &words, call.json).await,
            Err(instead) => instead,
        })
    })
}

async fn run(compactor: &Arc<Compactor>, words: &Words, json: bool) -> CliOutcome {
    let conversation = match conversation(&compactor.ports.list, words.word(0)).await {
        Ok(conversation) => conversation,
        Err(error) => return failed(&error),
    };
    if words.has("--cancel") {
        return cancel(compactor, &conversation, json);
    }
    let (keep_tokens, percent) = match (words.number("--keep"), words.number("--percent")) {
        (Ok(keep), Ok(percent)) => (keep, percent),
        (Err(instead), _) | (_, Err(instead)) => return instead,
    };
    match percent {
        Some(_) if keep_tokens.is_some() || words.value("--also").is_some() => {
            refused("`--percent` is for later, and `--keep` and `--also` are for a summary now: run it twice")
        }
        Some(percent) => choose(compactor, &conversation, percent, json).await,
        None => {
            let instruction = words.value("--also").map(str::to_owned);
            let conversation_id = conversation.id.clone();
            compact(compactor, Wish { conversation_id, keep_tokens, instruction, tokens: None }, json).await
        }
    }
}

fn cancel(compactor: &Compactor, conversation: &Conversation, json: bool) -> CliOutcome {
    let cancelled = compactor.cancel(&conversation.id);
    if json {
        return printed(format!(
            "{}\n",
            json!({"conversationId": conversation.id.as_str(), "cancelled": cancelled})
        ));
    }
    printed(if cancelled { "cancelled\n" } else { "nothing was under way\n" })
}

async fn choose(compactor: &Compactor, conversation: &Conversation, percent: u64, json: bool) -> CliOutcome {
    let Some(percent) = u8::try_from(percent).ok().filter(|percent| *percent <= 100) else {
        return refused(&format!("`--percent` is {percent}, expected 0 to 100"));
    };
    match compactor.percents.choose(&conversation.id, Some(percent)).await {
        Err(error) => failed(&error),
        Ok(()) if json => printed(format!(
            "{}\n",
            json!({"conversationId": conversation.id.as_str(), "threshold": percent})
        )),
        Ok(()) if percent == 0 => printed("it is not summed up by itself any more\n"),
        Ok(()) => printed(format!("it is summed up when {percent} percent of the model's window are full\n")),
    }
}

async fn compact(compactor: &Arc<Compactor>, wish: Wish, json: bool) -> CliOutcome {
    let outcome = match compactor.start(wish) {
        Ok(outcome) => outcome,
        Err(error) => return failed(&error),
    };
    match compactor.within(PATIENCE, outcome).await {
        None => printed("it goes on; `transom compact ID --cancel` ends it\n"),
        Some(Err(error)) => failed(&error),
        Some(Ok(compacted)) if json => printed(format!("{}\n", routes::summary(&compacted))),
        Some(Ok(compacted)) => printed(told(&compacted)),
    }
}

fn told(Compacted { summary, .. }: &Compacted) -> String {
    let tokens =
        |tokens: Option<&u64>| tokens.map(|tokens| format!(", about {tokens} tokens are shown from now on"));
    let after = tokens(summary.tokens_after.as_ref()).unwrap_or_default();
    format!("{}\n\n{} messages are summed up{after}\n", summary.text.trim_end(), summary.messages)
}
