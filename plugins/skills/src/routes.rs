//! The HTTP form of it.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::body::{fields_if_any, unexpected};
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::{check_conversation_id, shown};
use transom_plugin_api::{CallError, Json, Server, StartError, Text};

use crate::catalogue::is_name;
use crate::listing;
use crate::pins::{Failure, Pins};

/// Characters of what is refused that are shown.
const SHOWN: usize = 40;

/// Puts the routes on the bus.
pub(crate) fn register(
    pins: &Arc<Pins>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let about =
        HttpRoute::new("the skills there are where a conversation works, and which of them are active");
    routes.serve_named_with("GET /conversations/:id/skills", about, pins, async |pins, request, _| {
        let id = conversation(&request)?;
        let outlook = pins.outlook(&id).await?;
        Ok(HttpReply::ok(listing::told(Some(&id), &outlook, pins.limits)))
    })?;
    let about = HttpRoute {
        input: Json::from(json!({"type": "object", "additionalProperties": false, "properties": {
            "force": {"type": "boolean", "description": "Whether it becomes active although it contradicts an active skill, or has to be cut."},
        }})),
        ..HttpRoute::new("makes a skill active in a conversation; 409 says what is in the way")
    };
    routes.serve_named_with(
        "PUT /conversations/:id/skills/:name",
        about,
        pins,
        async |pins, request, _| {
            let (id, name, force) = (conversation(&request)?, name(&request)?, force(&request)?);
            match pins.activate(id.clone(), name.clone(), force).await {
                Ok(activated) => Ok(HttpReply::ok(
                    json!({"conversationId": id.as_str(), "name": name, "activated": activated}),
                )),
                Err(Failure::Unfit(unfit)) => {
                    Ok(HttpReply { status: 409, ..HttpReply::ok(listing::refusal(&name, &unfit)) })
                }
                Err(Failure::Call(error)) => Err(error),
            }
        },
    )?;
    let about = HttpRoute::new("lets an active skill of a conversation go");
    routes.serve_named_with(
        "DELETE /conversations/:id/skills/:name",
        about,
        pins,
        async |pins, request, _| {
            let (id, name) = (conversation(&request)?, name(&request)?);
            let deactivated = pins.deactivate(id.clone(), name.clone()).await?;
            Ok(HttpReply::ok(
                json!({"conversationId": id.as_str(), "name": name, "deactivated": deactivated}),
            ))
        },
    )
}

fn conversation(request: &HttpRequest) -> Result<Text, CallError> {
    let id = request.param("id");
    check_conversation_id("conversationId", id)?;
    Ok(id.into())
}

fn name(request: &HttpRequest) -> Result<String, CallError> {
    checked("name", request.param("name"))
}

/// A name that a skill can have.
///
/// # Errors
/// `InvalidInput` with the field and what is wrong with it.
pub(crate) fn checked(field: &str, name: &str) -> Result<String, CallError> {
    if is_name(name) {
        return Ok(name.to_owned());
    }
    let name = shown(name, SHOWN);
    Err(CallError::invalid_input(format!(
        "`{field}` is `{name}`, expected the name of a skill: 1 to 128 bytes without slashes, `..` and what controls"
    )))
}

fn force(request: &HttpRequest) -> Result<bool, CallError> {
    match fields_if_any(&request.body.value(), &["force"])?.get("force") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(force)) => Ok(*force),
        Some(other) => Err(unexpected("force", other, "true or false")),
    }
}
