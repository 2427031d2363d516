//! `transom show`: what is known about a conversation, how its turns went, and its last words.

use std::ops::ControlFlow;

use clap::Args;
use serde_json::{Value, json};

use super::identity::{find, id_of};
use super::pages::look_back;
use super::{Failure, One, host, tell};
use crate::client::{Client, path};
use crate::command::status::{list, text_of};
use crate::program::{Common, DONE};
use crate::terminal::{ago, counted, lasting, line_of, now, shown};

/// Turns that are told one by one.
const TURNS: usize = 10;

/// Show a conversation: its settings, its turns, its last words
#[derive(Args)]
#[command(after_help = "Example:\n  transom show 1e1d")]
pub(crate) struct Arguments {
    #[command(flatten)]
    one: One,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<u8, Failure> {
    let host = host(common)?;
    let id = find(&host.client, &arguments.one.id).await?;
    let conversation = known(&host.client, &id).await?;
    let metrics = host.client.get(&path(&["conversations", &id, "metrics"], &[])).await?;
    let last = last_words(&host.client, &id).await?;
    let document = json!({ "conversation": conversation, "turns": metrics["turns"], "last": last });
    tell(common, &document, |document| described(document, now()));
    Ok(DONE)
}

/// What is known about a conversation.
pub(super) async fn known(client: &Client, id: &str) -> Result<Value, Failure> {
    let listed = client.get(&path(&["conversations"], &[("q", Some(id))])).await?;
    let found = list(&listed, "conversations").find(|one| id_of(one) == id);
    found.cloned().ok_or_else(|| Failure::refused(format!("there is no conversation `{id}`")))
}

/// The last text of the model.
async fn last_words(client: &Client, id: &str) -> Result<Option<String>, Failure> {
    let mut last = None;
    look_back(client, id, |chunk| {
        if chunk["role"] == "assistant" && chunk["chunk"]["type"] == "text" {
            last = chunk["chunk"]["text"].as_str().map(str::to_owned);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })
    .await?;
    Ok(last)
}

fn described(document: &Value, now: i64) -> String {
    let conversation = &document["conversation"];
    let mut text = line("id", text_of(conversation, "id"));
    for (name, key) in [
        ("title", "title"),
        ("status", "status"),
        ("model", "model"),
        ("effort", "reasoningEffort"),
        ("folder", "cwd"),
        ("workspace", "workspaceId"),
    ] {
        text += &line(name, &line_of(text_of(conversation, key), 200));
    }
    let when = |key: &str| ago(now, conversation[key].as_i64().unwrap_or_default());
    text += &line("begun", &format!("{}; last active {}", when("createdAt"), when("lastActivityAt")));
    text += &line("turns", &turns_of(document));
    let turns: Vec<&Value> = list(document, "turns").collect();
    for turn in turns.iter().skip(turns.len().saturating_sub(TURNS)) {
        text += &format!("  {}\n", turn_line(turn, now));
    }
    match document["last"].as_str() {
        Some(last) => text + "\n" + shown(last).trim_end() + "\n",
        None => text,
    }
}

fn line(name: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!("{name:10} {value}\n") }
}

fn turns_of(document: &Value) -> String {
    let turns: Vec<&Value> = list(document, "turns").collect();
    let sum =
        |key: &str| turns.iter().filter_map(|turn| turn["usage"][key].as_u64()).fold(0, u64::saturating_add);
    let (tokens_in, tokens_out) = (sum("inputTokens"), sum("outputTokens"));
    let more = if turns.len() > TURNS { format!("; the last {TURNS}:") } else { String::new() };
    format!("{}, {tokens_in} tokens in, {tokens_out} out{more}", counted(turns.len(), "turn"))
}

fn turn_line(turn: &Value, now: i64) -> String {
    let how = turn["reason"].as_str().unwrap_or_else(|| text_of(turn, "state"));
    let number = |key: &str| turn["usage"][key].as_u64().unwrap_or_default();
    let time = turn["durationMs"].as_u64().map(|time| format!(", {}", lasting(time))).unwrap_or_default();
    let when = ago(now, turn["startedAt"].as_i64().unwrap_or_default());
    format!(
        "{:14} {when:>11}{time}, {} in, {} out, {}",
        shown(how),
        number("inputTokens"),
        number("outputTokens"),
        shown(text_of(turn, "model"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_told_with_its_turns_and_its_last_words() {
        let turn = |reason: Value, duration: Value| {
            json!({
                "turnId": "t", "model": "a/one", "startedAt": 0, "state": "running", "reason": reason,
                "usage": { "inputTokens": 20, "outputTokens": 3 }, "durationMs": duration, "steps": [],
            })
        };
        let document = json!({
            "conversation": {
                "id": "c", "title": "what is this", "status": "active", "model": "a/one", "cwd": null,
                "workspaceId": "default", "createdAt": 0, "lastActivityAt": 60_000,
            },
            "turns": [turn("stop".into(), 1_500.into()), turn(Value::Null, Value::Null)],
            "last": "It is a ship.\n",
        });
        assert_eq!(
            described(&document, 120_000),
            "id         c\n\
             title      what is this\n\
             status     active\n\
             model      a/one\n\
             workspace  default\n\
             begun      2 min ago; last active 1 min ago\n\
             turns      2 turns, 40 tokens in, 6 out\n  \
             stop             2 min ago, 1.5 s, 20 in, 3 out, a/one\n  \
             running          2 min ago, 20 in, 3 out, a/one\n\
             \nIt is a ship.\n"
        );
    }
}
