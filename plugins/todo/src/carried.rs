//! What a summary carries: everything on the list that is not completed.

use transom_agent::compaction::Draft;
use transom_agent::todo::{Todo, TodoList, TodoStatus};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Text};

use crate::shelf::Shelf;

/// Adds what is open. A list that cannot be read keeps nobody from a summary.
pub(crate) async fn add_open(shelf: &Shelf, mut draft: Draft) -> Draft {
    match open(shelf, &draft.conversation_id).await {
        Ok(open) => draft.open_tasks.extend(open),
        Err(error) => {
            tracing::warn!(
                "what is to be done in `{}` is not in its summary: {error}",
                draft.conversation_id
            );
        }
    }
    draft
}

async fn open(shelf: &Shelf, conversation_id: &Text) -> Result<Vec<Text>, CallError> {
    let TodoList { todos, .. } = shelf.list(conversation_id).await?;
    let is_carried = |todo: &&Todo| todo.is_open() && !sabotaged("todo-forget-what-is-open");
    Ok(todos.iter().filter(is_carried).map(told).collect())
}

fn told(todo: &Todo) -> Text {
    match todo.status {
        TodoStatus::InProgress => format!("{} (in progress)", todo.content).into(),
        _ => todo.content.clone(),
    }
}
