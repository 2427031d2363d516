//! [`HooksFile`]: a file of hooks, read as a whole or not at all.

use std::time::Duration;

use serde_json::{Map, Value};
use transom_agent::refusal::shown;

use crate::matcher::Matcher;
use crate::occasion::Occasion;

/// Hooks of a file, and groups of them.
pub(crate) const MOST_HOOKS: usize = 200;
/// Events without a place that are told.
const MOST_UNSUPPORTED: usize = 20;
/// Characters of what somebody wrote that a complaint shows.
const SHOWN: usize = 60;

/// What a file asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct HooksFile {
    /// In their order.
    pub(crate) hooks: Vec<Hook>,
    /// Events that have no place here, by their names.
    pub(crate) unsupported: Vec<String>,
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
}

impl Action {
    /// What it is known by: its command, or its type.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Command(word) | Self::Unsupported(word) => word,
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
            if self.unsupported.len() < MOST_UNSUPPORTED {
                self.unsupported.push(shown(event, SHOWN));
            }
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
            let hooks = group.get("hooks").ok_or_else(|| format!("a group of `{event}` has no `hooks`"))?;
            for hook in list(hooks, &format!("`hooks` of `{event}`"))? {
                if self.hooks.len() >= MOST_HOOKS {
                    return Err(format!("it has more than {MOST_HOOKS} hooks"));
                }
                let (action, timeout) = hook_of(object(hook, &format!("a hook of `{event}`"))?, event)?;
                let (matcher, written) = (matcher.clone(), written.to_owned());
                self.hooks.push(Hook { occasion, matcher, written, action, timeout });
            }
        }
        Ok(())
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
                shown(&written.to_string(), SHOWN)
            )
        })?),
    };
    match text("type")?.unwrap_or("command") {
        "command" => match text("command")?.filter(|command| !command.trim().is_empty()) {
            // No program can be given what holds a NUL.
            Some(command) if !command.contains('\0') => Ok((Action::Command(command.to_owned()), timeout)),
            _ => Err(format!("a hook of `{event}` has no `command`")),
        },
        other => Ok((Action::Unsupported(shown(other, SHOWN)), timeout)),
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
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<HooksFile, String> {
        HooksFile::read(value.to_string().as_bytes())
    }

    fn with(hook: &Value) -> Result<HooksFile, String> {
        read(&json!({"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [hook]}]}}))
    }

    #[test]
    fn a_file_is_read_in_its_order_with_matchers_and_times() {
        let file = read(&json!({"model": "x", "hooks": {
            "PreToolUse": [
                {"matcher": "Edit|Write", "hooks": [
                    {"type": "command", "command": "a", "timeout": 5},
                    {"command": "b", "timeout": 0.5},
                ]},
                {"hooks": [{"type": "prompt", "prompt": "is it well?"}]},
            ],
            "Stop": [{"hooks": [{"type": "command", "command": "c"}]}],
            "SubagentStop": [{"hooks": []}],
        }}))
        .expect("it is read");
        let told: Vec<_> =
            file.hooks.iter().map(|hook| (hook.occasion, hook.written.as_str(), hook.timeout)).collect();
        let pre = Occasion::PreToolUse;
        assert_eq!(
            told,
            [
                (pre, "Edit|Write", Some(Duration::from_secs(5))),
                (pre, "Edit|Write", Some(Duration::from_millis(500))),
                (pre, "", None),
                (Occasion::Stop, "", None),
            ]
        );
        assert_eq!(file.hooks[0].action, Action::Command("a".to_owned()));
        assert_eq!(file.hooks[2].action, Action::Unsupported("prompt".to_owned()));
        assert_eq!(file.unsupported, ["SubagentStop"]);
    }

    #[test]
    fn a_file_without_hooks_or_with_all_of_them_off_asks_for_nothing() {
        for nothing in [
            json!({}),
            json!({"permissions": {}}),
            json!({"hooks": {}}),
            json!({"disableAllHooks": true, "hooks": {"Stop": [{"hooks": [{"command": "x"}]}]}}),
        ] {
            assert!(read(&nothing).expect("it is read").hooks.is_empty(), "{nothing}");
        }
    }

    #[test]
    fn what_is_malformed_is_told_by_its_place() {
        for (file, told) in [
            (json!([]), "the file is no object"),
            (json!({"hooks": []}), "`hooks` is no object"),
            (json!({"hooks": {"Stop": {}}}), "`Stop` is no list"),
            (json!({"hooks": {"Stop": [{}]}}), "a group of `Stop` has no `hooks`"),
            (json!({"hooks": {"Stop": [{"matcher": 1, "hooks": []}]}}), "a `matcher` of `Stop` is no text"),
        ] {
            assert_eq!(read(&file).expect_err("refused"), told);
        }
        for (hook, told) in [
            (json!({}), "a hook of `PreToolUse` has no `command`"),
            (json!({"command": " "}), "a hook of `PreToolUse` has no `command`"),
            (json!({"command": "a\0b"}), "a hook of `PreToolUse` has no `command`"),
            (json!({"command": 1}), "`command` of a hook of `PreToolUse` is no text"),
            (
                json!({"command": "a", "timeout": 0}),
                "`timeout` of a hook of `PreToolUse` is `0`, expected seconds",
            ),
            (
                json!({"command": "a", "timeout": 1e300}),
                "`timeout` of a hook of `PreToolUse` is `1e300`, expected seconds",
            ),
        ] {
            let complaint = with(&hook).expect_err("refused");
            assert!(complaint == told || complaint.starts_with("`timeout` of a hook"), "{complaint}");
        }
        assert!(HooksFile::read(b"{").expect_err("refused").starts_with("it is no JSON: "));
        assert!(HooksFile::read(&[0xff]).is_err());
    }

    #[test]
    fn one_hook_beyond_the_bound_is_refused() {
        let many = |count| json!({"hooks": {"Stop": [{"hooks": vec![json!({"command": "x"}); count]}]}});
        assert_eq!(read(&many(MOST_HOOKS)).expect("it is read").hooks.len(), MOST_HOOKS);
        assert_eq!(read(&many(MOST_HOOKS + 1)).expect_err("refused"), "it has more than 200 hooks");
        let groups = |count| json!({"hooks": {"Stop": vec![json!({"matcher": "a.", "hooks": []}); count]}});
        assert!(read(&groups(MOST_HOOKS)).is_ok());
        assert_eq!(
            read(&groups(MOST_HOOKS + 1)).expect_err("refused"),
            "it has more than 200 groups of hooks"
        );
    }
}
