//! Surfaces over HTTP, as they change.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::reach::{HttpFrame, HttpRequest, HttpRoute};
use transom_plugin_api::{CallError, Items, Map, Maybe, StartError, StreamServer};

use crate::desk::{Desk, update};
use crate::viewing::{Piece, Viewing};
use crate::wanted::by_query;

/// Puts the route on the bus.
pub(crate) fn register(
    desk: &Arc<Desk>,
    streams: &StreamServer<HttpRequest, HttpFrame, HttpRoute>,
) -> Result<(), StartError> {
    let keys = json!({
        "surface": {"type": "string", "description": "Which surfaces, with commas between them; all there are when left out."},
        "conversationId": {"type": "string", "description": "Whose surfaces, of those that belong to conversations."},
    });
    let about = HttpRoute {
        query: json!({"type": "object", "properties": keys}).into(),
        output: json!({"type": "object", "description": "`catalog`, `update` or `failed`, by its `type`"})
            .into(),
        ..HttpRoute::new("streams what surfaces show: everything at first, then what changes")
    };
    streams.serve_named_with("GET /surfaces/events", about, desk, async |desk, request, mut items, _| {
        show(&desk, request, &mut items).await
    })
}

async fn show(desk: &Arc<Desk>, request: HttpRequest, items: &mut Items<HttpFrame>) -> Result<(), CallError> {
    let mut viewing = Viewing::begin(desk, by_query(&request.query)?, true).await?;
    items.send(HttpFrame::Head { status: 200, headers: Map::new() }).await;
    // What comes first is everything there is, so an answer that was left goes on by being asked for again.
    items.send(HttpFrame::Resume { request: request.clone() }).await;
    while let Some(piece) = viewing.next().await {
        items.send(HttpFrame::Data { data: frame(piece).into(), id: Maybe::None }).await;
    }
    items.send(HttpFrame::GoOn { request }).await;
    Ok(())
}

fn frame(piece: Piece) -> Value {
    match piece {
        Piece::Catalogue(entries) => json!({ "type": "catalog", "surfaces": entries }),
        Piece::Update(id, showing) => {
            let mut frame = json!({ "type": "update" });
            if let Value::Object(fields) = &mut frame {
                fields.extend(update(&id, &showing));
            }
            frame
        }
        Piece::Failed(id, error) => json!({ "type": "failed", "surfaceId": id, "message": told(&error) }),
    }
}

/// What a client is told of a surface that shows nothing. The text of a panic was written for nobody.
pub(crate) fn told(error: &CallError) -> String {
    match error.kind {
        transom_plugin_api::CallErrorKind::Panicked => {
            "the plugin that has this surface broke down; the server's log has more".to_owned()
        }
        _ => error.message.to_string(),
    }
}
