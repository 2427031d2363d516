//! [`HooksFile`]: a file of hooks, read as a whole or not at all.

use std::time::Duration;

use serde_json::{Map, Value};
use transom_agent::nearest::nearest;
use transom_plugin_api::sabotage::sabotaged;

use crate::fields;
use crate::legible::legible;
use crate::matcher::Matcher;
use crate::occasion::{self, Occasion};

/// Hooks of a file, and groups of them.
pub(crate) const MOST_HOOKS: usize = 200;
/// Events without a place that are told, and problems.
const MOST_TOLD: usize = 20;
/// Characters of what somebody wrote that a complaint shows.
const SHOWN: usize = 60;

/// What a file asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct HooksFile {
    /// In their order.
    pub(crate) hooks: Vec<Hook>,
    /// Events that have no place here, by their names.
    pub(crate) unsupported: Vec<String>,
    /// What in it does not do what somebody may think it does, as sentences.
    pub(crate) problems: Vec<String>,
    groups: usize,
}

/// One hook.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) occasion: Occasion,
    pub(crate) matcher: Matcher,
    /// The matcher as it stands in the file.
    pub(crate) written: String,
    pub(crate) action: Action,
    pub(crate) timeout: Option<Duration>,
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It runs a command.
    Command(String),
    /// It is of a type that has no place here.
    Unsupported(String),
    /// It runs a command that would be another one without this field, which has no place here.
    Beyond { command: String, field: &'static str },
}

impl Action {
    /// What it is known by: its command, or its type.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Command(word) | Self::Unsupported(word) | Self::Beyond { command: word, .. } => word,
        }
    }
}

impl HooksFile {
    /// Reads a file; one without hooks asks for nothing.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let whole: Value =
            serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
        let whole = object(&whole, "the file")?;
        let mut read = Self::default();
        if whole.get("disableAllHooks") == Some(&Value::Bool(true)) {
            return Ok(read);
        }
        if let Some(problem) = fields::misplaced(whole)
            && !sabotaged("hooks-overlook-what-is-misplaced")
        {
            return Err(problem);
        }
        match whole.get("hooks") {
            None | Some(Value::Null) => Ok(read),
            Some(events) => {
                for (event, groups) in object(events, "`hooks`")? {
                    read.take(event, groups)?;
                }
                Ok(read)
            }
        }
    }

    fn take(&mut self, event: &str, groups: &Value) -> Result<(), String> {
        let Some(occasion) = Occasion::named(event) else {
            self.pass_over(event);
            return Ok(());
        };
        for group in list(groups, &format!("`{event}`"))? {
            let group = object(group, &format!("a group of `{event}`"))?;
            let written = matcher_of(group, event)?;
            let matcher = Matcher::read(written);
            self.groups += 1;
            if self.groups > MOST_HOOKS {
                return Err(format!("it has more than {MOST_HOOKS} groups of hooks"));
            }
            self.tell(fields::of_group(group, event));
            self.tell(matcher.dead_letter(occasion));
            self.tell(matcher.miscased(written, occasion));
            let hooks = group.get("hooks").ok_or_else(|| format!("a group of `{event}` has no `hooks`"))?;
            for hook in list(hooks, &format!("`hooks` of `{event}`"))? {
                if self.hooks.len() >= MOST_HOOKS {
                    return Err(format!("it has more than {MOST_HOOKS} hooks"));
                }
                let hook = object(hook, &format!("a hook of `{event}`"))?;
                let (action, timeout) = hook_of(hook, event)?;
                if matches!(action, Action::Command(_)) {
                    self.tell(fields::of_hook(hook, event));
                }
                let (matcher, written) = (matcher.clone(), written.to_owned());
                self.hooks.push(Hook { occasion, matcher, written, action, timeout });
            }
        }
        Ok(())
    }

    fn tell(&mut self, problems: impl IntoIterator<Item = String>) {
        let room = MOST_TOLD.saturating_sub(self.problems.len());
        self.problems.extend(problems.into_iter().take(room));
    }

    /// Tells of an event that has no place here: newer versions of the format may have it, or nobody.
    fn pass_over(&mut self, event: &str) {
        let shown = legible(event, SHOWN);
        let near = nearest(event, Occasion::ALL.into_iter().map(Occasion::name));
        self.tell([match near.first() {
            _ if occasion::ELSEWHERE.contains(&event) => {
                format!("hooks for `{shown}` do not run: the event has no place here")
            }
            Some(near) => {
                format!("hooks for `{shown}` do not run: nobody knows that event; did you mean `{near}`?")
            }
            None => format!("hooks for `{shown}` do not run: nobody knows that event"),
        }]);
        if self.unsupported.len() < MOST_TOLD {
            self.unsupported.push(shown);
        }
    }
}

fn matcher_of<'a>(group: &'a Map<String, Value>, event: &str) -> Result<&'a str, String> {
    match group.get("matcher") {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(written)) => Ok(written),
        Some(_) => Err(format!("a `matcher` of `{event}` is no text")),
    }
}

fn hook_of(hook: &Map<String, Value>, event: &str) -> Result<(Action, Option<Duration>), String> {
    let text = |field: &str| match hook.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(format!("`{field}` of a hook of `{event}` is no text")),
    };
    let timeout = match hook.get("timeout").filter(|timeout| !timeout.is_null()) {
        None => None,
        Some(written) => Some(seconds(written).ok_or_else(|| {
            format!(
                "`timeout` of a hook of `{event}` is `{}`, expected seconds",
                legible(&written.to_string(), SHOWN)
            )
        })?),
    };
    match text("type")?.unwrap_or("command") {
        "command" => match text("command")?.filter(|command| !command.trim().is_empty()) {
            // No program can be given what holds a NUL.
            Some(command) if !command.contains('\0') => {
                let command = command.to_owned();
                Ok(match fields::beyond(hook) {
                    Some(field) => (Action::Beyond { command, field }, timeout),
                    None => (Action::Command(command), timeout),
                })
            }
            _ => Err(format!("a hook of `{event}` has no `command`")),
        },
        other => Ok((Action::Unsupported(legible(other, SHOWN)), timeout)),
    }
}

fn seconds(written: &Value) -> Option<Duration> {
    let seconds = written.as_f64().filter(|seconds| *seconds > 0.0)?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{what} is no object"))
}

fn list<'a>(value: &'a Value, what: &str) -> Result<&'a Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("{what} is no list"))
}

#[cfg(test)]
mod tests;
