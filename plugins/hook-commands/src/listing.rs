//! What hooks there are for a folder, as documents and as lines.

use std::path::PathBuf;

use serde_json::{Value, json};
use transom_agent::folder::{admitted, first_root};
use transom_agent::refusal::shown;
use transom_plugin_api::CallError;

use crate::hooks::Hooks;
use crate::hooks_file::{Action, Hook};
use crate::library::{Source, State};
use crate::runner::Outcome;

/// The folder that is meant: one of the host's roots or below one; the first root when none is given.
///
/// # Errors
/// `InvalidInput` when no turn can work there, `Unavailable` when there is no root.
pub(crate) async fn meant(hooks: &Hooks, folder: Option<&str>) -> Result<String, CallError> {
    let roots: Vec<PathBuf> = hooks.host.roots().map(PathBuf::from).collect();
    let Some(folder) = folder.map(str::to_owned) else {
        return Ok(first_root(&roots)?.display().to_string());
    };
    Ok(hooks.host.blocking(move || admitted("folder", &folder, &roots)).await??.into())
}

/// What there is for a folder.
pub(crate) async fn told(hooks: &Hooks, folder: &str) -> Value {
    let sources = hooks.library.of(folder).await;
    let files: Vec<Value> = sources.iter().map(|source| file(hooks, source)).collect();
    json!({ "folder": folder, "files": files })
}

fn file(hooks: &Hooks, source: &Source) -> Value {
    let (state, reason) = state(&source.state);
    let mut told = json!({ "name": source.name, "state": state });
    if let Some(reason) = reason {
        told["reason"] = json!(reason);
    }
    if let Some(Ok(file)) = source.file.as_deref() {
        told["hooks"] = file.hooks.iter().map(|hook| one(hooks, source, hook)).collect();
        if !file.unsupported.is_empty() {
            told["unsupported"] = json!(file.unsupported);
        }
    }
    told
}

fn state(state: &State) -> (&'static str, Option<&str>) {
    match state {
        State::Used => ("used", None),
        State::Broken(reason) => ("broken", Some(reason)),
        State::Untrusted => ("untrusted", None),
        State::Refused => ("refused", None),
        State::Unfit(reason) => ("unfit", Some(reason)),
        State::Empty => ("empty", None),
    }
}

fn one(hooks: &Hooks, source: &Source, hook: &Hook) -> Value {
    let event = hook.occasion.name();
    let mut told = json!({ "event": event, "matcher": hook.written });
    match &hook.action {
        Action::Command(command) => {
            told["command"] = json!(command);
            if let Some(Outcome { at, duration, how }) =
                hooks.runner.last(&(event, source.name.clone(), command.clone()))
            {
                let duration = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                told["last"] = json!({ "at": at, "durationMs": duration, "how": how });
            }
        }
        Action::Unsupported(kind) => told["unsupportedType"] = json!(kind),
    }
    if let Some(timeout) = hook.timeout {
        told["timeoutS"] = json!(timeout.as_secs_f64());
    }
    told
}

/// The same for people.
pub(crate) fn lines(told: &Value) -> String {
    let text = |value: &Value| shown(value.as_str().unwrap_or_default(), 200);
    let mut lines = format!("{}\n", text(&told["folder"]));
    for file in told["files"].as_array().into_iter().flatten() {
        let state = match file["state"].as_str().unwrap_or_default() {
            "untrusted" => "waits to be trusted; see `transom trust`".to_owned(),
            state => match file["reason"].as_str() {
                Some(reason) => format!("{state}: {}", shown(reason, 200)),
                None => state.to_owned(),
            },
        };
        lines.push_str(&format!("{}: {state}\n", text(&file["name"])));
        for hook in file["hooks"].as_array().into_iter().flatten() {
            lines.push_str(&line(hook));
        }
        for event in file["unsupported"].as_array().into_iter().flatten() {
            lines.push_str(&format!("  {}  does not run: the event has no place here\n", text(event)));
        }
    }
    lines
}

fn line(hook: &Value) -> String {
    let text = |field: &str| shown(hook[field].as_str().unwrap_or_default(), 100);
    let matcher = Some(text("matcher")).filter(|matcher| !matcher.is_empty());
    let matcher = matcher.unwrap_or_else(|| "*".to_owned());
    let action = match hook["unsupportedType"].as_str() {
        Some(kind) => format!("does not run: the type `{}` has no place here", shown(kind, 60)),
        None => text("command"),
    };
    let last = match hook["last"]["how"].as_str() {
        Some(how) => format!("  ({how}, {} ms)", hook["last"]["durationMs"]),
        None => String::new(),
    };
    format!("  {}  {matcher}  {action}{last}\n", text("event"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_what_runs_what_waits_and_how_it_went() {
        let told = json!({"folder": "/f", "files": [
            {"name": "/h.json", "state": "used", "unsupported": ["SubagentStop"], "hooks": [
                {"event": "PreToolUse", "matcher": "Bash", "command": "./guard\n", "last": {"at": 1, "durationMs": 12, "how": "exit code 0"}},
                {"event": "Stop", "matcher": "", "unsupportedType": "prompt"},
            ]},
            {"name": ".claude/settings.json", "state": "untrusted", "hooks": []},
            {"name": ".transom/hooks.json", "state": "unfit", "reason": "it is not a regular file"},
        ]});
        assert_eq!(
            lines(&told),
            "/f\n\
             /h.json: used\n  PreToolUse  Bash  ./guard\\n  (exit code 0, 12 ms)\n  \
             Stop  *  does not run: the type `prompt` has no place here\n  \
             SubagentStop  does not run: the event has no place here\n\
             .claude/settings.json: waits to be trusted; see `transom trust`\n\
             .transom/hooks.json: unfit: it is not a regular file\n"
        );
    }
}
