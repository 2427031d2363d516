//! Routes over workspaces.

use serde_json::json;
use transom_agent::reach::HttpRequest;
use transom_agent::workspace::{WorkspaceQuery, WorkspaceUpdate};
use transom_plugin_api::{CallError, Maybe, StartError, Text};

use super::Routes;
use super::body::Body;
use super::schema::{giving, list_of, object, taking, workspace};
use crate::identity::check_workspace_id;

pub(super) fn serve(routes: &Routes<'_>) -> Result<(), StartError> {
    let output = object(json!({"workspaces": list_of(workspace())}));
    let about = giving("Lists workspaces, the most recently active first", output);
    routes
        .add("GET /workspaces", about, async |store, _| store.workspaces(WorkspaceQuery::default()).await)?;

    let about = giving("Tells about a workspace", workspace());
    routes.add("GET /workspaces/:id", about, async |store, request| {
        let id = id_of(&request)?;
        let found = store.workspaces(WorkspaceQuery { id: Maybe::Some(id.clone()) }).await?;
        let found = found.workspaces.into_iter().next();
        found.ok_or_else(|| CallError::not_found(format!("there is no workspace `{id}`")))
    })?;

    let (text, choice) = (json!({"type": "string"}), json!({"type": ["string", "null"]}));
    let fields = json!({"title": text, "defaultCwd": text});
    let about = taking("Makes a workspace; one that is there stays as it is", fields, workspace());
    routes.add("PUT /workspaces/:id", about, async |store, request| {
        let body = Body::of(&request, &["title", "defaultCwd"])?;
        let title = body.text("title")?.map(Text::from).into();
        let default_cwd = body.text("defaultCwd")?.map(Text::from).into();
        store.make_workspace(WorkspaceUpdate { id: id_of(&request)?, title, default_cwd }).await
    })?;

    let output = object(json!({"workspaceId": text, "closedCount": {"type": "integer", "minimum": 0}}));
    let about =
        giving("Deletes a workspace; its conversations are closed and move to the default one", output);
    routes.add("DELETE /workspaces/:id", about, async |store, request| {
        Body::of(&request, &[])?;
        store.delete_workspace(&id_of(&request)?).await
    })?;

    let about = taking("Sets a workspace's title", json!({"title": text}), workspace());
    routes.add("PUT /workspaces/:id/title", about, async |store, request| {
        let title = Maybe::Some(Body::of(&request, &["title"])?.words("title")?.into());
        let update = WorkspaceUpdate { id: id_of(&request)?, title, ..WorkspaceUpdate::default() };
        store.update_workspace(update).await
    })?;

    let summary = "Chooses the folder of conversations that chose none, or takes that back";
    let about = taking(summary, json!({"defaultCwd": choice}), workspace());
    routes.add("PUT /workspaces/:id/default-cwd", about, async |store, request| {
        let cwd = Body::of(&request, &["defaultCwd"])?.choice("defaultCwd")?.unwrap_or_default();
        let default_cwd = Maybe::Some(cwd.into());
        let update = WorkspaceUpdate { id: id_of(&request)?, default_cwd, ..WorkspaceUpdate::default() };
        store.update_workspace(update).await
    })
}

fn id_of(request: &HttpRequest) -> Result<Text, CallError> {
    let id = request.param("id");
    check_workspace_id("id", id).map(|()| id.into())
}
