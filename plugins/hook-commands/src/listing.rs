//! What hooks there are for a folder, as documents and as lines.

use std::path::PathBuf;

use serde_json::{Value, json};
use transom_agent::folder::{admitted, first_root};
use transom_plugin_api::CallError;

use crate::hooks::Hooks;
use crate::hooks_file::{Action, Hook};
use crate::legible::legible;
use crate::library::{Source, State};
use crate::runner::Outcome;

/// Characters of a command or a matcher, and of anything else, on a line for people.
const SHORT: usize = 100;
const LONGEST: usize = 300;

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
    let problems = source.problems();
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
    if !problems.is_empty() {
        told["problems"] = json!(problems);
    }
    told
}

fn state(state: &State) -> (&'static str, Option<&str>) {
    match state {
        State::Used => ("used", None),
        State::Broken(reason) => ("broken", Some(reason)),
        State::Untrusted(reason) => ("untrusted", reason.as_deref()),
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
        Action::Beyond { command, field } => {
            told["command"] = json!(command);
            told["unsupportedField"] = json!(field);
        }
    }
    if let Some(timeout) = hook.timeout {
        told["timeoutS"] = json!(timeout.as_secs_f64());
    }
    told
}

/// The same for people.
pub(crate) fn lines(told: &Value) -> String {
    let mut lines = format!("{}\n", legible(text(told, "folder"), LONGEST));
    for file in told["files"].as_array().into_iter().flatten() {
        lines.push_str(&format!("{}: {}\n", legible(text(file, "name"), LONGEST), standing(file)));
        for hook in file["hooks"].as_array().into_iter().flatten() {
            lines.push_str(&line(hook));
        }
        for problem in file["problems"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            lines.push_str(&format!("  ! {}\n", legible(problem, LONGEST)));
        }
    }
    lines
}

fn text<'a>(told: &'a Value, field: &str) -> &'a str {
    told[field].as_str().unwrap_or_default()
}

/// What becomes of a file, in words.
fn standing(file: &Value) -> String {
    let reason = file["reason"].as_str().map(|reason| legible(reason, LONGEST));
    let has_hooks = file["hooks"].as_array().is_some_and(|hooks| !hooks.is_empty());
    match (text(file, "state"), reason) {
        ("untrusted", None) => "waits to be trusted; see `transom trust`".to_owned(),
        ("untrusted", Some(reason)) => format!("is not used: {reason}"),
        ("used", None) if !has_hooks => "used, but there are no hooks in it".to_owned(),
        (state, Some(reason)) => format!("{state}: {reason}"),
        (state, None) => state.to_owned(),
    }
}

fn line(hook: &Value) -> String {
    let matcher = match text(hook, "matcher") {
        "" => "*".to_owned(),
        matcher => legible(matcher, SHORT),
    };
    let command = legible(text(hook, "command"), SHORT);
    let action = match (hook["unsupportedType"].as_str(), hook["unsupportedField"].as_str()) {
        (Some(kind), _) => format!("does not run: the type `{}` has no place here", legible(kind, SHORT)),
        (None, Some(field)) => format!("{command}  does not run: the field `{field}` has no place here"),
        (None, None) => command,
    };
    let last = match hook["last"]["how"].as_str() {
        Some(how) => format!("  ({how}, {} ms)", hook["last"]["durationMs"]),
        None => String::new(),
    };
    format!("  {}  {matcher}  {action}{last}\n", text(hook, "event"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_what_runs_what_waits_and_how_it_went() {
        let told = json!({"folder": "/f", "files": [
            {"name": "/h.json", "state": "used", "unsupported": ["SubagentStop"], "problems": ["it is odd"], "hooks": [
                {"event": "PreToolUse", "matcher": "Bash", "command": "echo \"no\" \\ >&2\n", "last": {"at": 1, "durationMs": 12, "how": "exit code 0"}},
                {"event": "Stop", "matcher": "", "unsupportedType": "prompt"},
                {"event": "Stop", "matcher": "", "command": "python3", "unsupportedField": "args"},
                {"event": "Stop", "matcher": "", "command": "x".repeat(101)},
            ]},
            {"name": "/i.json", "state": "used", "hooks": []},
            {"name": ".claude/settings.json", "state": "untrusted", "hooks": []},
            {"name": ".claude/settings.json", "state": "untrusted", "reason": "nobody is there"},
            {"name": ".transom/hooks.json", "state": "unfit", "reason": "it is not a regular file"},
        ]});
        let cut = "x".repeat(100);
        assert_eq!(
            lines(&told),
            format!(
                "/f\n\
                 /h.json: used\n  PreToolUse  Bash  echo \"no\" \\ >&2\\n  (exit code 0, 12 ms)\n  \
                 Stop  *  does not run: the type `prompt` has no place here\n  \
                 Stop  *  python3  does not run: the field `args` has no place here\n  \
                 Stop  *  {cut}…\n  ! it is odd\n\
                 /i.json: used, but there are no hooks in it\n\
                 .claude/settings.json: waits to be trusted; see `transom trust`\n\
                 .claude/settings.json: is not used: nobody is there\n\
                 .transom/hooks.json: unfit: it is not a regular file\n"
            )
        );
    }
}
