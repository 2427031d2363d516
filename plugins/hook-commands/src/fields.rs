//! Fields of a file that are not where, or not what, the format has them: what they would do is not done.

use serde_json::{Map, Value};
use transom_agent::nearest::nearest;

use crate::legible::legible;
use crate::occasion::{self, Occasion};

/// Characters of a field's name that a complaint shows.
const SHOWN: usize = 60;
/// Fields that are read.
const OF_GROUP: [&str; 2] = ["matcher", "hooks"];
const OF_HOOK: [&str; 3] = ["type", "command", "timeout"];
/// Fields that change nothing of what a hook does, or nothing that is not told on the page of this plugin.
const HARMLESS: [&str; 5] = ["async", "comment", "description", "name", "statusMessage"];
/// Fields without which a command is another one.
const PART_OF_COMMAND: [&str; 2] = ["args", "shell"];

/// What keeps a file from being read as hooks, though it seems to hold some: they stand in a place where nobody looks.
pub(crate) fn misplaced(whole: &Map<String, Value>) -> Option<String> {
    let mut others = whole.iter().filter(|(field, _)| *field != "hooks");
    others.find_map(|(field, value)| {
        let shown = legible(field, SHOWN);
        if is_event(field) && value.is_array() || are_groups(value) {
            return Some(format!(
                "`{shown}` stands at the top of the file, where nothing reads it; put it into `hooks`, as in `{{\"hooks\": {{\"{shown}\": […]}}}}`"
            ));
        }
        let holds_events = value.as_object().is_some_and(|inside| {
            inside.iter().any(|(field, value)| is_event(field) && value.is_array() || are_groups(value))
        });
        holds_events.then(|| {
            format!("`{shown}` at the top of the file holds hooks, and nothing reads it; call it `hooks`")
        })
    })
}

fn is_event(name: &str) -> bool {
    Occasion::named(name).is_some() || occasion::ELSEWHERE.contains(&name)
}

/// Whether something looks like what stands behind an event.
fn are_groups(value: &Value) -> bool {
    let is_group = |group: &Value| group.get("hooks").is_some_and(Value::is_array);
    value.as_array().is_some_and(|groups| groups.iter().any(is_group))
}

/// What is wrong with the fields of a group.
pub(crate) fn of_group<'a>(
    group: &'a Map<String, Value>,
    event: &'a str,
) -> impl Iterator<Item = String> + 'a {
    unknown(group, &OF_GROUP, move || format!("a group of `{event}`"))
}

/// What is wrong with the fields of a hook that runs a command.
pub(crate) fn of_hook<'a>(hook: &'a Map<String, Value>, event: &'a str) -> impl Iterator<Item = String> + 'a {
    unknown(hook, &OF_HOOK, move || format!("a hook of `{event}`"))
}

/// The field without which the command of a hook would be another one.
pub(crate) fn beyond(hook: &Map<String, Value>) -> Option<&'static str> {
    PART_OF_COMMAND.into_iter().find(|field| match hook.get(*field) {
        None | Some(Value::Null) => false,
        Some(Value::Array(words)) => !words.is_empty(),
        Some(Value::String(shell)) => !["bash", "sh"].contains(&shell.as_str()),
        Some(_) => true,
    })
}

fn unknown<'a>(
    object: &'a Map<String, Value>,
    known: &'static [&'static str],
    whose: impl Fn() -> String + 'a,
) -> impl Iterator<Item = String> + 'a {
    let is_silent = |field: &str| {
        known.contains(&field)
            || HARMLESS.contains(&field)
            || PART_OF_COMMAND.contains(&field)
            || field.starts_with(['$', '_'])
    };
    object.keys().filter(move |field| !is_silent(field)).map(move |field| {
        let told = format!("the field `{}` of {} does nothing here", legible(field, SHOWN), whose());
        // What is there already was not meant.
        let missing = known.iter().copied().filter(|known| !object.contains_key(*known));
        match nearest(field, missing).first() {
            Some(near) => format!("{told}; did you mean `{near}`?"),
            None if field == "if" => format!("{told}: the hook runs for all that its matcher names"),
            None => told,
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: &Value) -> &Map<String, Value> {
        value.as_object().expect("an object")
    }

    #[test]
    fn hooks_in_a_place_where_nobody_looks_are_told_with_the_remedy() {
        let groups = json!([{"hooks": [{"command": "x"}]}]);
        for (whole, told) in [
            (json!({"PreToolUse": []}), "`PreToolUse` stands at the top of the file"),
            (json!({"SubagentStop": groups}), "{\"hooks\": {\"SubagentStop\": […]}}"),
            (json!({"PreToolUze": groups}), "`PreToolUze` stands at the top of the file"),
            (json!({"hooks": {}, "Stop": groups}), "put it into `hooks`"),
            (json!({"Hooks": {"Stop": []}}), "`Hooks` at the top of the file holds hooks"),
            (json!({"my": {"Stopp": groups}}), "call it `hooks`"),
        ] {
            let complaint = misplaced(of(&whole)).expect("it is misplaced");
            assert!(complaint.contains(told), "{complaint}");
        }
        for whole in [
            json!({}),
            json!({"hooks": {"PreToolUse": groups}}),
            json!({"permissions": {"allow": ["Bash"]}, "model": "x", "statusLine": {"type": "command"}}),
            json!({"Stop": "never"}),
        ] {
            assert_eq!(misplaced(of(&whole)), None, "{whole}");
        }
    }

    #[test]
    fn fields_that_do_nothing_here_are_told_with_what_may_have_been_meant() {
        let group = json!({"matchers": "Bash", "hooks": [], "description": "x"});
        let told: Vec<_> = of_group(of(&group), "Stop").collect();
        assert_eq!(
            told,
            ["the field `matchers` of a group of `Stop` does nothing here; did you mean `matcher`?"]
        );
        let group = json!({"tools": "Bash", "hooks": []});
        assert_eq!(
            of_group(of(&group), "Stop").next().expect("told"),
            "the field `tools` of a group of `Stop` does nothing here"
        );
        let hook = json!({"command": "x", "timeOuts": 1, "if": "Bash(git *)", "once": true, "async": true, "_note": 1});
        let mut told: Vec<_> = of_hook(of(&hook), "Stop").collect();
        told.sort();
        assert_eq!(
            told,
            [
                "the field `if` of a hook of `Stop` does nothing here: the hook runs for all that its matcher names",
                "the field `once` of a hook of `Stop` does nothing here",
                "the field `timeOuts` of a hook of `Stop` does nothing here; did you mean `timeout`?",
            ]
        );
    }

    #[test]
    fn a_command_that_would_be_another_one_here_is_known() {
        for (hook, field) in [
            (json!({"command": "python3", "args": ["guard.py"]}), Some("args")),
            (json!({"command": "Get-Item", "shell": "powershell"}), Some("shell")),
            (json!({"command": "x", "args": [], "shell": "bash"}), None),
            (json!({"command": "x", "args": null}), None),
            (json!({"command": "x", "args": 3}), Some("args")),
        ] {
            assert_eq!(beyond(of(&hook)), field, "{hook}");
        }
    }
}
