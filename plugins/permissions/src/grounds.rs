//! Why a call comes to what it comes to: the rules and remembered answers that say so, or that none speaks of it.

use serde_json::{Value, json};

use crate::act::Act;
use crate::judge::{Judged, Judgement, Layer, allowing, is_harmless, judge};
use crate::keeper::Keeper;
use crate::kept::{Kept, Scope};
use crate::offer::legible;
use crate::rule::Decision;

/// The rules by which a call comes to its judgement: the one that asks or forbids, or all that allow it together.
pub(crate) fn rules(layers: &[Layer<'_>], call: Judged<'_>, judgement: &Judgement) -> Vec<String> {
    match (&judgement.rule, judgement.decision) {
        (Some(rule), _) => vec![rule.clone()],
        // Some of it may be allowed by what holds where no rule speaks.
        (None, Decision::Allow) if judge(layers, call, Decision::Ask).decision == Decision::Allow => {
            allowing(layers, call)
        }
        (None, _) => Vec::new(),
    }
}

/// Where a rule comes from that means the tools of this plugin, among those that hold, as it is told to a program.
pub(crate) fn source(
    keeper: &Keeper,
    kept: &[Kept],
    decision: Decision,
    rule: &str,
    plugin: &str,
) -> Option<Value> {
    let is_it = |other: Decision, text: String| other == decision && text == rule;
    let mut of_settings = keeper.settings.iter();
    if of_settings.any(|(decision, rule)| is_it(*decision, rule.to_string())) {
        return Some(json!({"decision": decision, "rule": rule, "from": "settings"}));
    }
    let is_meant = |kept: &&Kept| {
        is_it(kept.decision, kept.rule.to_string()) && kept.plugin.as_deref().is_none_or(|of| of == plugin)
    };
    kept.iter().find(is_meant).map(|kept| {
        let mut told = kept.told();
        told["from"] = if kept.plugin.is_some() { "answer" } else { "rule" }.into();
        told
    })
}

/// Why a call runs or does not, where no rule says so.
pub(crate) fn without_rule(call: Judged<'_>, decision: Decision) -> Option<&'static str> {
    match decision {
        Decision::Ask => None,
        Decision::Deny => Some("no rule allows it, and `otherwise` is `deny`"),
        Decision::Allow if call.acts.is_empty() => Some("it does nothing outside of the host"),
        Decision::Allow if call.acts.iter().all(|act: &Act| is_harmless(call, act)) => {
            Some("it reads below the folder")
        }
        Decision::Allow => Some("no rule speaks of it, and `otherwise` is `allow`"),
    }
}

/// A [`source`], for a person.
pub(crate) fn sentence(source: &Value) -> String {
    let text = |name: &str| source[name].as_str().unwrap_or_default();
    let rule = legible(text("rule"));
    let what = match text("from") {
        "settings" => return format!("the rule `{rule}` of the settings"),
        "answer" => "the remembered answer",
        _ => "the rule",
    };
    let place = match (text("folder"), text("conversationId")) {
        ("", "") => String::new(),
        ("", conversation) => format!(" of conversation {conversation}"),
        (folder, _) => format!(" in {}", legible(folder)),
    };
    format!("{what} `{rule}`{place} ({})", text("id"))
}

/// The rules that hold in a folder and a conversation.
pub(crate) fn holding(rules: Vec<Kept>, of_conversation: Vec<Kept>, cwd: &std::path::Path) -> Vec<Kept> {
    let is_held = |kept: &Kept| match kept.scope {
        Scope::Conversation(_) => true,
        Scope::Everywhere | Scope::Folder(_) => kept.holds_in(cwd),
    };
    rules.into_iter().chain(of_conversation).filter(is_held).collect()
}
