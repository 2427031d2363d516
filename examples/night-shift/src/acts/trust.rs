//! `AGENTS.md` of a folder waits until the operator trusts it, and is told from the next turn on.

use serde_json::Value;

use super::berth::Berth;
use crate::journal::note;
use crate::prompts::Prompts;

const FILE: &str = "AGENTS.md";

/// What it says, which stands nowhere else.
const ORDERS: &str = "Strike the bell at each half hour.";

pub(super) async fn is_waited_for(berth: &Berth<'_>) -> Result<Prompts, String> {
    let mut seen = Prompts::default();
    berth.write(FILE, &format!("{ORDERS}\n"))?;
    berth.turn("[[say: aye]]").await?;
    let waits = berth.get("system-prompt").await?;
    seen.judge(!is_told(&waits) && waits["leftOut"].to_string().contains(FILE), || {
        format!("a file that nobody trusts does not wait: {waits}")
    });
    let folder = berth.folder.display().to_string();
    let listed = berth.ship.operator.ask(&["trust"]).await?;
    let mut waiting = listed["waiting"].as_array().into_iter().flatten();
    let is_listed = waiting.any(|file| file["folder"] == folder.as_str() && file["name"] == FILE);
    seen.judge(is_listed, || format!("the operator is not shown `{FILE}` of `{folder}`: {listed}"));

    note(&format!("the operator trusts `{FILE}` in the folder of {}", berth.conversation));
    berth.ship.operator.told(&["trust", &folder]).await?;
    let still = berth.get("system-prompt").await?;
    seen.judge(!is_told(&still), || format!("a prompt changed between turns: {still}"));
    berth.turn("[[say: aye]]").await?;
    let told = berth.get("system-prompt").await?;
    seen.judge(is_told(&told), || format!("a file that is trusted is not told: {told}"));
    seen.trusted = 1;
    Ok(seen)
}

fn is_told(prompt: &Value) -> bool {
    prompt["text"].as_str().is_some_and(|text| text.contains(ORDERS))
}
