//! The route that tells how turns ended lately.

use serde_json::json;
use transom_plugin_api::StartError;

use super::schema::{asking, giving, list_of, object};
use super::{Routes, query};

pub(super) fn serve(routes: &Routes<'_>) -> Result<(), StartError> {
    let output = object(json!({
        "turns": list_of(json!({"type": "object"})),
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    }));
    let about = giving("Tells how turns ended lately, the newest first, and counts them by reason", output);
    routes.add("GET /diagnostics/turns", asking(query::ended_keys(), about), async |store, request| {
        store.ended_lately(query::ended(&request.query, store.now_ms())?).await
    })
}
