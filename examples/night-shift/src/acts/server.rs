//! A server of tools ends: killed, killed in a call, by itself, or with the host. Its calls are answered or fail, and later ones work again.

use std::sync::atomic::Ordering;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use super::berth::{Berth, script_of};
use crate::guards::Guards;
use crate::journal::note;
use crate::lookout;
use crate::random::Random;
use crate::ship::eventually;

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// By a signal, while nobody calls it.
    Killed,
    /// By a signal, in a call.
    KilledInACall,
    /// By itself, in a call.
    InACall,
}

pub(super) async fn ends(berth: &Berth<'_>, random: &mut Random) -> Result<Guards, String> {
    let mut seen = Guards::default();
    let end = [End::Killed, End::KilledInACall, End::InACall][random.below(3) as usize];
    answers(berth, "one", &mut seen).await?;
    let (starts, turns) = (server(berth).await?["starts"].as_u64().unwrap_or_default(), turns(berth));
    note(&format!("a server of tools ends in {}: {end:?}", berth.conversation));
    match end {
        End::Killed => {
            kill(berth)?;
            // Somebody may call it before anybody knows.
            let result = berth.call("lookout__sound", &json!({ "mark": "two" })).await?;
            count(&result, &mut seen);
        }
        End::KilledInACall => killed_in_a_call(berth, &mut seen).await?,
        End::InACall => fails(&berth.call("lookout__founder", &json!({})).await?, &mut seen),
    }
    seen.ended = 1;
    let ailing = berth.ship.operator.ailing().await?;
    seen.judge(ailing.is_empty(), || format!("behind the end of a server {}", ailing.join(", ")));
    eventually("turns behind the end of a server", async || (self::turns(berth) > turns).then_some(()))
        .await?;
    is_ready(berth, starts).await?;
    answers(berth, "twain", &mut seen).await?;
    seen.judge_log(berth).await?;
    Ok(seen)
}

/// The host was killed: its server is gone, and another one answers.
pub(super) async fn ends_with_the_host(berth: &Berth<'_>) -> Result<Guards, String> {
    let mut seen = Guards::default();
    is_ready(berth, 0).await?;
    let alone = async || (lookout::running(berth.ship.stage.path()).len() == 1).then_some(());
    let left = eventually("the end of a server whose host was killed", alone).await;
    seen.judge(left.is_ok(), || "a server is left whose host was killed".to_owned());
    answers(berth, "quarter", &mut seen).await?;
    seen.judge_log(berth).await?;
    Ok(seen)
}

async fn killed_in_a_call(berth: &Berth<'_>, seen: &mut Guards) -> Result<(), String> {
    let sign = lookout::lingers(berth.ship.stage.path());
    let lines = berth.begin(&script_of("lookout__linger", &json!({ "mark": "three" }))).await?;
    eventually("a call that takes its time", async || sign.exists().then_some(())).await?;
    kill(berth)?;
    berth.end(lines).await?;
    std::fs::remove_file(&sign).map_err(|error| format!("`{}`: {error}", sign.display()))?;
    let log = berth.log_at_rest().await?;
    fails(log.of_type("tool-result").last().unwrap_or(&Value::Null), seen);
    Ok(())
}

/// Kills all of its processes, of which there is one.
fn kill(berth: &Berth<'_>) -> Result<(), String> {
    let running = lookout::running(berth.ship.stage.path());
    let [process] = running[..] else { return Err(format!("one server was to run: {running:?}")) };
    kill_process(process, Signal::KILL).map_err(|error| format!("a server cannot be killed: {error}"))
}

/// A call is answered with what it was asked.
async fn answers(berth: &Berth<'_>, mark: &str, seen: &mut Guards) -> Result<(), String> {
    let result = berth.call("lookout__sound", &json!({ "mark": mark })).await?;
    let is_it = result["isError"] == false && result["content"] == format!("by the mark {mark}");
    seen.judge(is_it, || format!("a server that runs was to answer `{mark}`: {result}"));
    count(&result, seen);
    Ok(())
}

/// A call that cannot be answered is told to have failed.
fn fails(result: &Value, seen: &mut Guards) {
    let says_so =
        result["isError"] == true && result["content"].as_str().is_some_and(|text| !text.is_empty());
    seen.judge(says_so, || format!("a call of a server that ended in it was answered: {result}"));
    count(result, seen);
}

fn count(result: &Value, seen: &mut Guards) {
    if result["isError"] == false {
        seen.answered += 1;
    } else {
        seen.failed += 1;
    }
}

/// Waits until it serves, having been started more often than that.
async fn is_ready(berth: &Berth<'_>, starts: u64) -> Result<(), String> {
    let ready = async || {
        let server = server(berth).await.ok()?;
        (server["state"] == "ready" && server["starts"].as_u64() > Some(starts)).then_some(())
    };
    eventually("a server that is started again", ready).await
}

async fn server(berth: &Berth<'_>) -> Result<Value, String> {
    let told = berth.ship.client.get("/mcp").await?;
    let mut servers = told["servers"].as_array().into_iter().flatten();
    let found = servers.find(|server| server["name"] == lookout::NAME).cloned();
    found.ok_or_else(|| format!("the host knows no server `{}`: {told}", lookout::NAME))
}

/// Turns of all others, so far.
fn turns(berth: &Berth<'_>) -> u64 {
    berth.ship.duty.turns.load(Ordering::SeqCst)
}

impl Guards {
    /// Each call has one result, and each turn an end.
    async fn judge_log(&mut self, berth: &Berth<'_>) -> Result<(), String> {
        let faults = berth.log_at_rest().await?.faults();
        self.judge(faults.is_empty(), || faults.join("; "));
        Ok(())
    }
}
