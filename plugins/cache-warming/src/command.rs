//! `transom warm`: the same from a terminal.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use transom_agent::cache::Warmed;
use transom_agent::command::{Manual, Words, conversation, failed, printed, refused};
use transom_agent::conversation::Conversation;
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_plugin_api::{CallError, Json, Server, StartError};

use crate::choice::{Choice, choose};
use crate::record::{LEAST_INTERVAL_MS, MOST_INTERVAL_MS, Mode};
use crate::routes;
use crate::warmer::Warmer;

/// How long the command waits for the model.
const PATIENCE: Duration = Duration::from_secs(100);

const MANUAL: Manual = Manual {
    help: "Keep a conversation in its provider's cache: ask its prompt again now, or by itself from now on

Usage: transom warm [OPTIONS] ID

Options:
  --on                  From now on, before the provider forgets it
  --interval SECONDS    With --on: always after so many seconds
  --gain                With --on: only where that is expected to save money
  --off                 Not any more
  --json                Print JSON for programs instead of text for people

Example:
  transom warm 1e1d --on --interval 240
",
    words: &["ID"],
    flags: &["--on", "--off", "--gain"],
    options: &["--interval"],
};

/// Puts the command on the bus.
pub(crate) fn register(
    warmer: &Arc<Warmer>,
    commands: &Server<CliCall, CliOutcome, Verb>,
) -> Result<(), StartError> {
    let summary = "keeps a conversation in its provider's cache".into();
    let about = Verb { summary, input: Json::default() };
    commands.serve_named_with("warm", about, warmer, async |warmer, call, _| {
        Ok(match MANUAL.read(&call) {
            Ok(words) => run(&warmer, &words, call.json).await,
            Err(instead) => instead,
        })
    })
}

async fn run(warmer: &Arc<Warmer>, words: &Words, json: bool) -> CliOutcome {
    let choice = match choice(words) {
        Ok(choice) => choice,
        Err(instead) => return instead,
    };
    let conversation = match conversation(&warmer.ports.list, words.word(0)).await {
        Ok(conversation) => conversation,
        Err(error) => return failed(&error),
    };
    match choice {
        Some(choice) => change(warmer, &conversation, &choice, json).await,
        None => warm(warmer, &conversation, json).await,
    }
}

/// What is to be chosen; nothing where it is to be asked now.
fn choice(words: &Words) -> Result<Option<Choice>, CliOutcome> {
    let (on, off, gain) = (words.has("--on"), words.has("--off"), words.has("--gain"));
    let interval_ms = interval_ms(words)?;
    match (on, off) {
        (true, true) => Err(refused("`--on` and `--off` contradict each other")),
        (true, false) if gain && interval_ms.is_some() => {
            Err(refused("`--interval` and `--gain` contradict each other"))
        }
        (false, _) if gain || interval_ms.is_some() => Err(refused("`--interval` and `--gain` need `--on`")),
        (false, false) => Ok(None),
        (false, true) => Ok(Some(Choice { enabled: Some(false), ..Choice::default() })),
        (true, false) => {
            let mode = if gain { Some(Mode::Gain) } else { interval_ms.map(|_| Mode::Interval) };
            Ok(Some(Choice { enabled: Some(true), mode, interval_ms: interval_ms.map(Some) }))
        }
    }
}

fn interval_ms(words: &Words) -> Result<Option<u64>, CliOutcome> {
    let Some(seconds) = words.number("--interval")? else { return Ok(None) };
    let (least, most) = (LEAST_INTERVAL_MS / 1_000, MOST_INTERVAL_MS / 1_000);
    if (least..=most).contains(&seconds) {
        return Ok(Some(seconds * 1_000));
    }
    Err(refused(&format!("`--interval` is {seconds} s, expected {least} to {most} s")))
}

async fn change(warmer: &Warmer, conversation: &Conversation, choice: &Choice, json: bool) -> CliOutcome {
    if let Err(error) = choose(warmer, conversation, choice).await {
        return failed(&error);
    }
    match routes::standing(warmer, conversation).await {
        Err(error) => failed(&error),
        Ok(standing) if json => printed(format!("{standing}\n")),
        Ok(standing) => printed(in_words(&standing, warmer.host.now_ms())),
    }
}

fn in_words(standing: &Value, now_ms: i64) -> String {
    if standing["enabled"] == json!(false) {
        return "it is not kept in its provider's cache any more\n".to_owned();
    }
    if let Some(why) = standing["off"].as_str() {
        return format!("it is to be kept in its provider's cache, but not now: {why}\n");
    }
    match standing["nextWarmAt"].as_i64() {
        Some(at) => {
            let seconds = at.saturating_sub(now_ms).max(0) / 1_000;
            format!("it is kept in its provider's cache; its prompt is asked again in {seconds} s\n")
        }
        None => "it is kept in its provider's cache from the end of its turn on\n".to_owned(),
    }
}

async fn warm(warmer: &Arc<Warmer>, conversation: &Conversation, json: bool) -> CliOutcome {
    match warmer.host.within(PATIENCE, warmer.warm(&conversation.id)).await {
        None => failed(&CallError::unavailable("the model has not answered yet; it is still waited for")),
        Some(Err(error)) => failed(&error),
        Some(Ok(warmed)) if json => printed(format!("{}\n", routes::told(&warmed))),
        Some(Ok(warmed)) => printed(told(&warmed)),
    }
}

fn told(warmed: &Warmed) -> String {
    let Warmed { usage, cache_pct, .. } = warmed;
    let cost = warmed.cost_usd.into_option().map(|usd| format!(", for ${usd:.4}")).unwrap_or_default();
    let tokens = usage.input_tokens;
    format!("{cache_pct} percent of {tokens} tokens came from the cache{cost}\n")
}
