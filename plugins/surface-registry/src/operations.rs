//! Surfaces over WebSocket.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::body::fields;
use transom_agent::reach::{Verb, WsPush};
use transom_plugin_api::{CallError, Items, Json, Server, StartError, StreamServer};

use crate::desk::{Desk, acted, update};
use crate::events::told;
use crate::viewing::{Piece, Viewing};
use crate::wanted::{Which, by_message, needed, text};

/// Puts the operations and the subscription on the bus.
pub(crate) fn register(
    desk: &Arc<Desk>,
    operations: &Server<Json, Json, Verb>,
    subscriptions: &StreamServer<Json, WsPush, Verb>,
) -> Result<(), StartError> {
    let about = verb("the surfaces there are", &["conversationId"]);
    operations
        .serve_named_with("surfaces.list", about, desk, async |desk, input, _| list(&desk, &input).await)?;
    let known = ["surfaceId", "action", "payload", "conversationId"];
    let about = verb("uses a field of a surface", &known);
    operations.serve_named_with("surfaces.invoke", about, desk, async |desk, input, _| {
        invoke(&desk, &input).await
    })?;
    let about = verb("what a surface shows, or which there are", &["surfaceId", "conversationId"]);
    subscriptions.serve_named_with("surfaces", about, desk, async |desk, input, mut items, _| {
        show(&desk, &input, &mut items).await
    })
}

fn verb(summary: &str, fields: &[&str]) -> Verb {
    let sort = |name: &&str| if *name == "payload" { json!({}) } else { json!({ "type": "string" }) };
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|name| ((*name).to_owned(), sort(name))).collect();
    let input = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    Verb { summary: summary.into(), input: input.into() }
}

async fn list(desk: &Desk, input: &Json) -> Result<Json, CallError> {
    let fields = fields(&input.value(), &["conversationId"])?;
    if let Some(conversation_id) = text(&fields, "conversationId")? {
        desk.check_there(&conversation_id).await?;
    }
    Ok(json!({ "surfaces": desk.catalogue() }).into())
}

async fn invoke(desk: &Desk, input: &Json) -> Result<Json, CallError> {
    let fields = fields(&input.value(), &["surfaceId", "action", "payload", "conversationId"])?;
    let (id, action) = (needed(&fields, "surfaceId")?, needed(&fields, "action")?);
    let conversation_id = text(&fields, "conversationId")?;
    let payload = fields.get("payload").cloned().unwrap_or(Value::Null);
    let done = desk.act(&id, &action, payload.into(), conversation_id.as_ref()).await?;
    Ok(acted(&id, &action, &done).into())
}

async fn show(desk: &Arc<Desk>, input: &Json, items: &mut Items<WsPush>) -> Result<(), CallError> {
    let wanted = by_message(&fields(&input.value(), &["surfaceId", "conversationId"])?)?;
    let shows_catalogue = wanted.which == Which::Catalogue;
    let mut viewing = Viewing::begin(desk, wanted, shows_catalogue).await?;
    let mut is_first = true;
    while let Some(piece) = viewing.next().await {
        match piece {
            // Then there is nothing to subscribe to.
            Piece::Failed(_, error) if is_first => return Err(error),
            piece => items.send(push(piece)).await,
        }
        is_first = false;
    }
    Ok(())
}

fn push(piece: Piece) -> WsPush {
    let (kind, fields) = match piece {
        Piece::Catalogue(entries) => ("surfaces.catalog", json!({ "surfaces": entries })),
        Piece::Update(id, showing) => ("surfaces.update", Value::Object(update(&id, &showing))),
        Piece::Failed(id, error) => ("surfaces.failed", json!({ "surfaceId": id, "message": told(&error) })),
    };
    WsPush { kind: kind.into(), fields: fields.into() }
}
