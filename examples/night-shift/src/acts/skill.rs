//! A skill is written into a folder, trusted, made active, and told to the model, which costs nothing of the cache.

use serde_json::json;

use super::berth::{Berth, words};
use crate::journal::note;
use crate::prompts::Prompts;

/// What it is called.
pub(super) const NAME: &str = "knots";

/// What the conversation has made the model say and do before the end of this: requests of turns.
pub(super) const REQUESTS: usize = 3;

/// The last line of it, which stands nowhere else.
pub(super) const LAST_LINE: &str = "A bowline holds, and comes undone when it is meant to.";

pub(super) async fn is_told(berth: &Berth<'_>) -> Result<Prompts, String> {
    let mut seen = Prompts::default();
    let instructions = instructions();
    berth.write(&format!(".skills/{NAME}/SKILL.md"), &file(&instructions))?;
    is_trusted(berth, &mut seen).await?;
    berth.write("log-book.txt", &"wind from the west, all sails set\n".repeat(100))?;
    berth
        .turn(r#"[[pace: 0]] [[tool: read_file {"path":"log-book.txt"}]] [[step]] [[say: so it is]]"#)
        .await?;
    let before = berth.words_shown(REQUESTS - 1).await?;

    note(&format!("the skill `{NAME}` is made active in {}", berth.conversation));
    let answer = berth.put(&format!("skills/{NAME}"), &json!({})).await?;
    seen.judge(answer["activated"] == true, || format!("a skill was not activated: {answer}"));
    berth.turn("[[say: aye]]").await?;
    let (after, expected) = (berth.words_shown(REQUESTS).await?, words(&instructions));
    seen.judge(after >= before + expected, || {
        format!("a model was shown {before} words, then {after}, which cannot hold a skill of {expected}")
    });
    let listed = berth.get("skills").await?;
    let active = &listed["active"][0];
    seen.judge(active["name"] == NAME && active["state"] == "current", || {
        format!("a skill is not active as it was written: {listed}")
    });
    let cache = berth.get("cache").await?;
    seen.judge(cache["brokenRequests"] == 0, || format!("a skill broke the cache: {cache}"));
    seen.skills = 1;
    Ok(seen)
}

/// Before the first turn: what a model is told of tools does not change behind it.
async fn is_trusted(berth: &Berth<'_>, seen: &mut Prompts) -> Result<(), String> {
    let (operator, folder) = (&berth.ship.operator, berth.folder.display().to_string());
    let waits = operator.ask(&["skills", "--cwd", &folder]).await?;
    seen.judge(waits["leftOut"][0]["state"] == "untrusted", || {
        format!("skills that nobody trusts do not wait: {waits}")
    });
    note(&format!("the operator trusts the skills in the folder of {}", berth.conversation));
    operator.told(&["trust", &folder, "--file", ".skills"]).await.map(drop)
}

fn file(instructions: &str) -> String {
    format!("---\nname: {NAME}\ndescription: When a rope is to be made fast\n---\n\n{instructions}")
}

fn instructions() -> String {
    let lines: String =
        (1..=40).map(|turn| format!("{turn}. Lead the rope around the cleat once more.\n")).collect();
    format!("{lines}{LAST_LINE}\n")
}
