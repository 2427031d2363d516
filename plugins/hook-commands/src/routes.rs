//! The HTTP form of it.

use std::sync::Arc;

use serde_json::json;
use transom_agent::body::check_query;
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::{Server, StartError};

use crate::hooks::Hooks;
use crate::listing;

/// Puts the route on the bus.
pub(crate) fn register(
    hooks: &Arc<Hooks>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let query = json!({"type": "object", "properties": {
        "folder": {"type": "string", "description": "The folder: an absolute path; the host's first root when absent."},
    }});
    let about = HttpRoute { query: query.into(), ..HttpRoute::new("the hooks that run in a folder") };
    routes.serve_named_with("GET /hooks", about, hooks, async |hooks, request, _| {
        check_query(&request.query, &["folder"])?;
        let folder = request.query.get("folder").map(|folder| folder.as_str());
        let folder = listing::meant(&hooks, folder).await?;
        Ok(HttpReply::ok(listing::told(&hooks, &folder).await))
    })
}
