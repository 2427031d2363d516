//! Todos: what a model means to do in a conversation, as it writes it down for itself. It writes the whole list every time, so
//! that there are no ids. Kept by one plugin, shown and carried by others.

use transom_plugin_api::{Event, List, Service, Text, contract};

/// How far something is.
#[contract(grows)]
#[derive(Eq)]
pub enum TodoStatus {
    /// It was not begun.
    Pending,
    /// It is being done.
    InProgress,
    /// It is done.
    Completed,
}

/// Something to do.
#[contract]
#[derive(Eq)]
pub struct Todo {
    /// What: one line, not blank.
    pub content: Text,
    /// How far it is.
    pub status: TodoStatus,
}

impl Todo {
    /// Whether something is left to do.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status != TodoStatus::Completed
    }
}

/// What is to be done in a conversation.
#[contract]
#[derive(Eq)]
pub struct TodoList {
    /// Which conversation.
    pub conversation_id: Text,
    /// In the order in which the model has them; empty where it never wrote a list.
    pub todos: List<Todo>,
}

/// Tells what is to be done in a conversation, by the conversation's id.
///
/// [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is no such conversation,
/// [`InvalidInput`](transom_plugin_api::CallErrorKind::InvalidInput) when nothing can have that id.
///
/// `agent/todo.list` · service · 30 s · who keeps todos answers
pub const TODOS: Service<Text, TodoList> = Service::new("agent/todo.list");

/// Said when a list was replaced, once the new one is durable; of the changes of one conversation in their order. Not said when
/// a list goes with its conversation. Nobody can refuse it. A queued listener with a full mailbox loses by its own terms.
///
/// `agent/todo.changed` · event · who keeps todos says it
pub const TODOS_CHANGED: Event<TodoList> = Event::new("agent/todo.changed");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_open_but_what_is_completed() {
        let open = |status| Todo { content: "sail".into(), status }.is_open();
        assert!(open(TodoStatus::Pending) && open(TodoStatus::InProgress));
        assert!(!open(TodoStatus::Completed));
    }
}
