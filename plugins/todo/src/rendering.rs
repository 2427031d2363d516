//! A list as models and people read it: a line for each entry, and how many there are of each kind.

use std::fmt::Write;

use transom_agent::todo::{Todo, TodoStatus};

/// Nothing but a sentence where the list is empty.
pub(crate) fn rendered(todos: &[Todo]) -> String {
    if todos.is_empty() {
        return "nothing is on the list\n".to_owned();
    }
    let mut text = String::new();
    for todo in todos {
        writeln!(text, "[{}] {}", mark(&todo.status), todo.content).expect("a string takes everything");
    }
    text + &counts(todos)
}

const fn mark(status: &TodoStatus) -> char {
    match status {
        TodoStatus::Pending => ' ',
        TodoStatus::InProgress => '>',
        TodoStatus::Completed => 'x',
        _ => '?',
    }
}

fn counts(todos: &[Todo]) -> String {
    let count = |status| todos.iter().filter(|todo| todo.status == status).count();
    format!(
        "{} in all: {} completed, {} in progress, {} pending\n",
        todos.len(),
        count(TodoStatus::Completed),
        count(TodoStatus::InProgress),
        count(TodoStatus::Pending),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_has_a_line_with_its_mark_and_all_are_counted() {
        let todo = |content: &str, status| Todo { content: content.into(), status };
        let todos = [
            todo("look", TodoStatus::Completed),
            todo("think", TodoStatus::InProgress),
            todo("act", TodoStatus::Pending),
            todo("rest", TodoStatus::Pending),
        ];
        let expected =
            "[x] look\n[>] think\n[ ] act\n[ ] rest\n4 in all: 1 completed, 1 in progress, 2 pending\n";
        assert_eq!(rendered(&todos), expected);
        assert_eq!(rendered(&[]), "nothing is on the list\n");
    }
}
