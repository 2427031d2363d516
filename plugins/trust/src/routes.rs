//! The HTTP form of it.

use std::future::ready;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use transom_agent::body::{check_query, fields, unexpected};
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::shown;
use transom_plugin_api::{CallError, Server, StartError};

use crate::folder;
use crate::keeper::Keeper;
use crate::row;
use crate::subject::Subject;

/// Puts the routes on the bus.
pub(crate) fn register(
    keeper: &Arc<Keeper>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let about = HttpRoute::new("what waits to be trusted, and what was answered");
    let shown = Arc::clone(keeper);
    routes
        .serve_named("GET /trust", about, move |_, _| ready(Ok(HttpReply::ok(row::told(&shown.book())))))?;
    let about =
        HttpRoute { input: input().into(), ..HttpRoute::new("answers whether something may be used") };
    routes.serve_named_with("PUT /trust", about, keeper, async |keeper, request, _| {
        answer(&keeper, &request.body.value()).await
    })?;
    let about = HttpRoute { query: subject_schema().into(), ..HttpRoute::new("forgets answers") };
    routes.serve_named_with("DELETE /trust", about, keeper, async |keeper, request, _| {
        forget(&keeper, &request).await
    })
}

async fn answer(keeper: &Keeper, body: &Value) -> Result<HttpReply, CallError> {
    let fields = &fields(body, &["folder", "name", "sha256", "trusted"])?;
    let trusted = match fields.get("trusted") {
        Some(Value::Bool(trusted)) => trusted,
        Some(other) => return Err(unexpected("trusted", other, "`true` or `false`")),
        None => {
            return Err(CallError::invalid_input("field `trusted` is missing, expected `true` or `false`"));
        }
    };
    let Some(folder) = text(fields, "folder")? else {
        return Err(CallError::invalid_input("field `folder` is missing"));
    };
    let subject = named(keeper, folder, text(fields, "name")?, text(fields, "sha256")?).await?;
    keeper.answer(subject, *trusted).await?;
    Ok(HttpReply::ok(row::told(&keeper.book())))
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, CallError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(unexpected(name, other, "text")),
    }
}

async fn named(
    keeper: &Keeper,
    written: &str,
    name: Option<&str>,
    sha256: Option<&str>,
) -> Result<Subject, CallError> {
    // What is too long or leads upwards is refused before the disk is asked.
    Subject::new(written, name, sha256)?;
    Subject::new(&folder::resolved(&keeper.host, written).await?, name, sha256)
}

async fn forget(keeper: &Keeper, request: &HttpRequest) -> Result<HttpReply, CallError> {
    check_query(&request.query, &["folder", "name", "sha256"])?;
    let query = |name: &str| request.query.get(name).map(|value| value.as_str());
    let Some(folder) = query("folder") else {
        return Err(CallError::invalid_input("`folder` is missing in the query"));
    };
    let subject = named(keeper, folder, query("name"), query("sha256")).await?;
    match keeper.forget(&subject).await? {
        0 => Err(CallError::not_found(format!("nothing was answered of `{}`", shown(folder, 200)))),
        count => Ok(HttpReply::ok(json!({ "forgotten": count }))),
    }
}

fn properties() -> Value {
    json!({
        "folder": {"type": "string", "description": "The folder: an absolute path."},
        "name": {"type": "string", "description": "A file in it; whatever is in the folder when absent."},
        "sha256": {"type": "string", "description": "The content of the file that is meant; whatever it says when absent."},
    })
}

fn subject_schema() -> Value {
    json!({"type": "object", "required": ["folder"], "properties": properties()})
}

fn input() -> Value {
    let mut properties = properties();
    properties["trusted"] = json!({"type": "boolean"});
    json!({
        "type": "object", "additionalProperties": false, "required": ["folder", "trusted"], "properties": properties,
    })
}
