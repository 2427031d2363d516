//! What an operator asks of the rules, whichever way: a listing, a new one, one less, and what would become of a call.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use transom_agent::body::unexpected;
use transom_agent::refusal::{check_conversation_id, shown};
use transom_agent::tool::{GatedCall, Verdict};
use transom_plugin_api::{CallError, Json, Maybe, Text};

use crate::PermissionsPorts;
use crate::catalogue::Catalogue;
use crate::gate::{Manner, acts_of};
use crate::grounds;
use crate::judge::{Judged, judge};
use crate::keeper::Keeper;
use crate::kept::{Kept, Scope};
use crate::offer::Asked;
use crate::rule::{Decision, Rule};
use crate::ruleset::Tool;

/// Characters of what somebody wrote that a refusal shows.
const SHOWN: usize = 200;
/// Conversations with rules of their own that a listing names.
const MOST_CONVERSATIONS: usize = 100;

/// The rules, and how they are asked about.
pub(crate) struct Office {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) manner: Manner,
    pub(crate) ports: PermissionsPorts,
}

/// What is to become of calls, and where: as an operator says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) decision: Decision,
    pub(crate) rule: &'a str,
    pub(crate) folder: Option<&'a str>,
    pub(crate) conversation: Option<&'a str>,
}

impl Office {
    /// All rules, or those that hold in a folder or a conversation.
    ///
    /// # Errors
    /// When a folder or conversation cannot be meant, and when its rules cannot be read.
    pub(crate) async fn list(
        &self,
        folder: Option<&str>,
        conversation: Option<&str>,
    ) -> Result<Value, CallError> {
        let cwd = match folder {
            Some(folder) => Some(self.folder(folder).await?),
            None => None,
        };
        let mut kept = self.keeper.rules();
        if let Some(cwd) = &cwd {
            kept.retain(|rule| rule.holds_in(cwd));
        }
        if let Some(conversation) = conversation {
            check_conversation_id("conversationId", conversation)?;
            kept.extend(self.keeper.of_conversation(conversation).await?);
        }
        let of_settings = self.keeper.settings.iter();
        let tools = Catalogue::of(&self.ports.tools);
        let of_settings = of_settings
            .map(|(decision, rule)| warned(json!({"decision": decision, "rule": rule}), &tools, rule));
        let conversations = self.keeper.conversations().await?;
        let shown: Vec<&String> = conversations.iter().take(MOST_CONVERSATIONS).collect();
        Ok(json!({
            "otherwise": self.manner.otherwise,
            "answerWithinMs": self.manner.answer_within_ms,
            "settings": of_settings.collect::<Vec<_>>(),
            "rules": kept.iter().map(|kept| warned(kept.told(), &tools, &kept.rule)).collect::<Vec<_>>(),
            "conversations": shown,
            "conversationCount": conversations.len(),
        }))
    }

    /// Adds a rule, which holds when this returns, and tells it as programs are told, with what a person should know of it.
    ///
    /// # Errors
    /// When it is none, or cannot be kept.
    pub(crate) async fn add(&self, wish: Wish<'_>) -> Result<Value, CallError> {
        let rule: Rule = wish.rule.parse()?;
        let scope = match (wish.folder, wish.conversation) {
            (None, None) => Scope::Everywhere,
            (Some(folder), None) => Scope::Folder(self.folder(folder).await?),
            (None, Some(conversation)) => {
                check_conversation_id("conversationId", conversation)?;
                // A rule must not lie in wait for a conversation that comes.
                self.ports.find.call(conversation.into()).await?;
                Scope::Conversation(conversation.to_owned())
            }
            (Some(_), Some(_)) => {
                return Err(CallError::invalid_input(
                    "a rule holds in a folder or in a conversation, not in both",
                ));
            }
        };
        let at = self.keeper.host.now_ms();
        let kept = Kept { decision: wish.decision, rule, scope, plugin: None, at, reads_quotes: true };
        self.keeper.keep(vec![kept.clone()]).await?;
        Ok(warned(kept.told(), &Catalogue::of(&self.ports.tools), &kept.rule))
    }

    /// Forgets a rule.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id.
    pub(crate) async fn forget(&self, id: &str) -> Result<(), CallError> {
        if self.keeper.forget(id).await? {
            return Ok(());
        }
        let id = shown(id, SHOWN);
        Err(CallError::not_found(format!(
            "no rule with the id `{id}` is kept; those of the settings stand in the manifest"
        )))
    }

    /// What would become of a call.
    ///
    /// # Errors
    /// When there is no such tool, or the place cannot be meant.
    pub(crate) async fn check(
        &self,
        tool: &str,
        input: Value,
        folder: &str,
        conversation: Option<&str>,
    ) -> Result<Value, CallError> {
        let cwd = self.folder(folder).await?;
        let served = self.ports.tools.names().into_iter().find(|served| served.name == tool);
        let served = served
            .ok_or_else(|| CallError::not_found(format!("there is no tool `{}`", shown(tool, SHOWN))))?;
        let call = GatedCall {
            tool_call_id: Text::default(),
            tool_name: tool.into(),
            input: Json::from(input),
            verdict: Verdict::Allow {},
            plugin: served.plugin,
            effects: served.about.effects,
            answered: Maybe::None,
            judged: false,
        };
        let conversation = conversation.unwrap_or_default();
        let layers = self.keeper.layers(conversation, &cwd).await?;
        let (looked, place) = (call.clone(), cwd.clone());
        let acts = self.keeper.host.blocking(move || acts_of(&looked, &place)).await;
        let acts = acts.map_err(|error| CallError::unavailable(error.to_string()))?;
        let judged = Judged { tool: Tool { name: tool, plugin: &call.plugin }, acts: &acts, cwd: &cwd };
        let judgement = judge(&layers.all(), judged, self.manner.otherwise);
        let of_conversation = self.keeper.of_conversation(conversation).await?;
        let kept = grounds::holding(self.keeper.rules(), of_conversation, &cwd);
        let by = grounds::rules(&layers.all(), judged, &judgement)
            .into_iter()
            .filter_map(|rule| grounds::source(&self.keeper, &kept, judgement.decision, &rule, &call.plugin));
        let by: Vec<Value> = by.collect();
        let mut told = json!({"decision": judgement.decision, "rule": by.first().map(|by| &by["rule"])});
        if by.is_empty() {
            told["reason"] = grounds::without_rule(judged, judgement.decision).into();
        }
        told["by"] = by.into();
        if judgement.decision == Decision::Ask {
            let asked =
                Asked { tool, plugin: &call.plugin, acts: &acts, input: call.input.as_str(), cwd: &cwd };
            told["question"] = asked.text().into();
        }
        Ok(told)
    }

    /// A folder as turns know it.
    async fn folder(&self, written: &str) -> Result<PathBuf, CallError> {
        let path = PathBuf::from(written);
        if !path.is_absolute() {
            let shown = shown(written, SHOWN);
            return Err(CallError::invalid_input(format!(
                "`folder` is `{shown}`, expected an absolute path, such as `\"$PWD\"` in a shell"
            )));
        }
        let resolved = self.keeper.host.blocking(move || path.canonicalize()).await?;
        resolved.map_err(|error| {
            CallError::invalid_input(format!("`folder` is `{}`: {error}", shown(written, SHOWN)))
        })
    }
}

/// A rule as it is told, with what a person should know of it.
fn warned(mut told: Value, tools: &Catalogue, rule: &Rule) -> Value {
    if let Some(warning) = tools.warning(rule) {
        told["warning"] = warning.into();
    }
    told
}

/// A field that holds text, if it is there.
///
/// # Errors
/// When it holds something else.
pub(crate) fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, CallError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(unexpected(name, other, "text")),
    }
}

/// The decision that a word stands for.
///
/// # Errors
/// When it stands for none.
pub(crate) fn decision(word: &str) -> Result<Decision, CallError> {
    Decision::of_word(word).ok_or_else(|| {
        let shown = shown(word, SHOWN);
        CallError::invalid_input(format!("field `decision` is `{shown}`, expected `allow`, `ask` or `deny`"))
    })
}
