//! What somebody may choose for a conversation: how that is checked, and how it stands in the log.

use serde_json::Value;
use transom_agent::conversation::{Status, Update};
use transom_agent::message::Chunk;
use transom_agent::refusal::shown;
use transom_agent::workspace::DEFAULT_WORKSPACE;
use transom_plugin_api::{CallError, Json, Maybe, Text};

use crate::identity::check_workspace_id;
use crate::status;
use crate::title::plain;
use crate::word::word_of;

/// The most bytes of a choice.
const LONGEST: usize = 4_096;

/// One choice; `None` takes it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Whether the conversation is put away.
    Closed(bool),
    Title(Option<String>),
    Cwd(Option<String>),
    Model(Option<String>),
    ReasoningEffort(Option<String>),
    Workspace(Option<String>),
}

impl Setting {
    /// What an update asks for, checked.
    ///
    /// # Errors
    /// `InvalidInput` with the name of the field.
    pub(crate) fn all_of(update: &Update) -> Result<Vec<Self>, CallError> {
        let mut settings = Vec::new();
        if let Maybe::Some(wanted) = &update.status {
            settings.push(Self::Closed(closes(wanted)?));
        }
        let mut add = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                settings.extend(Self::checked(name, (!value.is_empty()).then(|| value.to_owned()))?);
            }
            Ok::<_, CallError>(())
        };
        let title = update.title.as_deref().map(|title| clean("title", title)).transpose()?;
        add("title", title.as_deref())?;
        add("cwd", text(&update.cwd))?;
        add("model", text(&update.model))?;
        let effort = update.reasoning_effort.as_ref().map(word_of);
        add("reasoningEffort", effort.as_deref())?;
        add("workspaceId", text(&update.workspace_id))?;
        Ok(settings)
    }

    /// What a chunk of the log says; `None` for a name that only a later revision knows.
    ///
    /// # Errors
    /// `InvalidInput` when it is none of what may be chosen under that name.
    pub(crate) fn read(name: &str, value: &Json) -> Result<Option<Self>, CallError> {
        match (name, value.value()) {
            ("status", Value::String(word)) => {
                let wanted = status::named(&word).map(|status| closes(&status)).transpose()?;
                let unknown =
                    || CallError::invalid_input(format!("`status` is set to `{}`", word.escape_debug()));
                wanted.map(|closed| Some(Self::Closed(closed))).ok_or_else(unknown)
            }
            ("status", _) => Err(CallError::invalid_input("`status` is set to no text")),
            (_, Value::String(text)) if !text.is_empty() => Self::checked(name, Some(text)),
            (_, Value::String(_) | Value::Null) => Self::checked(name, None),
            _ => match Self::checked(name, None)? {
                Some(_) => {
                    Err(CallError::invalid_input(format!("`{name}` is set to neither text nor `null`")))
                }
                None => Ok(None),
            },
        }
    }

    fn checked(name: &str, value: Option<String>) -> Result<Option<Self>, CallError> {
        if let Some(value) = &value {
            check_length(name, value)?;
            match name {
                "title" => check_not_blank(name, value)?,
                "cwd" => check_absolute(name, value)?,
                "workspaceId" => check_workspace_id(name, value)?,
                _ => {}
            }
        }
        Ok(Some(match name {
            "title" => Self::Title(value),
            "cwd" => Self::Cwd(value),
            "model" => Self::Model(value),
            "reasoningEffort" => Self::ReasoningEffort(value),
            "workspaceId" => Self::Workspace(value.filter(|id| id != DEFAULT_WORKSPACE)),
            _ => return Ok(None),
        }))
    }

    /// How it stands in the log.
    pub(crate) fn chunk(&self) -> Chunk {
        let (name, value) = match self {
            Self::Closed(closed) => {
                let status = if *closed { Status::Closed } else { Status::Idle };
                ("status", Value::from(status::name_of(&status)))
            }
            Self::Title(title) => ("title", Value::from(title.clone())),
            Self::Cwd(cwd) => ("cwd", Value::from(cwd.clone())),
            Self::Model(model) => ("model", Value::from(model.clone())),
            Self::ReasoningEffort(effort) => ("reasoningEffort", Value::from(effort.clone())),
            Self::Workspace(workspace) => ("workspaceId", Value::from(workspace.clone())),
        };
        Chunk::Setting { name: name.into(), value: value.into() }
    }
}

fn text(field: &Maybe<Text>) -> Option<&str> {
    field.as_ref().map(Text::as_str)
}

fn closes(status: &Status) -> Result<bool, CallError> {
    match status {
        Status::Closed => Ok(true),
        Status::Idle => Ok(false),
        other => {
            let name = status::name_of(other).escape_debug();
            let known = "expected `idle` or `closed`; that a conversation is active follows from its turns";
            Err(CallError::invalid_input(format!("`status` is `{name}`, {known}")))
        }
    }
}

/// Refuses what is too long to be kept with every conversation.
pub(crate) fn check_length(field: &str, value: &str) -> Result<(), CallError> {
    if value.len() <= LONGEST {
        return Ok(());
    }
    let length = value.len();
    Err(CallError::invalid_input(format!("`{field}` has {length} bytes, expected at most {LONGEST}")))
}

/// A title as it is kept; an empty one stays so.
///
/// # Errors
/// `InvalidInput` when there is something in it and none of that shows.
pub(crate) fn clean(field: &str, title: &str) -> Result<String, CallError> {
    if title.is_empty() {
        return Ok(String::new());
    }
    check_length(field, title)?;
    let clean = plain(title).trim().to_owned();
    check_not_blank(field, &clean).map(|()| clean)
}

/// Refuses a title that shows nothing.
fn check_not_blank(field: &str, value: &str) -> Result<(), CallError> {
    if value.trim().is_empty() {
        return Err(CallError::invalid_input(format!(
            "`{field}` is blank, expected some words, or nothing at all"
        )));
    }
    Ok(())
}

/// Refuses a folder that depends on where the host was started.
fn check_absolute(field: &str, value: &str) -> Result<(), CallError> {
    if value.starts_with('/') {
        return Ok(());
    }
    let shown = shown(value, 80);
    Err(CallError::invalid_input(format!("`{field}` is `{shown}`, expected an absolute path")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(outcome: Result<impl std::fmt::Debug, CallError>) -> String {
        outcome.expect_err("refused").message.into_string()
    }

    #[test]
    fn every_setting_is_read_as_it_was_written() {
        let some = || Some("/a".to_owned());
        let settings = [
            Setting::Closed(true),
            Setting::Closed(false),
            Setting::Title(some()),
            Setting::Title(None),
            Setting::Cwd(some()),
            Setting::Model(None),
            Setting::Model(some()),
            Setting::ReasoningEffort(some()),
            Setting::Workspace(Some("a-1".to_owned())),
            Setting::Workspace(None),
        ];
        for setting in settings {
            let Chunk::Setting { name, value } = setting.chunk() else { panic!("a setting") };
            assert_eq!(Setting::read(&name, &value), Ok(Some(setting)));
        }
    }

    #[test]
    fn what_cannot_be_chosen_is_refused_with_its_field() {
        let read = |name: &str, value: Value| refusal(Setting::read(name, &value.into()));
        assert_eq!(read("title", json!("  ")), "`title` is blank, expected some words, or nothing at all");
        assert_eq!(read("cwd", json!("a/b")), "`cwd` is `a/b`, expected an absolute path");
        assert_eq!(read("model", json!(1)), "`model` is set to neither text nor `null`");
        assert_eq!(read("status", json!("gone")), "`status` is set to `gone`");
        assert!(
            read("status", json!("active")).starts_with("`status` is `active`, expected `idle` or `closed`")
        );
        assert!(read("model", json!("x".repeat(4_097))).starts_with("`model` has 4097 bytes"));
        assert!(read("workspaceId", json!("A")).starts_with("`workspaceId` is `A`"));
    }

    #[test]
    fn a_name_of_a_later_revision_is_left_alone() {
        assert_eq!(Setting::read("mood", &json!({"a": 1}).into()), Ok(None));
        assert_eq!(Setting::read("mood", &json!("good").into()), Ok(None));
    }
}
