//! The rule: what of a request is not what it was in the one before.

#[cfg(test)]
mod tests;

use serde_json::Value;
use transom_agent::cache::{Contributor, PrefixChange};
use transom_agent::compaction::SUMMARY_ID;
use transom_plugin_api::Text;

use crate::excerpt::difference;
use crate::print::{Beginning, MessagePrint, Print, Tool};

/// Changes that are told of one request; of more only the first ones.
const MOST: usize = 50;

/// What is different, in the order in which providers read it: the model, its tools, the system prompt, what was said. Empty
/// where the second begins with all of the first, or, unless it `is_whole`, ends before that.
pub(crate) fn changes(before: &Print, after: &Print, is_whole: bool) -> Vec<PrefixChange> {
    let mut changes = of_beginning(&before.beginning, &after.beginning);
    let compared =
        if is_whole { before.messages.len() } else { before.messages.len().min(after.messages.len()) };
    changes.extend(of_history(&before.messages[..compared], &after.messages));
    changes.truncate(MOST);
    changes
}

/// What is different in front of what was said.
pub(crate) fn of_beginning(before: &Beginning, after: &Beginning) -> Vec<PrefixChange> {
    let mut changes = of_model(before, after);
    changes.extend(of_tools(&before.tools, &after.tools));
    changes.extend(of_text(
        Contributor::SystemPrompt,
        "",
        &before.system_prompt,
        &after.system_prompt,
        "the system prompt is another one",
    ));
    changes
}

fn of_model(before: &Beginning, after: &Beginning) -> Vec<PrefixChange> {
    let mut changes = Vec::new();
    if before.model != after.model {
        let told = format!("`{}` is asked and no longer `{}`", after.model, before.model);
        changes.push(whole(Contributor::Model, &after.model, &before.model, &after.model, told));
    }
    if before.effort != after.effort {
        let told = format!("the model is to think `{}` and no longer `{}`", after.effort, before.effort);
        changes.push(whole(Contributor::Model, &after.model, &before.effort, &after.effort, told));
    }
    changes
}

fn of_tools(before: &[Tool], after: &[Tool]) -> Vec<PrefixChange> {
    let find = |tools: &[Tool], name: &str| tools.iter().find(|tool| tool.name == name).cloned();
    let mut changes = Vec::new();
    for tool in before {
        match find(after, &tool.name) {
            None => {
                let told = format!("the tool `{}` is gone", tool.name);
                changes.push(whole(Contributor::Tools, &tool.name, &tool.text, "", told));
            }
            Some(now) => changes.extend(of_tool(tool, &now)),
        }
    }
    for tool in after.iter().filter(|tool| find(before, &tool.name).is_none()) {
        let told = format!("the tool `{}` is new", tool.name);
        changes.push(whole(Contributor::Tools, &tool.name, "", &tool.text, told));
    }
    if changes.is_empty() && before != after {
        let names =
            |tools: &[Tool]| tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>().join(" ");
        let told = "the tools are the same in another order";
        changes.extend(of_text(Contributor::Tools, "", &names(before), &names(after), told));
    }
    changes
}

fn of_tool(before: &Tool, after: &Tool) -> Option<PrefixChange> {
    let value = |tool: &Tool| serde_json::from_str::<Value>(&tool.text).ok();
    let is_same = || value(before).is_some_and(|one| Some(one) == value(after));
    let name = &before.name;
    (before != after).then(|| {
        let told = if is_same() {
            format!("the tool `{name}` says the same with its keys in another order")
        } else {
            format!("the tool `{name}` is described otherwise")
        };
        of_text(Contributor::Tools, name, &before.text, &after.text, &told)
    })?
}

/// The first message that is not what it was. What comes behind it is read anew in any case.
fn of_history(before: &[MessagePrint], after: &[MessagePrint]) -> Option<PrefixChange> {
    let index = (0..before.len()).find(|index| before.get(*index) != after.get(*index))?;
    let (was, number) = (&before[index], index + 1);
    if let Some(now) = after.get(index).filter(|now| now.id.starts_with(SUMMARY_ID) && now.id != was.id) {
        let told = format!("a summary took the place of what was said before, from message {number} on");
        return Some(whole(Contributor::Compaction, &now.id, &was.id, &now.id, told));
    }
    let told = match after.get(index) {
        None => format!("what was said ends in front of message {number}, `{}`", was.id),
        Some(now) if now.id == was.id => format!("message {number}, `{}`, says something else", was.id),
        Some(now) => format!("message {number} is `{}` and was `{}`", now.id, was.id),
    };
    let id = |print: Option<&MessagePrint>| print.map_or("", |print| print.id.as_str()).to_owned();
    Some(whole(Contributor::History, &was.id, &was.id, &id(after.get(index)), told))
}

fn of_text(
    contributor: Contributor,
    name: &str,
    before: &str,
    after: &str,
    told: &str,
) -> Option<PrefixChange> {
    let found = difference(before, after)?;
    Some(PrefixChange {
        contributor,
        name: name.into(),
        offset: found.offset as u64,
        before: found.before.into(),
        after: found.after.into(),
        told: format!("{told}, from byte {} on", found.offset).into(),
    })
}

/// A change of something whole; of long texts their beginnings.
fn whole(
    contributor: Contributor,
    name: &str,
    before: &str,
    after: &str,
    told: impl Into<Text>,
) -> PrefixChange {
    const SHOWN: usize = 80;
    let cut = |text: &str| Text::from(&text[..text.floor_char_boundary(SHOWN)]);
    PrefixChange {
        contributor,
        name: name.into(),
        offset: 0,
        before: cut(before),
        after: cut(after),
        told: told.into(),
    }
}
