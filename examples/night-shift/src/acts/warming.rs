//! A conversation is kept in its provider's cache: asked again after each interval, and never while a turn runs.

use serde_json::{Value, json};

use super::berth::Berth;
use crate::journal::note;
use crate::prompts::Prompts;
use crate::ship::eventually;

/// The shortest that may be chosen, in milliseconds. A turn with a watch takes longer.
const INTERVAL_MS: u64 = 1_000;

/// What two requests may be too near to each other by, in milliseconds: a timer begins when somebody wants a prompt asked, and on a
/// busy machine the request is made, and its time told, a while behind that.
const LATE_MS: u64 = 250;

/// Requests that are waited for.
const WARMINGS: usize = 3;

pub(super) async fn goes_on(berth: &Berth<'_>) -> Result<Prompts, String> {
    let mut seen = Prompts::default();
    berth.turn("[[say: keep it warm]]").await?;
    let choice = json!({ "enabled": true, "mode": "interval", "intervalMs": INTERVAL_MS });
    let chosen = berth.put("cache-warming", &choice).await?;
    seen.judge(chosen["enabled"] == true && chosen["intervalMs"] == INTERVAL_MS, || {
        format!("nothing was opted in: {chosen}")
    });
    note(&format!("the prompt of {} is kept warm", berth.conversation));
    berth.requests("warming", 1).await?;
    a_turn_is_left_alone(berth, &mut seen).await?;
    let warmings = berth.requests("warming", WARMINGS).await?;
    let turns = berth.requests("turn", 3).await?;
    judge(&mut seen, &warmings, &turns);
    let chosen = berth.put("cache-warming", &json!({ "enabled": false })).await?;
    seen.judge(chosen["enabled"] == false && chosen["nextWarmAt"].is_null(), || {
        format!("what was opted out is asked on: {chosen}")
    });
    seen.warmings = warmings.len() as u64;
    Ok(seen)
}

/// A turn that runs longer than the interval has no timer.
async fn a_turn_is_left_alone(berth: &Berth<'_>, seen: &mut Prompts) -> Result<(), String> {
    let lines = berth.begin("[[tool: keep_watch {}]] [[step]] [[say: all clear]]").await?;
    let active = async || berth.get("cache-warming").await.ok().filter(|told| told["active"] == true);
    let told = eventually("a turn that is known to run", active).await?;
    seen.judge(told["nextWarmAt"].is_null(), || format!("a prompt is to be asked in a turn: {told}"));
    berth.end(lines).await
}

/// Each comes an interval behind the last request that used the prompt; none between the requests of the turn.
fn judge(seen: &mut Prompts, warmings: &[Value], turns: &[Value]) {
    let at = |request: &Value| request["at"].as_u64().unwrap_or_default();
    let turns: Vec<u64> = turns.iter().map(at).collect();
    for warming in warmings.iter().map(at) {
        let uses = turns.iter().copied().chain(warmings.iter().map(at)).filter(|use_at| *use_at < warming);
        let waited = warming - uses.max().unwrap_or_default();
        seen.judge(waited + LATE_MS >= INTERVAL_MS, || {
            format!("a prompt was asked {waited} ms behind its last use, not {INTERVAL_MS}")
        });
    }
    let [.., begun, ended] = turns[..] else { return };
    let within = warmings.iter().map(at).filter(|warming| (begun..=ended).contains(warming)).count();
    seen.judge(within == 0 && ended - begun > INTERVAL_MS, || {
        format!("{within} prompts were asked in a turn of {} ms", ended - begun)
    });
}
