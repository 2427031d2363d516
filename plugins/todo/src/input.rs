//! What a list may be. A model wrote it, so every complaint names the entry, what stands there and what belongs there.

use serde_json::{Map, Value};
use transom_agent::refusal::shown;
use transom_agent::todo::{Todo, TodoStatus};
use transom_plugin_api::{List, Text};

/// Entries of a list.
pub(crate) const MOST_TODOS: usize = 200;
/// Characters of one.
pub(crate) const MOST_CHARACTERS: usize = 1_000;

/// The statuses, as models write them.
pub(crate) const STATUSES: [(&str, TodoStatus); 3] = [
    ("pending", TodoStatus::Pending),
    ("in_progress", TodoStatus::InProgress),
    ("completed", TodoStatus::Completed),
];

/// Reads the input of `todo_write`.
///
/// # Errors
/// A sentence for the model.
pub(crate) fn read(input: &Value) -> Result<List<Todo>, String> {
    let fields = object(input, "the input", &["todos"])?;
    let todos = match fields.get("todos") {
        Some(Value::Array(todos)) => todos,
        Some(other) => return Err(format!("`todos` is {}, expected a list", kind_of(other))),
        None => return Err("`todos` is missing, expected a list of everything there is to do".to_owned()),
    };
    if todos.len() > MOST_TODOS {
        return Err(format!("`todos` has {} entries, expected at most {MOST_TODOS}", todos.len()));
    }
    todos.iter().enumerate().map(|(place, todo)| entry(place, todo)).collect()
}

fn entry(place: usize, todo: &Value) -> Result<Todo, String> {
    let name = format!("`todos[{place}]`");
    let fields = object(todo, &name, &["content", "status"])?;
    let text = |field: &str| match fields.get(field) {
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(other) => Err(format!("`todos[{place}].{field}` is {}, expected text", kind_of(other))),
        None => Err(format!("`todos[{place}].{field}` is missing, expected text")),
    };
    let content = content(place, text("content")?)?;
    let status = text("status")?;
    let known = STATUSES.iter().find(|(name, _)| *name == status);
    let unknown = || {
        let status = shown(status, 40);
        format!("`todos[{place}].status` is `{status}`, expected `pending`, `in_progress` or `completed`")
    };
    Ok(Todo { content, status: known.ok_or_else(unknown)?.1.clone() })
}

fn content(place: usize, written: &str) -> Result<Text, String> {
    let content = on_one_line(written);
    match content.chars().count() {
        0 => Err(format!("`todos[{place}].content` is blank")),
        length if length > MOST_CHARACTERS => Err(format!(
            "`todos[{place}].content` has {length} characters, expected at most {MOST_CHARACTERS}"
        )),
        _ => Ok(content.into()),
    }
}

/// The words with a space between each two: without what begins a line, controls a terminal or turns the direction of text.
fn on_one_line(written: &str) -> String {
    let is_between = |character: char| {
        let turns = matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        );
        character.is_whitespace() || character.is_control() || turns
    };
    written.split(is_between).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn object<'a>(value: &'a Value, name: &str, known: &[&str]) -> Result<&'a Map<String, Value>, String> {
    let Value::Object(fields) = value else {
        return Err(format!("{name} is {}, expected an object", kind_of(value)));
    };
    match fields.keys().find(|field| !known.contains(&field.as_str())) {
        None => Ok(fields),
        Some(unknown) => {
            let known = known.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(" and ");
            Err(format!("`{}` is no field of {name}, which takes {known}", shown(unknown, 40)))
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(content: &str) -> Value {
        json!({"todos": [{"content": content, "status": "pending"}]})
    }

    fn refused(input: &Value) -> String {
        read(input).unwrap_err()
    }

    #[test]
    fn a_list_is_read_in_its_order_and_may_be_empty() {
        let input = json!({"todos": [
            {"content": "look", "status": "completed"},
            {"content": "think", "status": "in_progress"},
            {"content": "act", "status": "pending"},
        ]});
        let todo = |content: &str, status| Todo { content: content.into(), status };
        let expected = [
            todo("look", TodoStatus::Completed),
            todo("think", TodoStatus::InProgress),
            todo("act", TodoStatus::Pending),
        ];
        assert_eq!(read(&input), Ok(List::from(expected)));
        assert_eq!(read(&json!({"todos": []})), Ok(List::new()));
    }

    #[test]
    fn an_entry_is_one_line_that_controls_nothing() {
        let read = read(&one("  look\r\n\tat\u{1b}[2J\u{202e} «it»'s \u{7} ")).unwrap();
        assert_eq!(read[0].content, "look at [2J «it»'s");
    }

    #[test]
    fn blank_and_unknown_entries_are_refused_by_their_place() {
        assert_eq!(refused(&one(" \n\u{200e}")), "`todos[0].content` is blank");
        let done =
            json!({"todos": [{"content": "a", "status": "pending"}, {"content": "b", "status": "done"}]});
        let told = "`todos[1].status` is `done`, expected `pending`, `in_progress` or `completed`";
        assert_eq!(refused(&done), told);
        let with_id = json!({"todos": [{"id": 1, "content": "a", "status": "pending"}]});
        assert_eq!(refused(&with_id), "`id` is no field of `todos[0]`, which takes `content` and `status`");
        let without = json!({"todos": [{"content": "a"}]});
        assert_eq!(refused(&without), "`todos[0].status` is missing, expected text");
        assert_eq!(refused(&json!({"todos": ["a"]})), "`todos[0]` is text, expected an object");
        let number = json!({"todos": [{"content": 7, "status": "pending"}]});
        assert_eq!(refused(&number), "`todos[0].content` is a number, expected text");
    }

    #[test]
    fn input_that_is_no_list_is_refused_in_words() {
        assert_eq!(refused(&json!("{\"todos\": ")), "the input is text, expected an object");
        assert_eq!(refused(&json!({})), "`todos` is missing, expected a list of everything there is to do");
        assert_eq!(refused(&json!({"todos": "a"})), "`todos` is text, expected a list");
        assert_eq!(
            refused(&json!({"todos": [], "merge": true})),
            "`merge` is no field of the input, which takes `todos`"
        );
    }

    #[test]
    fn one_entry_and_one_character_beyond_the_bound_are_refused() {
        let many = |count| json!({"todos": vec![json!({"content": "a", "status": "pending"}); count]});
        assert_eq!(read(&many(MOST_TODOS)).unwrap().len(), MOST_TODOS);
        assert_eq!(refused(&many(MOST_TODOS + 1)), "`todos` has 201 entries, expected at most 200");
        assert!(read(&one(&"é".repeat(MOST_CHARACTERS))).is_ok());
        let long = refused(&one(&"é".repeat(MOST_CHARACTERS + 1)));
        assert_eq!(long, "`todos[0].content` has 1001 characters, expected at most 1000");
    }
}
