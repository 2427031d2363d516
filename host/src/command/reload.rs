//! `transom reload`: brings the running host to what its manifest and plugin files say now.

use std::io::{IsTerminal, Write};

use clap::Args;
use serde_json::Value;

use super::status::{asked, list, text_of};
use crate::control::Question;
use crate::program::{Common, DONE, FAILED};
use crate::terminal::{complain, note, print, shown};

/// Replace plugins of the running host while it serves
#[derive(Args)]
#[command(
    after_help = "Example:\n  transom reload word-count\n  transom reload --dry-run\n  transom reload --yes\n\n\
                  Without an ID the manifest is read again: what has changed is shown, and done once that is confirmed."
)]
pub(crate) struct Arguments {
    /// Plugins that are to be replaced, changed or not
    #[arg(value_name = "ID")]
    plugins: Vec<String>,
    /// Seconds that calls under way may go on [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=3600))]
    drain: Option<u64>,
    /// Do not wait for what is under way: it is told to end
    #[arg(long, conflicts_with = "drain")]
    now: bool,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(common: &Common, arguments: &Arguments) -> u8 {
    if !arguments.plugins.is_empty() {
        return ask(common, arguments, arguments.dry_run);
    }
    if arguments.dry_run || arguments.yes {
        return ask(common, arguments, arguments.dry_run);
    }
    let planned = match asked(common, &question(arguments, true)) {
        Ok(planned) => planned,
        Err(code) => return code,
    };
    if is_nothing(&planned) || common.json {
        tell(common, &planned, true);
        return if is_nothing(&planned) { DONE } else { FAILED };
    }
    print(&shown(&described(&planned, true)));
    if confirmed() {
        return ask(common, arguments, false);
    }
    complain("nothing was done; `--yes` does it without asking");
    FAILED
}

fn question(arguments: &Arguments, dry_run: bool) -> Question {
    let drain_ms = arguments.drain.map(|seconds| seconds * 1000);
    let drain_ms = if arguments.now { Some(0) } else { drain_ms };
    Question::Reload { plugins: arguments.plugins.clone(), drain_ms, dry_run }
}

fn ask(common: &Common, arguments: &Arguments, dry_run: bool) -> u8 {
    if !dry_run && !common.json && std::io::stderr().is_terminal() {
        note("reloading; calls under way are waited for");
    }
    match asked(common, &question(arguments, dry_run)) {
        Ok(answer) => {
            tell(common, &answer, dry_run);
            if list(&answer, "disabled").next().is_none() { DONE } else { FAILED }
        }
        Err(code) => code,
    }
}

fn confirmed() -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    // A terminal that cannot be written to is asked in vain, and then nothing is done.
    let _ = write!(std::io::stderr(), "Do this? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// What a reload has done, or would do.
pub(super) fn tell(common: &Common, answer: &Value, dry_run: bool) {
    let text = if common.json { format!("{answer}\n") } else { shown(&described(answer, dry_run)) };
    print(&text);
}

pub(super) fn is_nothing(answer: &Value) -> bool {
    let difference = &answer["difference"];
    ["added", "removed", "changed"].iter().all(|key| list(difference, key).next().is_none())
}

fn described(answer: &Value, dry_run: bool) -> String {
    let mut text = if dry_run { plan_of(answer) } else { done(answer) };
    if text.is_empty() {
        text.push_str("nothing has changed\n");
    }
    for note in list(answer, "notes").filter_map(Value::as_str) {
        text += &format!("note: {note}\n");
    }
    text
}

fn plan_of(answer: &Value) -> String {
    let difference = &answer["difference"];
    let mut text = String::new();
    for id in list(difference, "removed").filter_map(Value::as_str) {
        text += &format!("- {id}: is stopped\n");
    }
    for changed in list(difference, "changed") {
        let what: Vec<&str> = list(changed, "what").filter_map(Value::as_str).collect();
        let what = if what.is_empty() { String::new() } else { format!(": {}", what.join(", ")) };
        text += &format!("~ {}: is replaced{what}\n", text_of(changed, "plugin"));
    }
    for id in list(difference, "added").filter_map(Value::as_str) {
        text += &format!("+ {id}: is started\n");
    }
    text
}

fn done(answer: &Value) -> String {
    let mut text = String::new();
    for id in list(&answer["difference"], "removed").filter_map(Value::as_str) {
        text += &format!("plugin `{id}` is stopped\n");
    }
    for one in list(answer, "reloaded") {
        text += &format!("plugin `{}` runs as generation {}", text_of(one, "plugin"), one["generation"]);
        if let Some(waited) = one["longestWaitMs"].as_u64() {
            text += &format!("; calls waited for {waited} ms at most");
        }
        if let Some(doing) = one["cutOff"].as_str() {
            text += &format!("; the one before was cut off: {doing}");
        }
        text.push('\n');
    }
    for id in list(answer, "takenAlong").filter_map(Value::as_str) {
        text += &format!("plugin `{id}` was taken along, because a contract that it shares has changed\n");
    }
    for id in list(&answer["difference"], "added").filter_map(Value::as_str) {
        let disabled = list(answer, "disabled").find(|one| text_of(one, "plugin") == id);
        text += &match disabled {
            Some(disabled) => format!("plugin `{id}` is disabled: {}\n", text_of(disabled, "reason")),
            None => format!("plugin `{id}` is started\n"),
        };
    }
    text
}
