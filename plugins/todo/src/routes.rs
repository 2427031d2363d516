//! The HTTP form of it.

use std::sync::Arc;

use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::{Server, StartError};

use crate::shelf::Shelf;

/// Puts the route on the bus.
pub(crate) fn register(
    shelf: &Arc<Shelf>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let about = HttpRoute::new("what a model has to do in a conversation, as it wrote it down");
    routes.serve_named_with("GET /conversations/:id/todos", about, shelf, async |shelf, request, _| {
        HttpReply::json(&shelf.list(&request.param("id").into()).await?)
    })
}
