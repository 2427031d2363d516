//! A conversation is summed up, goes on answering, runs nothing again, and the break of its cache is explained.

use serde_json::{Value, json};

use super::berth::Berth;
use super::skill;
use crate::journal::note;
use crate::log::Log;
use crate::prompts::Prompts;
use crate::ship::eventually;

/// What is written last before the summary: it must not be written again.
const WRITTEN: &str = "noon.txt";

pub(super) async fn is_made(berth: &Berth<'_>) -> Result<Prompts, String> {
    let mut seen = Prompts::default();
    let write = json!({ "path": WRITTEN, "content": "noon, and all is well" });
    berth.turn(&format!("[[pace: 0]] [[tool: write_file {write}]] [[step]] [[say: written]]")).await?;
    let before = berth.words_shown(skill::REQUESTS + 2).await?;
    let written = berth.folder.join(WRITTEN);
    std::fs::remove_file(&written).map_err(|error| format!("`{}`: {error}", written.display()))?;

    note(&format!("{} is summed up", berth.conversation));
    let summary = berth.post("compact", &json!({ "keepTokens": 0 })).await?;
    judge_summary(&mut seen, &summary);
    skill_enters_again(berth, &summary).await?;
    berth.turn("[[say: still at the helm]]").await?;
    let after = berth.words_shown(skill::REQUESTS + 3).await?;
    seen.judge(after < before, || format!("a model was shown {before} words, and {after} behind a summary"));
    let log = Log::of(&berth.ship.client, &berth.conversation).await?;
    judge_log(&mut seen, &log);
    seen.judge(!written.exists(), || "what ran before a summary was run again behind it".to_owned());
    judge_cache(&mut seen, &berth.get("cache").await?);
    (seen.summaries, seen.breaks) = (1, 1);
    Ok(seen)
}

fn judge_summary(seen: &mut Prompts, summary: &Value) {
    let names = |field: &str, file: &str| {
        let mut files = summary[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        files.any(|path| path.ends_with(file))
    };
    let is_whole = summary["messagesSummarized"].as_u64() > Some(4);
    seen.judge(is_whole && names("filesRead", "log-book.txt") && names("filesWritten", WRITTEN), || {
        format!("a summary lacks what was done: {summary}")
    });
}

/// What a summary takes out of the model's sight, and still applies, stands behind it once more.
async fn skill_enters_again(berth: &Berth<'_>, summary: &Value) -> Result<(), String> {
    let behind = summary["seq"].as_u64().ok_or("a summary has no place in the log")?;
    let entered = async || {
        let log = Log::of(&berth.ship.client, &berth.conversation).await.ok()?;
        let later = log.entries.iter().filter(|entry| entry["seq"].as_u64() > Some(behind));
        let mut texts = later.filter_map(|entry| entry["chunk"]["text"].as_str());
        texts.any(|text| text.contains(skill::LAST_LINE)).then_some(())
    };
    eventually("an active skill behind a summary", entered).await
}

fn judge_log(seen: &mut Prompts, log: &Log) {
    let calls = log.of_type("tool-call").count();
    seen.judge(calls == 2, || format!("{calls} calls of tools in a conversation that asked for 2"));
    let by_model = log.entries.iter().filter(|entry| entry["role"] == "assistant");
    let last = by_model.filter_map(|entry| entry["chunk"]["text"].as_str()).next_back();
    seen.judge(last.is_some_and(|text| text.ends_with("still at the helm")), || {
        format!("behind a summary a model answered {last:?}")
    });
}

/// One request did not begin like the one before, and only for the summary.
fn judge_cache(seen: &mut Prompts, cache: &Value) {
    let requests = cache["requests"].as_array().into_iter().flatten();
    let changes: Vec<&Value> =
        requests.flat_map(|request| request["changes"].as_array().into_iter().flatten()).collect();
    let is_one = matches!(changes[..], [change] if change["contributor"] == "compaction");
    seen.judge(cache["brokenRequests"] == 1 && is_one, || {
        format!(
            "{} requests broke the cache, by {changes:?}, where one summary was made",
            cache["brokenRequests"]
        )
    });
}
