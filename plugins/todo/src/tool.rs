//! `todo_write`: the list for models.

use std::sync::Arc;

use serde_json::json;
use transom_agent::todo::TodoList;
use transom_agent::tool::{ToolCall, ToolDefinition, ToolOutput};
use transom_plugin_api::{CallError, List, Maybe, Server, StartError};

use crate::input::{self, MOST_CHARACTERS, MOST_TODOS, STATUSES};
use crate::rendering::rendered;
use crate::shelf::Shelf;

/// Puts the tool on the bus.
pub(crate) fn register(
    shelf: &Arc<Shelf>,
    tools: &Server<ToolCall, ToolOutput, ToolDefinition>,
) -> Result<(), StartError> {
    tools.serve_named_with("todo_write", definition(), shelf, async |shelf, call, _| run(&shelf, call).await)
}

async fn run(shelf: &Arc<Shelf>, call: ToolCall) -> Result<ToolOutput, CallError> {
    let todos = match input::read(&call.input.value()) {
        Ok(todos) => todos,
        Err(problem) => return Ok(ToolOutput::error(format!("{problem}; the list is as it was"))),
    };
    let answer = rendered(&todos);
    shelf.replace(TodoList { conversation_id: call.conversation_id, todos }).await?;
    Ok(ToolOutput::ok(answer))
}

fn definition() -> ToolDefinition {
    ToolDefinition {
        name: "todo_write".into(),
        description: "Writes down what there is to do in this conversation, for work of several steps. Give the whole list \
                      every time: it takes the place of the one before. Keep one entry `in_progress`, and set entries to \
                      `completed` as soon as they are. The list is kept, and the person sees it."
            .into(),
        parameters: json!({
            "type": "object",
            "properties": {
                "todos": {
                    "type": "array",
                    "maxItems": MOST_TODOS,
                    "description": "Everything there is to do, in order; an empty list clears it.",
                    "items": {
                        "type": "object",
                        "properties": {
                            "content": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
                            "status": {"type": "string", "enum": STATUSES.map(|(name, _)| name)}
                        },
                        "required": ["content", "status"],
                        "additionalProperties": false
                    }
                }
            },
            "required": ["todos"],
            "additionalProperties": false
        })
        .into(),
        concurrency_safe: false,
        // Nothing outside of the host is touched.
        effects: Maybe::Some(List::new()),
    }
}
