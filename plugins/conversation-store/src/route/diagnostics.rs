//! The routes that tell how turns and streams to viewers ended lately.

use serde_json::{Value, json};
use transom_plugin_api::StartError;

use super::schema::{asking, giving, list_of, object};
use super::{Routes, query};

pub(super) fn serve(routes: &Routes<'_>) -> Result<(), StartError> {
    let output = object(json!({
        "turns": list_of(json!({"type": "object"})),
        "counts": counts(),
        "total": total(),
    }));
    let about = giving("Tells how turns ended lately, the newest first, and counts them by reason", output);
    routes.add("GET /diagnostics/turns", asking(query::ended_keys(), about), async |store, request| {
        store.ended_lately(query::ended(&request.query, store.now_ms())?).await
    })?;
    let output = object(json!({
        "streams": list_of(json!({"type": "object"})),
        "counts": counts(),
        "total": total(),
    }));
    let about = giving("Tells how streams to viewers ended lately, and counts them by reason", output);
    routes.add("GET /diagnostics/streams", asking(query::ended_keys(), about), async |store, request| {
        store.ended_streams(query::ended(&request.query, store.now_ms())?).await
    })
}

fn counts() -> Value {
    json!({"type": "object", "additionalProperties": {"type": "integer"}})
}

fn total() -> Value {
    object(json!({"since": {"type": ["integer", "null"]}, "counts": counts()}))
}
