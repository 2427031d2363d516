//! [`Variable`]: what may stand in a template between brackets, and what is known of each.

use serde_json::{Value, json};

/// Bytes of a file's name in a template.
const LONGEST_NAME: usize = 512;

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Variable {
    Date,
    Time,
    Os,
    Hostname,
    Cwd,
    Model,
    ConversationId,
    WorkspaceId,
    Branch,
    Status,
    /// A file, by its name below the folder of the conversation.
    File(String),
    /// Something that nobody knows; it is blank.
    Unknown(String),
}

/// Those with a name of their own, each with what it is.
const NAMED: [(&str, Variable, &str); 10] = [
    ("system:date", Variable::Date, "the day, such as `2026-01-31`, where the host runs"),
    ("system:time", Variable::Time, "the time of the day, such as `09:05`, with its distance from UTC"),
    ("system:os", Variable::Os, "the operating system and the machine's kind, such as `linux x86_64`"),
    ("system:hostname", Variable::Hostname, "the machine's name"),
    ("prompt:cwd", Variable::Cwd, "the folder in which the conversation works"),
    ("prompt:model", Variable::Model, "the full name of the model; another one has the prompt built anew"),
    ("prompt:conversation_id", Variable::ConversationId, "the id of the conversation"),
    ("prompt:workspace_id", Variable::WorkspaceId, "the id of its workspace"),
    ("git:branch", Variable::Branch, "the branch that is checked out in the folder, or the commit"),
    (
        "git:status",
        Variable::Status,
        "what `git status --short` says there, once the folder's `.git/config` is trusted",
    ),
];

const FILE: &str = "file:";

impl Variable {
    /// What `type:name` stands for; `None` when it has not that form.
    pub(crate) fn of(tag: &str) -> Option<Self> {
        let (kind, name) = tag.split_once(':')?;
        let is_kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let is_name = !name.is_empty() && name.len() <= LONGEST_NAME && name.trim() == name;
        if !is_kind || !is_name || name.contains(char::is_control) {
            return None;
        }
        let named = NAMED.iter().find(|(known, ..)| *known == tag).map(|(_, variable, _)| variable.clone());
        Some(named.unwrap_or_else(|| match tag.strip_prefix(FILE) {
            Some(name) => Self::File(name.to_owned()),
            None => Self::Unknown(tag.to_owned()),
        }))
    }
}

/// All of them, for whoever writes a template.
pub(crate) fn described() -> Value {
    let mut all: Vec<Value> =
        NAMED.iter().map(|(tag, _, what)| json!({ "name": tag, "description": what })).collect();
    all.push(json!({
        "name": "file:PATH",
        "description": "the text of a file in that folder, once it is trusted; another content has the prompt built anew",
    }));
    json!({ "variables": all })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_for_its_variable() {
        for (tag, variable, _) in NAMED {
            assert_eq!(Variable::of(tag), Some(variable), "{tag}");
        }
        assert_eq!(Variable::of("file:a/b.md"), Some(Variable::File("a/b.md".to_owned())));
        assert_eq!(Variable::of("file:a:b"), Some(Variable::File("a:b".to_owned())));
        assert_eq!(Variable::of("moon:phase"), Some(Variable::Unknown("moon:phase".to_owned())));
    }

    #[test]
    fn what_people_write_in_brackets_is_no_variable() {
        for text in ["", ":", "x", "a:", ":b", "Note: see", "note: see", "file:a ", "A:b", "a:b\nc"] {
            assert_eq!(Variable::of(text), None, "{text}");
        }
        assert_eq!(Variable::of(&format!("file:{}", "x".repeat(513))), None);
    }
}
