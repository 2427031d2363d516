//! `transom permissions`: the same from a terminal.

use std::fmt::Write;
use std::sync::Arc;

use serde_json::Value;
use transom_agent::command::{Manual, Words, conversation, failed, printed, refused};
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_agent::refusal::shown;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Json, Server, StartError};

use crate::grounds;
use crate::offer::legible;
use crate::office::{Office, Wish};
use crate::rule::Decision;

/// Conversations that are named on a line.
const NAMED: usize = 5;

const MANUAL: Manual = Manual {
    help: "Say which calls of tools may run; without words, list the rules

Usage: transom permissions [OPTIONS]
       transom permissions [OPTIONS] allow|ask|deny RULE
       transom permissions forget ID
       transom permissions --folder FOLDER check TOOL [INPUT]

RULE is the name of a tool, or a name with a pattern of a path or a command in brackets: one word, with quotes around it.
Of two rules that mean the same call the stricter one counts: deny, then ask, then allow.

Options:
  --folder FOLDER    Only for turns that work in this folder or below it; relative paths begin there
  --conversation ID  Only for this conversation
  --json             Print JSON for programs instead of text for people

Examples:
  transom permissions allow \"run_shell(cargo test *)\" --folder \"$PWD\"
  transom permissions deny \"*(**/.env)\"
  transom permissions --folder \"$PWD\" check run_shell '{\"command\": \"cargo test\"}'
",
    words: &["WHAT", "RULE", "INPUT"],
    flags: &[],
    options: &["--folder", "--conversation"],
};

/// Puts the command on the bus.
pub(crate) fn register(
    office: &Arc<Office>,
    commands: &Server<CliCall, CliOutcome, Verb>,
) -> Result<(), StartError> {
    let about = Verb { summary: "says which calls of tools may run".into(), input: Json::default() };
    commands.serve_named_with("permissions", about, office, async |office, call, _| {
        Ok(match MANUAL.read_given(&call) {
            Ok(words) => run(&office, &words, call.json).await.unwrap_or_else(|error| failed(&error)),
            Err(instead) => instead,
        })
    })
}

async fn run(office: &Office, words: &Words, json: bool) -> Result<CliOutcome, CallError> {
    let folder = words.value("--folder").map(|given| words.path(given));
    let folder = folder.as_deref();
    let meant = match words.value("--conversation") {
        Some(given) => Some(conversation(&office.ports.list, given).await?.id),
        None => None,
    };
    let conversation = meant.as_deref();
    let (what, rule) = (words.word(0), words.word(1));
    if let Some(surplus) = surplus(words)
        && !sabotaged("drop-surplus-words-of-a-rule")
    {
        return Ok(refused(&format!("{surplus}\n\n{}", MANUAL.help)));
    }
    let mut warning = String::new();
    let (answer, text) = match (what, Decision::of_word(what)) {
        ("", _) if rule.is_empty() => {
            let rules = office.list(folder, conversation).await?;
            let text = listed(&rules);
            (rules, text)
        }
        (_, Some(_)) | ("forget" | "check", _) if rule.is_empty() => {
            return Ok(refused(&format!("a word is missing behind `{what}`\n\n{}", MANUAL.help)));
        }
        (_, Some(decision)) => {
            let kept = office.add(Wish { decision, rule, folder, conversation }).await?;
            let text = format!("{}  {} {}\n", text(&kept, "id"), decision.word(), text(&kept, "rule"));
            warning =
                kept["warning"].as_str().map(|warning| format!("warning: {warning}\n")).unwrap_or_default();
            (kept, text)
        }
        ("forget", _) => {
            office.forget(rule).await?;
            (serde_json::json!({ "forgotten": rule }), "it is forgotten\n".to_owned())
        }
        ("check", _) => {
            let Some(folder) = folder else {
                return Ok(refused("`--folder` is missing: where would it run?"));
            };
            let judged = office.check(rule, input(words.word(2))?, folder, conversation).await?;
            let text = checked(&judged);
            (judged, text)
        }
        _ => {
            let what = shown(what, 40);
            return Ok(refused(&format!(
                "`{what}` is none of `allow`, `ask`, `deny`, `forget` and `check`\n\n{}",
                MANUAL.help
            )));
        }
    };
    let outcome = printed(if json { format!("{answer}\n") } else { text });
    Ok(CliOutcome { complaint: warning.into(), ..outcome })
}

/// What is wrong with the third word, which only a check has. A rule must not become wider than it was typed because a shell took it
/// apart.
fn surplus(words: &Words) -> Option<String> {
    let (what, rule, word) = (words.word(0), words.word(1), words.word(2));
    if what == "check" || word.is_empty() {
        return None;
    }
    let told = format!("`{}` is one word too many behind `{what} {}`", legible(word), legible(rule));
    let is_bare_rule = Decision::of_word(what).is_some() && !rule.contains('(');
    Some(match is_bare_rule {
        true => {
            format!("{told}; write `{}({})` in one word, with quotes around it", legible(rule), legible(word))
        }
        false => told,
    })
}

fn input(given: &str) -> Result<Value, CallError> {
    if given.is_empty() {
        return Ok(serde_json::json!({}));
    }
    serde_json::from_str(given)
        .map_err(|error| CallError::invalid_input(format!("INPUT is no JSON: {error}")))
}

fn text<'a>(told: &'a Value, name: &str) -> &'a str {
    told[name].as_str().unwrap_or_default()
}

fn checked(judged: &Value) -> String {
    let by: Vec<String> = judged["by"].as_array().into_iter().flatten().map(grounds::sentence).collect();
    let decision = text(judged, "decision");
    match (&by[..], text(judged, "reason"), text(judged, "question")) {
        ([], "", question) => format!("{decision}: {question}\n"),
        ([], reason, _) => format!("{decision}: {reason}\n"),
        (by, ..) => format!("{decision}, by {}\n", by.join(" and ")),
    }
}

fn listed(told: &Value) -> String {
    let mut lines = String::new();
    let rules = |name: &str| told[name].as_array().cloned().unwrap_or_default();
    for rule in rules("settings") {
        line(&mut lines, "(settings)", &rule, "");
    }
    for rule in rules("rules") {
        let place = [text(&rule, "folder"), text(&rule, "conversationId")].concat();
        let place = if place.is_empty() { place } else { format!("  in {}", legible(&place)) };
        line(&mut lines, text(&rule, "id"), &rule, &place);
    }
    let otherwise = match told["otherwise"].as_str() {
        Some("allow") => "what may change something runs, unless a rule says otherwise",
        Some("deny") => "what may change something does not run, unless a rule allows it",
        _ => "a person is asked about what may change something, unless a rule says otherwise",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(lines, "{otherwise}");
    if let Some(conversations) = of_conversations(told) {
        let _ = writeln!(lines, "{conversations}");
    }
    lines
}

fn line(lines: &mut String, id: &str, rule: &Value, place: &str) {
    // Writing to a string cannot fail.
    let (decision, rule_text) = (text(rule, "decision"), legible(text(rule, "rule")));
    let _ = writeln!(lines, "{id:12}  {decision:5}  {rule_text}{place}");
    if let Some(warning) = rule["warning"].as_str() {
        let _ = writeln!(lines, "  ! {warning}");
    }
}

/// How many conversations have rules of their own, and how those are shown.
fn of_conversations(told: &Value) -> Option<String> {
    let count = told["conversationCount"].as_u64().filter(|count| *count > 0)?;
    let names: Vec<&str> =
        told["conversations"].as_array()?.iter().filter_map(Value::as_str).take(NAMED).collect();
    let more = if count > NAMED as u64 { ", …" } else { "" };
    let has = if count == 1 { "conversation has" } else { "conversations have" };
    Some(format!(
        "{count} {has} rules of their own, which `--conversation ID` shows: {}{more}",
        names.join(", ")
    ))
}
