//! How servers are told: as JSON for clients and programs, as lines for people. Without what may be secret.

use std::fmt::Write;

use serde_json::{Value, json};
use transom_agent::refusal::shown;

use crate::connection::{Connection, Phase};
use crate::doubt::Unanswered;
use crate::folder_file::NAME;
use crate::folders::Standing;

/// Characters of an error on a line.
const SHOWN: usize = 160;

/// A server, as JSON.
pub(crate) fn told(server: &Connection) -> Value {
    let state = server.state();
    let tools: Vec<Value> = state
        .tools
        .iter()
        .map(|one| json!({"name": one.definition.name.as_str(), "tool": one.tool}))
        .collect();
    let mut told = json!({
        "name": server.name(),
        "state": match (server.phase(), &state.unanswered) {
            (Phase::Ready, Some(_)) => "hanging",
            (phase, _) => word(phase),
        },
        "source": if server.folder.is_some() { NAME } else { "settings" },
        "reachedBy": server.definition.shown(),
        "tools": tools,
        "starts": state.starts,
    });
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            told[key] = value;
        }
    };
    add("folder", server.folder.as_deref().map(Value::from));
    add("error", state.error.map(Value::from));
    add("retryAt", state.retry_at.map(Value::from));
    add("unanswered", state.unanswered.map(|unanswered| told_of_calls(&unanswered, server.host().now_ms())));
    add("problems", Some(state.problems).filter(|problems| !problems.is_empty()).map(Value::from));
    let said = server.definition.without_secrets(&server.tail.text());
    add("printed", Some(said).filter(|said| !said.is_empty()).map(Value::from));
    let info = state.line.and_then(|line| line.peer.peer_info());
    let version = info.as_ref().map(|info| info.protocol_version.as_str().to_owned());
    add("protocol", version.map(Value::from));
    let calls_itself = info.as_ref().and_then(|info| info.server_info.as_ref());
    add("callsItself", calls_itself.map(|one| shown(&format!("{} {}", one.name, one.version), SHOWN).into()));
    told
}

/// What it has not answered, as JSON.
fn told_of_calls(unanswered: &Unanswered, now: i64) -> Value {
    json!({
        "tool": unanswered.tool,
        "since": unanswered.since,
        "forS": now.saturating_sub(unanswered.since) / 1_000,
        "calls": unanswered.calls,
        "answersPings": unanswered.is_there,
    })
}

/// The same for a person.
fn sentence(unanswered: &Value) -> Option<String> {
    let (seconds, calls) = (unanswered["forS"].as_i64()?, unanswered["calls"].as_u64()?);
    let tool = shown(unanswered["tool"].as_str()?, SHOWN);
    let them = if calls == 1 { "a call".to_owned() } else { format!("{calls} calls, the first") };
    let is_there = if unanswered["answersPings"] == true { "; it answers pings" } else { "" };
    Some(format!("it has not answered {them} of `{tool}`, made {seconds} s ago{is_there}"))
}

/// Where a folder's file stands, as JSON.
pub(crate) fn told_of_file(standing: &Standing) -> Value {
    match standing {
        Standing::Missing => json!({"name": NAME, "state": "missing"}),
        Standing::Unfit(reason) => json!({"name": NAME, "state": "unfit", "reason": reason}),
        Standing::Untrusted(None) => json!({"name": NAME, "state": "untrusted"}),
        Standing::Untrusted(Some(reason)) => json!({"name": NAME, "state": "untrusted", "reason": reason}),
        Standing::Refused => json!({"name": NAME, "state": "refused"}),
        Standing::Used { sha256, problems } => {
            json!({"name": NAME, "state": "used", "sha256": sha256, "problems": problems})
        }
    }
}

fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting { .. } => "connecting",
        Phase::Ready => "ready",
        Phase::Failed => "failed",
        Phase::Disabled => "disabled",
        Phase::Stopped => "stopped",
    }
}

/// Servers as [`told`], for a person.
pub(crate) fn printed(servers: &[Value]) -> String {
    if servers.is_empty() {
        return "there are no servers\n".to_owned();
    }
    let mut text = String::new();
    for server in servers {
        let word = |key: &str| server[key].as_str().unwrap_or_default().to_owned();
        let tools = server["tools"].as_array().map_or(0, Vec::len);
        let place = server["folder"].as_str().map(|folder| format!("  in {folder}")).unwrap_or_default();
        line(
            &mut text,
            &format!(
                "{:<24} {:<10} {tools:>4} tools  {}{place}",
                word("name"),
                word("state"),
                shown(&word("reachedBy"), 60)
            ),
        );
        if let Some(unanswered) = sentence(&server["unanswered"]) {
            line(&mut text, &format!("  ! {unanswered}"));
        }
        for key in ["error", "problems"] {
            let told = match &server[key] {
                Value::String(told) => vec![told.clone()],
                Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                _ => Vec::new(),
            };
            told.iter().for_each(|told| line(&mut text, &format!("  ! {}", shown(told, SHOWN))));
        }
        if server["state"] == "failed"
            && let Some(last) = word("printed").lines().rfind(|last| !last.trim().is_empty())
        {
            line(&mut text, &format!("  > {}", shown(last, SHOWN)));
        }
    }
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{}", line.trim_end()).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_one_a_line_with_what_is_wrong_below() {
        let servers = [
            json!({"name": "files", "state": "ready", "reachedBy": "npx", "tools": [{}, {}]}),
            json!({"name": "web", "state": "failed", "reachedBy": "https://x", "tools": [], "folder": "/work",
                "error": "it ended with code 1", "printed": "one\nno key\n\n"}),
            json!({"name": "slow", "state": "hanging", "reachedBy": "sh", "tools": [],
                "unanswered": told_of_calls(&Unanswered { tool: "dig".into(), since: 5_000, calls: 2, is_there: true }, 70_999)}),
        ];
        let expected = "files                    ready         2 tools  npx\n\
                        web                      failed        0 tools  https://x  in /work\n  \
                        ! it ended with code 1\n  > no key\n\
                        slow                     hanging       0 tools  sh\n  \
                        ! it has not answered 2 calls, the first of `dig`, made 65 s ago; it answers pings\n";
        assert_eq!(printed(&servers), expected);
        assert_eq!(printed(&[]), "there are no servers\n");
    }
}
