//! [`Kept`]: a rule that somebody has added since the settings were written, with where it holds.
//!
//! | key | value |
//! |---|---|
//! | `rule/<id>` | one that holds everywhere, or in a folder |
//! | `c/<conversation>/rule/<id>` | one of a conversation; it goes with it |

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use transom_agent::storage::{StorageRow, StorageWrite};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Json, Maybe, Text};

use crate::rule::{Decision, Rule};
use crate::ruleset::Entry;

/// What the keys of rules begin with.
pub(crate) const RULES: &str = "rule/";
/// What the keys of rules of conversations begin with.
pub(crate) const CONVERSATIONS: &str = "c/";
/// Digits of an id.
const ID_DIGITS: usize = 12;

/// Where a rule holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Scope {
    Everywhere,
    /// In turns that work in this folder or below it; relative paths begin there.
    Folder(PathBuf),
    Conversation(String),
}

/// A rule that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) decision: Decision,
    pub(crate) rule: Rule,
    pub(crate) scope: Scope,
    /// The plugin whose tools are meant, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plugin: Option<String>,
    /// When it was added, in milliseconds since the epoch.
    pub(crate) at: i64,
    /// Whether quotes were read in patterns when it was added.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) reads_quotes: bool,
}

impl Kept {
    /// Its name: the same for the same rule at the same place.
    pub(crate) fn id(&self) -> String {
        let (decision, rule) = (self.decision.word(), self.rule.to_string());
        let what = json!([decision, rule, self.scope, self.plugin]).to_string();
        let mut id = String::new();
        for byte in Sha256::digest(what.as_bytes()).iter().take(ID_DIGITS / 2) {
            // Writing to a string cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        id
    }

    /// The write that keeps it.
    pub(crate) fn write(&self) -> StorageWrite {
        let row = Json::of(self).expect("texts and numbers can be written as JSON");
        StorageWrite { key: self.key(), value: Maybe::Some(row) }
    }

    /// The write that forgets it.
    pub(crate) fn forget(&self) -> StorageWrite {
        StorageWrite { key: self.key(), value: Maybe::None }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// When it cannot be meant.
    pub(crate) fn of_row(row: &StorageRow) -> Result<Self, CallError> {
        row.value
            .read::<Self>()
            .map_err(|error| CallError::failed(format!("what is kept as `{}` is no rule: {error}", row.key)))
    }

    fn key(&self) -> Text {
        let id = self.id();
        match &self.scope {
            Scope::Conversation(conversation) => format!("{}{id}", of_conversation(conversation)).into(),
            Scope::Everywhere | Scope::Folder(_) => format!("{RULES}{id}").into(),
        }
    }

    /// As a set of rules takes it; `None` for one that does not hold any more.
    pub(crate) fn entry(&self) -> Option<Entry<'_>> {
        let entry = Entry { decision: self.decision, rule: &self.rule, plugin: self.plugin.as_deref() };
        (!self.is_outdated() || sabotaged("read-quotes-into-old-answers")).then_some(entry)
    }

    /// Whether it is an answer with quotes in it from when those were characters as others: as they are read now it would mean calls that
    /// nobody was asked about.
    fn is_outdated(&self) -> bool {
        let has_quotes = self.rule.pattern.as_ref().is_some_and(|pattern| pattern.contains(['\'', '"']));
        has_quotes && self.plugin.is_some() && !self.reads_quotes
    }

    /// As it is told to a program.
    pub(crate) fn told(&self) -> Value {
        let mut told = json!({
            "id": self.id(),
            "decision": self.decision,
            "rule": self.rule,
            "at": self.at,
        });
        let (field, value) = match &self.scope {
            Scope::Everywhere => return told,
            Scope::Folder(folder) => ("folder", folder.display().to_string()),
            Scope::Conversation(id) => ("conversationId", id.clone()),
        };
        told[field] = value.into();
        if self.is_outdated() {
            told["warning"] = "it is from when rules had no quotes, and does not hold; answer anew".into();
        }
        if let Some(plugin) = &self.plugin {
            told["plugin"] = plugin.as_str().into();
        }
        told
    }

    /// Whether it holds for turns that work in a folder.
    pub(crate) fn holds_in(&self, cwd: &Path) -> bool {
        match &self.scope {
            Scope::Everywhere => true,
            Scope::Folder(folder) => cwd.starts_with(folder),
            Scope::Conversation(_) => false,
        }
    }
}

/// What the keys of a conversation's rules begin with.
pub(crate) fn of_conversation(conversation: &str) -> String {
    format!("{CONVERSATIONS}{conversation}/{RULES}")
}
