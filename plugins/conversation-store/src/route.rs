//! The store's HTTP routes: `GET /conversations` and `GET /conversations/:id`.

mod query;

use std::sync::Arc;

use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::{CallError, Json, Server, StartError};

use crate::handler;
use crate::store::Store;

/// Registers the routes.
pub(crate) fn serve(
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
    store: &Arc<Store>,
) -> Result<(), StartError> {
    let about = route("lists conversations, the most recently active first", LIST_REPLY)?;
    let list = |store: Arc<Store>, request: HttpRequest| async move {
        reply(&store.list(query::list(&request.query)?).await?)
    };
    routes.serve_named("GET /conversations", about, handler(store, list))?;

    let about = route("reads a conversation's log, or a part of it", READ_REPLY)?;
    let read = |store: Arc<Store>, request: HttpRequest| async move {
        let id = request.params.get("id").map_or("", |id| id.as_str());
        reply(&store.read(query::read(id, &request.query)?).await?)
    };
    routes.serve_named("GET /conversations/:id", about, handler(store, read))
}

fn route(summary: &str, output: &str) -> Result<HttpRoute, StartError> {
    Ok(HttpRoute { output: Json::parse(output)?, ..HttpRoute::new(summary) })
}

fn reply<T: serde::Serialize>(body: &T) -> Result<HttpReply, CallError> {
    match Json::of(body) {
        Ok(body) => Ok(HttpReply::ok(body)),
        Err(error) => Err(CallError::failed(format!("the reply cannot be encoded: {error}"))),
    }
}

const LIST_REPLY: &str = r#"{
    "type": "object",
    "required": ["conversations"],
    "properties": {
        "conversations": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "createdAt", "lastActivityAt", "title", "status", "latestSeq"],
                "properties": {
                    "id": {"type": "string"},
                    "createdAt": {"type": "integer"},
                    "lastActivityAt": {"type": "integer"},
                    "title": {"type": "string"},
                    "status": {"enum": ["active", "idle", "closed"]},
                    "latestSeq": {"type": "integer", "minimum": 0},
                    "cwd": {"type": "string"},
                    "model": {"type": "string"}
                }
            }
        }
    }
}"#;

const READ_REPLY: &str = r#"{
    "type": "object",
    "required": ["chunks", "latestSeq"],
    "properties": {
        "chunks": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["seq", "messageId", "role", "chunk"],
                "properties": {
                    "seq": {"type": "integer", "minimum": 1},
                    "messageId": {"type": "string"},
                    "role": {"enum": ["system", "user", "assistant", "tool"]},
                    "chunk": {
                        "type": "object",
                        "required": ["type"],
                        "properties": {"type": {"enum": ["text", "thinking", "tool-call", "tool-result", "error"]}}
                    }
                }
            }
        },
        "latestSeq": {"type": "integer", "minimum": 0}
    }
}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_of_the_replies_are_json() {
        for schema in [LIST_REPLY, READ_REPLY] {
            assert_eq!(route("", schema).expect("well-formed").output.value()["type"], "object");
        }
    }
}
