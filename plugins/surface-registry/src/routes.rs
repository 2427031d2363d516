//! Surfaces over HTTP, one at a time.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::body::{check_query, fields_if_any};
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::{CallError, Json, Server, StartError, Text};

use crate::desk::{Desk, acted};
use crate::wanted::text;

/// Puts the routes on the bus.
pub(crate) fn register(
    desk: &Arc<Desk>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let about = with_conversation("the surfaces there are");
    routes.serve_named_with("GET /surfaces", about, desk, async |desk, request, _| {
        list(&desk, &request).await
    })?;
    let about = with_conversation("what a surface shows");
    routes.serve_named_with("GET /surfaces/:id", about, desk, async |desk, request, _| {
        show(&desk, &request).await
    })?;
    let about = HttpRoute {
        input: Json::from(json!({"type": "object", "additionalProperties": false, "properties": {
            "payload": {"description": "What the field wants: true or false, one of its options, a number, or nothing."},
            "conversationId": {"type": "string", "description": "Whose surface, where each conversation has one."},
        }})),
        ..HttpRoute::new("uses a field of a surface")
    };
    let name = "POST /surfaces/:id/actions/:action";
    routes.serve_named_with(name, about, desk, async |desk, request, _| act(&desk, &request).await)
}

fn with_conversation(summary: &str) -> HttpRoute {
    let keys = json!({"conversationId": {"type": "string"}});
    HttpRoute { query: json!({"type": "object", "properties": keys}).into(), ..HttpRoute::new(summary) }
}

/// The conversation of a request that may be asked with nothing else.
fn conversation_of(request: &HttpRequest) -> Result<Option<&Text>, CallError> {
    check_query(&request.query, &["conversationId"])?;
    Ok(request.query.get("conversationId"))
}

async fn list(desk: &Desk, request: &HttpRequest) -> Result<HttpReply, CallError> {
    if let Some(conversation_id) = conversation_of(request)? {
        desk.check_there(conversation_id).await?;
    }
    Ok(HttpReply::ok(json!({ "surfaces": desk.catalogue() })))
}

async fn show(desk: &Desk, request: &HttpRequest) -> Result<HttpReply, CallError> {
    let conversation_id = conversation_of(request)?;
    Ok(HttpReply::ok(desk.show(request.param("id"), conversation_id).await?.document))
}

async fn act(desk: &Desk, request: &HttpRequest) -> Result<HttpReply, CallError> {
    let fields = fields_if_any(&request.body.value(), &["payload", "conversationId"])?;
    let conversation_id = text(&fields, "conversationId")?;
    let payload = fields.get("payload").cloned().unwrap_or(Value::Null);
    let (id, action) = (request.param("id"), request.param("action"));
    let done = desk.act(id, action, payload.into(), conversation_id.as_ref()).await?;
    Ok(HttpReply::ok(acted(id, action, &done)))
}
