//! The HTTP form of it.

use std::future::ready;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::body::fields_if_any;
use transom_agent::folder::{admitted, first_root};
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::{check_conversation_id, shown};
use transom_plugin_api::{CallError, Server, StartError, Text};

use crate::McpPorts;
use crate::connection::Phase;
use crate::status::{told, told_of_file};
use crate::turn::Servers;

/// Puts the routes on the bus.
pub(crate) fn register(
    servers: &Arc<Servers>,
    ports: &McpPorts,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let about = HttpRoute::new("the servers whose tools models may call, and how they are");
    let all = Arc::clone(servers);
    routes.serve_named("GET /mcp", about, move |_, _| ready(Ok(HttpReply::ok(everything(&all)))))?;
    let about = HttpRoute::new("the servers of a conversation's folder");
    let state = (Arc::clone(servers), ports.clone());
    let name = "GET /conversations/:id/mcp";
    routes.serve_named_with(name, about, &state, async |(servers, ports), request, _| {
        let id = request.param("id");
        check_conversation_id("conversationId", id)?;
        conversation(&servers, &ports, &id.into()).await.map(HttpReply::ok)
    })?;
    let about = HttpRoute::new("starts a server anew");
    let name = "POST /mcp/:server/restart";
    routes.serve_named_with(name, about, servers, async |servers, request, _| {
        fields_if_any(&request.body.value(), &[])?;
        let restarted = restart(&servers, request.param("server"))?;
        Ok(HttpReply::ok(json!({ "restarted": restarted })))
    })
}

/// All servers.
pub(crate) fn everything(servers: &Servers) -> Value {
    json!({ "servers": servers.all().iter().map(|one| told(one)).collect::<Value>() })
}

/// Starts all servers of that name anew, and answers how many those are.
///
/// # Errors
/// `NotFound` when there is none, `Conflict` when the operator does not want it.
pub(crate) fn restart(servers: &Servers, name: &str) -> Result<usize, CallError> {
    let meant: Vec<_> = servers.all().into_iter().filter(|one| one.name() == name).collect();
    let shown = shown(name, 64);
    if meant.is_empty() {
        return Err(CallError::not_found(format!("there is no server `{shown}`")));
    }
    if meant.iter().all(|one| one.phase() == Phase::Disabled) {
        return Err(CallError::conflict(format!("server `{shown}` is disabled")));
    }
    meant.iter().for_each(|one| one.restart());
    Ok(meant.len())
}

/// The servers of a conversation's folder, and where its file stands. Nothing is started.
pub(crate) async fn conversation(servers: &Servers, ports: &McpPorts, id: &Text) -> Result<Value, CallError> {
    let cwd = folder_of(servers, ports, id).await?;
    let (mut here, mut file) = (servers.own.clone(), Value::Null);
    if let (Some(folders), Some(cwd)) = (&servers.folders, &cwd) {
        here.extend(folders.of(cwd));
        file = told_of_file(&folders.standing(cwd).await);
    }
    Ok(json!({
        "conversationId": id.as_str(),
        "cwd": cwd.as_deref(),
        "file": file,
        "servers": here.iter().map(|one| told(one)).collect::<Value>(),
    }))
}

/// The folder that the next turn of a conversation works in; nothing where none can.
async fn folder_of(servers: &Servers, ports: &McpPorts, id: &Text) -> Result<Option<Text>, CallError> {
    let known = ports.find.call(id.clone()).await?;
    let chosen = match known.cwd.into_option() {
        Some(cwd) => Some(cwd),
        None => {
            let usual = ports.workspace_folder.call(known.workspace_id).await;
            usual.ok().and_then(|usual| usual.default_cwd.into_option())
        }
    };
    let host = &servers.company.host;
    let roots: Vec<PathBuf> = host.roots().map(PathBuf::from).collect();
    let found = host.blocking(move || match chosen {
        Some(folder) => admitted("cwd", &folder, &roots).ok(),
        None => first_root(&roots).ok().and_then(|root| root.to_str()).map(Text::from),
    });
    found.await
}
