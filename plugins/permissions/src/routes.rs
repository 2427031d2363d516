//! The HTTP form of it.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::body::{check_query, fields};
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::{CallError, Server, StartError};

use crate::office::{Office, Wish, decision, text};

/// Puts the routes on the bus.
pub(crate) fn register(
    office: &Arc<Office>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let query = schema(&["folder", "conversationId"], &[]);
    let about =
        HttpRoute { query: query.into(), ..HttpRoute::new("the rules by which calls of tools are judged") };
    routes.serve_named_with("GET /permissions", about, office, async |office, request, _| {
        list(&office, &request).await
    })?;
    let input = schema(&["decision", "rule", "folder", "conversationId"], &["decision", "rule"]);
    let about = HttpRoute { input: input.into(), ..HttpRoute::new("adds a rule") };
    routes.serve_named_with("PUT /permissions", about, office, async |office, request, _| {
        add(&office, &request.body.value()).await
    })?;
    let about = HttpRoute { query: schema(&["id"], &["id"]).into(), ..HttpRoute::new("forgets a rule") };
    routes.serve_named_with("DELETE /permissions", about, office, async |office, request, _| {
        forget(&office, &request).await
    })?;
    let mut input = schema(&["tool", "folder", "conversationId"], &["tool", "folder"]);
    input["properties"]["input"] = json!({"type": "object"});
    let about = HttpRoute { input: input.into(), ..HttpRoute::new("what would become of a call") };
    routes.serve_named_with("POST /permissions/check", about, office, async |office, request, _| {
        check(&office, &request.body.value()).await
    })
}

/// An object of texts.
fn schema(known: &[&str], required: &[&str]) -> Value {
    let properties: serde_json::Map<_, _> =
        known.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

async fn list(office: &Office, request: &HttpRequest) -> Result<HttpReply, CallError> {
    check_query(&request.query, &["folder", "conversationId"])?;
    let query = |name: &str| request.query.get(name).map(|value| value.as_str());
    Ok(HttpReply::ok(office.list(query("folder"), query("conversationId")).await?))
}

async fn add(office: &Office, body: &Value) -> Result<HttpReply, CallError> {
    let fields = &fields(body, &["decision", "rule", "folder", "conversationId"])?;
    let wanted = |name: &str| {
        text(fields, name)?.ok_or_else(|| CallError::invalid_input(format!("field `{name}` is missing")))
    };
    let wish = Wish {
        decision: decision(wanted("decision")?)?,
        rule: wanted("rule")?,
        folder: text(fields, "folder")?,
        conversation: text(fields, "conversationId")?,
    };
    Ok(HttpReply::ok(office.add(wish).await?))
}

async fn forget(office: &Office, request: &HttpRequest) -> Result<HttpReply, CallError> {
    check_query(&request.query, &["id"])?;
    let Some(id) = request.query.get("id") else {
        return Err(CallError::invalid_input("`id` is missing in the query"));
    };
    office.forget(id).await?;
    Ok(HttpReply::ok(json!({ "forgotten": id.as_str() })))
}

async fn check(office: &Office, body: &Value) -> Result<HttpReply, CallError> {
    let fields = &fields(body, &["tool", "input", "folder", "conversationId"])?;
    let wanted = |name: &str| {
        text(fields, name)?.ok_or_else(|| CallError::invalid_input(format!("field `{name}` is missing")))
    };
    let input = fields.get("input").cloned().unwrap_or_else(|| json!({}));
    let (tool, folder) = (wanted("tool")?, wanted("folder")?);
    Ok(HttpReply::ok(office.check(tool, input, folder, text(fields, "conversationId")?).await?))
}
