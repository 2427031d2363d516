//! What people's hooks call the tools and their inputs: the one table, and both ways through it.
//!
//! Hooks are written for tools that are called `Bash` and `Edit`, and take an absolute `file_path`. A tool that is not in the
//! table keeps its name and its fields; that of a server, `server__tool`, is `mcp__server__tool`.

use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};
use transom_plugin_api::sabotage::sabotaged;

/// How the values of a field go over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As they are.
    Same,
    /// A path of the turn's folder; hooks are told an absolute one.
    Path,
}

/// A tool with its other names, the first of which hooks are told, and those of its fields that have another name or form.
struct Tool {
    own: &'static str,
    told: &'static [&'static str],
    /// Our name, theirs, and the form.
    fields: &'static [(&'static str, &'static str, Form)],
}

const FILE: (&str, &str, Form) = ("path", "file_path", Form::Path);
const FOLDER: (&str, &str, Form) = ("path", "path", Form::Path);

const TABLE: [Tool; 8] = [
    Tool { own: "run_shell", told: &["Bash"], fields: &[("timeoutMs", "timeout", Form::Same)] },
    Tool { own: "read_file", told: &["Read"], fields: &[FILE] },
    Tool { own: "write_file", told: &["Write"], fields: &[FILE] },
    Tool {
        own: "edit_file",
        told: &["Edit", "MultiEdit"],
        fields: &[
            FILE,
            ("oldString", "old_string", Form::Same),
            ("newString", "new_string", Form::Same),
            ("replaceAll", "replace_all", Form::Same),
        ],
    },
    Tool { own: "glob", told: &["Glob"], fields: &[FOLDER] },
    Tool {
        own: "grep",
        told: &["Grep"],
        fields: &[
            FOLDER,
            ("ignoreCase", "-i", Form::Same),
            ("context", "-C", Form::Same),
            ("limit", "head_limit", Form::Same),
        ],
    },
    Tool { own: "list_dir", told: &["LS"], fields: &[FOLDER] },
    Tool { own: "todo_write", told: &["TodoWrite"], fields: &[] },
];

fn entry(tool: &str) -> Option<&'static Tool> {
    TABLE.iter().find(|entry| entry.own == tool)
}

fn fields(tool: &str) -> &'static [(&'static str, &'static str, Form)] {
    entry(tool).map_or(&[], |entry| entry.fields)
}

/// Every name by which a tool is known, its own first.
pub(crate) fn names(tool: &str) -> Vec<String> {
    let mut names = vec![tool.to_owned()];
    match entry(tool) {
        Some(entry) => names.extend(entry.told.iter().map(|told| (*told).to_owned())),
        None if tool.contains("__") && !tool.starts_with("mcp__") => names.push(format!("mcp__{tool}")),
        None => {}
    }
    names
}

/// Every name of a tool that stands in the table: first those that hooks are told.
pub(crate) fn known() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|tool| tool.told.iter().copied().chain([tool.own]))
}

/// The name that hooks are told.
pub(crate) fn told_name(tool: &str) -> String {
    names(tool).swap_remove(usize::from(names(tool).len() > 1))
}

/// The input of a call as hooks are told it.
pub(crate) fn told_input(tool: &str, input: &Value, folder: &str) -> Value {
    let Value::Object(input) = input else { return input.clone() };
    let known = fields(tool);
    let is_known = |name: &str| known.iter().any(|(own, ..)| *own == name);
    let mut told: Map<String, Value> = input.clone();
    told.retain(|name, _| !is_known(name));
    for (own, theirs, form) in known {
        if let Some(value) = input.get(*own) {
            // Theirs is what runs: a field of the same name that no tool takes must not hide it.
            told.insert((*theirs).to_owned(), told_value(value, *form, folder));
        }
    }
    Value::Object(told)
}

fn told_value(value: &Value, form: Form, folder: &str) -> Value {
    match (value, form) {
        (Value::String(path), Form::Path) => Value::String(absolute(folder, path)),
        _ => value.clone(),
    }
}

/// The path from the root, without `.` and `..`, which a pattern of a hook would not see through.
fn absolute(folder: &str, path: &str) -> String {
    if sabotaged("hooks-see-paths-as-written") {
        return Path::new(folder).join(path).to_string_lossy().into_owned();
    }
    let mut whole = PathBuf::new();
    for part in Path::new(folder).join(path).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    whole.to_string_lossy().into_owned()
}

/// The input that is to run where a hook has `updated` what it was told of `before`.
pub(crate) fn own_input(tool: &str, updated: &Value, before: &Value, folder: &str) -> Value {
    let told = told_input(tool, before, folder);
    let Value::Object(updated) = updated else { return before.clone() };
    if *updated == told.as_object().cloned().unwrap_or_default() {
        return before.clone();
    }
    let known = fields(tool);
    let mut own: Map<String, Value> = updated.clone();
    own.retain(|name, _| !known.iter().any(|(_, theirs, _)| *theirs == name));
    for (ours, theirs, form) in known {
        if let Some(value) = updated.get(*theirs) {
            let is_untouched = told.get(*theirs) == Some(value);
            let value = match before.get(*ours).filter(|_| is_untouched) {
                Some(before) => before.clone(),
                None => own_value(value, *form, folder),
            };
            own.insert((*ours).to_owned(), value);
        }
    }
    Value::Object(own)
}

fn own_value(value: &Value, form: Form, folder: &str) -> Value {
    match (value, form) {
        (Value::String(path), Form::Path) => {
            let below = Path::new(path).strip_prefix(folder).ok().and_then(Path::to_str);
            let below = below.map(|below| if below.is_empty() { "." } else { below });
            Value::String(below.unwrap_or(path).to_owned())
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tool_answers_to_its_own_name_and_to_those_of_hooks() {
        for (tool, all) in [
            ("run_shell", &["run_shell", "Bash"][..]),
            ("read_file", &["read_file", "Read"]),
            ("write_file", &["write_file", "Write"]),
            ("edit_file", &["edit_file", "Edit", "MultiEdit"]),
            ("glob", &["glob", "Glob"]),
            ("grep", &["grep", "Grep"]),
            ("list_dir", &["list_dir", "LS"]),
            ("todo_write", &["todo_write", "TodoWrite"]),
            ("memory__store", &["memory__store", "mcp__memory__store"]),
            ("frobnicate", &["frobnicate"]),
        ] {
            assert_eq!(names(tool), all);
            assert_eq!(told_name(tool), all[usize::from(all.len() > 1)]);
        }
    }

    #[test]
    fn inputs_go_over_by_their_names_and_paths_from_the_root() {
        for (tool, own, told) in [
            ("run_shell", json!({"command": "ls", "timeoutMs": 5}), json!({"command": "ls", "timeout": 5})),
            ("read_file", json!({"path": "a/b", "offset": 2}), json!({"file_path": "/f/a/b", "offset": 2})),
            (
                "write_file",
                json!({"path": "/etc/x", "content": ""}),
                json!({"file_path": "/etc/x", "content": ""}),
            ),
            (
                "edit_file",
                json!({"path": "b", "oldString": "x", "newString": "y", "replaceAll": true}),
                json!({"file_path": "/f/b", "old_string": "x", "new_string": "y", "replace_all": true}),
            ),
            ("grep", json!({"pattern": "x", "ignoreCase": true}), json!({"pattern": "x", "-i": true})),
            ("list_dir", json!({"path": "d"}), json!({"path": "/f/d"})),
            ("memory__store", json!({"path": "d"}), json!({"path": "d"})),
        ] {
            assert_eq!(told_input(tool, &own, "/f"), told, "{tool}");
            assert_eq!(own_input(tool, &told, &own, "/f"), own, "{tool} and back");
        }
    }

    #[test]
    fn no_way_through_other_folders_hides_a_path() {
        for (written, told) in
            [("a/../.env", "/f/.env"), ("./x", "/f/x"), ("", "/f"), ("../../..", "/"), ("/f/./y", "/f/y")]
        {
            let told_path = told_input("read_file", &json!({ "path": written }), "/f");
            assert_eq!(told_path, json!({ "file_path": told }), "{written}");
        }
        let both = json!({"path": "secret", "file_path": "/f/harmless"});
        assert_eq!(told_input("read_file", &both, "/f"), json!({"file_path": "/f/secret"}));
    }

    #[test]
    fn what_a_hook_changed_is_given_to_the_tool_and_the_rest_as_it_was_written() {
        let before = json!({"path": "./a", "oldString": "x", "newString": "y"});
        let updated = json!({"file_path": "/f/a", "old_string": "x", "new_string": "z", "replace_all": true});
        let own = json!({"path": "./a", "oldString": "x", "newString": "z", "replaceAll": true});
        assert_eq!(own_input("edit_file", &updated, &before, "/f"), own);
        for (path, own) in [("/f/b/c", "b/c"), ("/f", "."), ("/else", "/else"), ("d", "d")] {
            let changed = own_input("read_file", &json!({ "file_path": path }), &before, "/f");
            assert_eq!(changed, json!({ "path": own }));
        }
    }

    #[test]
    fn an_input_that_is_no_object_stays_what_it_is() {
        assert_eq!(told_input("run_shell", &json!("{\"comm"), "/f"), json!("{\"comm"));
        assert_eq!(own_input("run_shell", &json!("x"), &json!("{\"comm"), "/f"), json!("{\"comm"));
    }
}
