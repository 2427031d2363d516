//! [`Shelf`]: where lists are kept. Nothing of them is held in memory, so that every generation and every run reads the same.
//!
//! | key | value |
//! |---|---|
//! | `c/<conversation>/todos` | a [`Row`] |

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, oneshot};
use transom_agent::conversation::Conversation;
use transom_agent::refusal::check_conversation_id;
use transom_agent::storage::{self, StorageWrite, StorageWrites};
use transom_agent::todo::{Todo, TodoList};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Host, Json, List, Maybe, Text};

use crate::{TodoPorts, surface};

/// Keeps lists.
pub(crate) struct Shelf {
    pub(crate) ports: TodoPorts,
    host: Host,
    /// Held by who writes, so that what is told last is what is kept.
    writing: Mutex<()>,
}

/// What is kept of a list.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    /// When the conversation began, in milliseconds since the epoch: another one of the same id has no part in it.
    created_at: i64,
    todos: List<Todo>,
}

impl Shelf {
    pub(crate) fn new(ports: TodoPorts, host: Host) -> Self {
        Self { ports, host, writing: Mutex::default() }
    }

    /// The list of a conversation.
    ///
    /// # Errors
    /// `InvalidInput` when nothing can have that id, `NotFound` when nothing has it, else what the storage says.
    pub(crate) async fn list(&self, conversation_id: &Text) -> Result<TodoList, CallError> {
        check_conversation_id("conversationId", conversation_id)?;
        let known = self.ports.find.call(conversation_id.clone()).await?;
        self.list_of(&known).await
    }

    /// The list of a conversation that is known.
    ///
    /// # Errors
    /// What the storage says.
    pub(crate) async fn list_of(&self, known: &Conversation) -> Result<TodoList, CallError> {
        let kept = storage::row(&self.ports.read, &key(&known.id)).await?;
        let kept = kept.map(|row| row.read::<Row>()).transpose()?;
        let is_its_own = |row: &Row| row.created_at == known.created_at || sabotaged("todo-inherit-a-list");
        let todos = kept.filter(is_its_own).map(|row| row.todos).unwrap_or_default();
        Ok(TodoList { conversation_id: known.id.clone(), todos })
    }

    /// Puts a list in the place of the one there is; durable when this returns, and told to everybody. Once begun it is done,
    /// whether anybody waits for it or not.
    ///
    /// # Errors
    /// As [`list`](Self::list). Nothing has changed then.
    pub(crate) async fn replace(self: &Arc<Self>, list: TodoList) -> Result<(), CallError> {
        let known = self.ports.find.call(list.conversation_id.clone()).await?;
        if sabotaged("todo-stop-with-the-turn") {
            return self.keep(known.created_at, list).await;
        }
        let (tell, told) = oneshot::channel();
        let shelf = Arc::clone(self);
        self.host.spawn(async move {
            let kept = shelf.keep(known.created_at, list).await;
            // Who has asked may have gone away.
            let _ = tell.send(kept);
        });
        if sabotaged("todo-answer-before-it-is-kept") {
            return Ok(());
        }
        told.await.unwrap_or_else(|_| Err(CallError::unavailable("the list was not kept: the plugin stops")))
    }

    async fn keep(&self, created_at: i64, list: TodoList) -> Result<(), CallError> {
        let _writing = self.writing.lock().await;
        if sabotaged("todo-tell-before-it-is-kept") {
            self.ports.changed.emit(&list);
        }
        let value = Json::of(&Row { created_at, todos: list.todos.clone() })?;
        let writes =
            List::from([StorageWrite { key: key(&list.conversation_id), value: Maybe::Some(value) }]);
        if !sabotaged("todo-lose-on-restart") {
            self.ports.write.call(StorageWrites { writes }).await?;
        }
        self.ports.changed.emit(&list);
        surface::say_change(&self.ports, &list.conversation_id);
        Ok(())
    }
}

fn key(conversation_id: &str) -> Text {
    if sabotaged("todo-outlive-the-conversation") {
        return format!("todos/{conversation_id}").into();
    }
    format!("c/{conversation_id}/todos").into()
}
