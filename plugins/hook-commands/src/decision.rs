//! What a hook that has ended means: the rule of the format, from an exit code and two outputs to a decision.
//!
//! | it | means |
//! |---|---|
//! | exits with 0 and prints nothing, or words | nothing; where [words are read](Occasion::reads_words), they are context |
//! | exits with 0 and prints an object | what the object says |
//! | exits with 2 | no, for the reason on its standard error |
//! | exits with another code | nothing, and a person is shown it |
//! | does not come to an end of its own, cannot be run, or says what nobody knows | it has failed |

use std::time::Duration;

use serde_json::{Map, Value};

use crate::legible::legible;
use crate::occasion::Occasion;

/// Characters of a reason or a context that go on.
const LONGEST: usize = 10_000;
/// Characters of what a person is shown.
const SHOWN: usize = 300;

/// How a hook ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself.
    Exited { code: i32, out: String, error: String },
    /// By a signal, or what its shell ran last was.
    Killed(i32),
    /// It took longer than this.
    Late(Duration),
    /// It printed more than this many bytes.
    Flooded(usize),
    /// It could not be run.
    NotRun(String),
    /// The plugin came to its end before it.
    Cut,
}

/// What it means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// It has decided, or has nothing against it.
    Said(Box<Said>),
    /// It has decided nothing, and a person should know why.
    Complained(String),
    /// It has failed.
    Failed(String),
}

/// What a hook says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) verdict: Option<Verdict>,
    /// For the model.
    pub(crate) context: Option<String>,
    /// What a call is to be given, as hooks are told inputs.
    pub(crate) input: Option<Value>,
    /// Why the turn is to stop.
    pub(crate) stop: Option<String>,
    /// For a person.
    pub(crate) tells: Option<String>,
}

/// Whether something may happen; the later the stricter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    Ask(String),
    Block(String),
}

impl Verdict {
    pub(crate) fn strictness(&self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Ask(_) => 1,
            Self::Block(_) => 2,
        }
    }
}

/// What it means that a hook ended so.
pub(crate) fn heard(occasion: Occasion, ended: &Ended) -> Heard {
    match ended {
        Ended::Exited { code: 0, out, .. } => printed(occasion, out.trim()),
        Ended::Exited { code: 2, error, .. } if occasion.may_be_blocked() => {
            let verdict = Some(Verdict::Block(reason(error, "without a reason")));
            Heard::Said(Box::new(Said { verdict, ..Said::default() }))
        }
        // What a shell says that has found nothing to run.
        Ended::Exited { code: code @ (126 | 127), error, .. } => {
            Heard::Failed(format!("could not be run (exit code {code}): {}", legible(error.trim(), SHOWN)))
        }
        Ended::Exited { code, error, .. } => {
            Heard::Complained(format!("ended with exit code {code}: {}", legible(error.trim(), SHOWN)))
        }
        Ended::Killed(signal) => Heard::Failed(format!("was ended by signal {signal}")),
        Ended::Late(limit) => Heard::Failed(format!("took longer than {}", seconds(*limit))),
        Ended::Flooded(most) => Heard::Failed(format!("printed more than {most} bytes")),
        Ended::NotRun(problem) => Heard::Failed(format!("could not be run: {problem}")),
        Ended::Cut => Heard::Failed("was ended, because this plugin is being stopped or replaced".to_owned()),
    }
}

fn seconds(time: Duration) -> String {
    let millis = time.as_millis();
    if millis.is_multiple_of(1_000) { format!("{} s", millis / 1_000) } else { format!("{millis} ms") }
}

/// What somebody said that goes on to a model.
fn bounded(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}\n[what follows is left out]", &text[..end]),
        None => text.to_owned(),
    }
}

fn reason(text: &str, otherwise: &str) -> String {
    let text = bounded(text);
    if text.is_empty() { otherwise.to_owned() } else { text }
}

fn printed(occasion: Occasion, out: &str) -> Heard {
    if out.starts_with('{') {
        let read = serde_json::from_str::<Map<String, Value>>(out);
        let said =
            read.map_err(|error| format!("no JSON: {error}")).and_then(|object| said(occasion, &object));
        return match said {
            Ok(said) => Heard::Said(Box::new(said)),
            Err(problem) => Heard::Failed(format!("printed {problem}")),
        };
    }
    let context = Some(bounded(out)).filter(|words| !words.is_empty() && occasion.reads_words());
    Heard::Said(Box::new(Said { context, ..Said::default() }))
}

/// What an object says. Fields that are not known say nothing; a known one with another value than the known ones is an error,
/// since it may have been meant as a no.
fn said(occasion: Occasion, object: &Map<String, Value>) -> Result<Said, String> {
    let mut said = Said { tells: text(object, "systemMessage")?.map(bounded), ..Said::default() };
    match object.get("continue") {
        None | Some(Value::Null | Value::Bool(true)) => {}
        Some(Value::Bool(false)) => {
            said.stop = Some(reason(text(object, "stopReason")?.unwrap_or_default(), "without a reason"));
        }
        Some(other) => return Err(unknown("continue", other)),
    }
    let why = || Ok::<_, String>(reason(text(object, "reason")?.unwrap_or_default(), "without a reason"));
    match object.get("decision") {
        None | Some(Value::Null) => {}
        Some(Value::String(word)) if word == "block" => said.verdict = Some(Verdict::Block(why()?)),
        Some(Value::String(word)) if word == "approve" => said.verdict = Some(Verdict::Allow),
        Some(other) => return Err(unknown("decision", other)),
    }
    match object.get("hookSpecificOutput") {
        None | Some(Value::Null) => {}
        Some(Value::Object(specific)) => said_specifically(occasion, specific, &mut said)?,
        Some(other) => return Err(unknown("hookSpecificOutput", other)),
    }
    // The context of a hook may also stand where older ones have it.
    if said.context.is_none() {
        said.context = text(object, "additionalContext")?.map(bounded).filter(|words| !words.is_empty());
    }
    Ok(said)
}

fn said_specifically(
    occasion: Occasion,
    specific: &Map<String, Value>,
    said: &mut Said,
) -> Result<(), String> {
    if let Some(name) = text(specific, "hookEventName")?
        && name != occasion.name()
    {
        return Err(format!("what is meant for `{}`, not for `{}`", legible(name, 40), occasion.name()));
    }
    said.context = text(specific, "additionalContext")?.map(bounded).filter(|words| !words.is_empty());
    match occasion {
        Occasion::PreToolUse => said_of_a_call(specific, said),
        Occasion::PermissionRequest => said_of_a_question(specific, said),
        _ => Ok(()),
    }
}

fn said_of_a_call(specific: &Map<String, Value>, said: &mut Said) -> Result<(), String> {
    let why = text(specific, "permissionDecisionReason")?.unwrap_or_default();
    let verdict = match specific.get("permissionDecision") {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) => Some(match word.as_str() {
            "allow" => Verdict::Allow,
            "ask" => Verdict::Ask(reason(why, "")),
            "deny" => Verdict::Block(reason(why, "without a reason")),
            _ => return Err(unknown("permissionDecision", &Value::String(word.clone()))),
        }),
        Some(other) => return Err(unknown("permissionDecision", other)),
    };
    said.verdict = stricter(said.verdict.take(), verdict);
    match specific.get("updatedInput") {
        None | Some(Value::Null) => {}
        Some(input @ Value::Object(_)) => said.input = Some(input.clone()),
        Some(other) => return Err(unknown("updatedInput", other)),
    }
    Ok(())
}

fn said_of_a_question(specific: &Map<String, Value>, said: &mut Said) -> Result<(), String> {
    let decision = match specific.get("decision") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(decision)) => decision,
        Some(other) => return Err(unknown("decision", other)),
    };
    let why = text(decision, "message")?.unwrap_or_default();
    let verdict = match text(decision, "behavior")? {
        Some("allow") => Verdict::Allow,
        Some("deny") => Verdict::Block(reason(why, "without a reason")),
        _ => return Err(unknown("behavior", decision.get("behavior").unwrap_or(&Value::Null))),
    };
    // A person is asked about what is going to run: behind the question nothing of it can change.
    if verdict == Verdict::Allow && decision.get("updatedInput").is_some_and(|input| !input.is_null()) {
        return Err("`updatedInput`, which a question that is asked already cannot take".to_owned());
    }
    if decision.get("interrupt") == Some(&Value::Bool(true)) {
        said.stop = Some(reason(why, "without a reason"));
    }
    said.verdict = stricter(said.verdict.take(), Some(verdict));
    Ok(())
}

/// The stricter of two; the first of two that are equally strict.
pub(crate) fn stricter(first: Option<Verdict>, second: Option<Verdict>) -> Option<Verdict> {
    match (first, second) {
        (Some(first), Some(second)) if second.strictness() > first.strictness() => Some(second),
        (None, second) => second,
        (first, _) => first,
    }
}

fn text<'a>(object: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, String> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(unknown(field, other)),
    }
}

fn unknown(field: &str, value: &Value) -> String {
    format!("a `{field}` that nobody knows: `{}`", legible(&value.to_string(), 60))
}

#[cfg(test)]
mod tests;
