//! What the routes say of themselves, for those who list them.

use serde_json::{Value, json};
use transom_agent::reach::HttpRoute;

/// A route with a body of these fields.
pub(super) fn taking(summary: &str, fields: Value, output: Value) -> HttpRoute {
    let input = json!({"type": "object", "additionalProperties": false, "properties": fields});
    HttpRoute { input: input.into(), ..giving(summary, output) }
}

/// A route without a body.
pub(super) fn giving(summary: &str, output: Value) -> HttpRoute {
    HttpRoute { output: output.into(), ..HttpRoute::new(summary) }
}

/// The same route with a query of these keys.
pub(super) fn asking(keys: Value, about: HttpRoute) -> HttpRoute {
    let query = json!({"type": "object", "additionalProperties": false, "properties": keys});
    HttpRoute { query: query.into(), ..about }
}

/// An object that has all of these fields.
pub(super) fn object(fields: Value) -> Value {
    let required: Vec<String> =
        fields.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
    json!({"type": "object", "required": required, "properties": fields})
}

pub(super) fn list_of(item: Value) -> Value {
    json!({"type": "array", "items": item})
}

pub(super) fn conversation() -> Value {
    json!({
        "type": "object",
        "required": [
            "id", "createdAt", "lastActivityAt", "title", "status", "latestSeq", "latestPosition", "generation",
            "workspaceId",
        ],
        "properties": {
            "id": {"type": "string"},
            "createdAt": {"type": "integer"},
            "lastActivityAt": {"type": "integer"},
            "title": {"type": "string"},
            "status": {"enum": ["active", "idle", "closed"]},
            "latestSeq": {"type": "integer", "minimum": 0},
            "latestPosition": {"type": "integer", "minimum": 0},
            "generation": {"type": "integer", "minimum": 0},
            "workspaceId": {"type": "string"},
            "cwd": {"type": ["string", "null"]},
            "model": {"type": ["string", "null"]},
            "reasoningEffort": {"type": ["string", "null"]},
            "turn": {"type": ["object", "null"]},
        },
    })
}

pub(super) fn log() -> Value {
    let chunk = json!({
        "type": "object",
        "required": ["seq", "messageId", "role", "createdAt", "chunk"],
        "properties": {
            "seq": {"type": "integer", "minimum": 1},
            "messageId": {"type": "string"},
            "role": {"enum": ["system", "user", "assistant", "tool"]},
            "turnId": {"type": ["string", "null"]},
            "position": {"type": ["integer", "null"], "minimum": 1},
            "createdAt": {"type": "integer"},
            "chunk": {
                "type": "object",
                "required": ["type"],
                "properties": {"type": {"type": "string"}},
            },
        },
    });
    object(json!({
        "chunks": list_of(chunk),
        "latestSeq": {"type": "integer", "minimum": 0},
        "latestPosition": {"type": "integer", "minimum": 0},
    }))
}

pub(super) fn workspace() -> Value {
    json!({
        "type": "object",
        "required": ["id", "title", "createdAt", "lastActivityAt", "conversations"],
        "properties": {
            "id": {"type": "string"},
            "title": {"type": "string"},
            "defaultCwd": {"type": ["string", "null"]},
            "createdAt": {"type": "integer"},
            "lastActivityAt": {"type": "integer"},
            "conversations": {"type": "integer", "minimum": 0},
        },
    })
}
