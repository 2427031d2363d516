//! The HTTP form of the orchestrator.

mod answer;
mod chat;
mod choices;
mod stream;

use std::sync::Arc;

use serde_json::{Map as Object, Value, json};
use transom_agent::provider::ModelInfo;
use transom_agent::reach::{HttpFrame, HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::shown;
use transom_plugin_api::{CallError, Json, Provided, Server, StartError, StreamServer, Text};

use crate::admission::SHOWN;
use crate::edges::Edges;
use crate::orchestrator::{Last, Orchestrator};

/// Puts the routes on the bus.
pub(crate) fn register<E: Edges>(
    orchestrator: &Arc<Orchestrator<E>>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
    streams: &StreamServer<HttpRequest, HttpFrame, HttpRoute>,
) -> Result<(), StartError> {
    let shared = Arc::clone(orchestrator);
    let about = HttpRoute::new("the models that can be asked, and the default one");
    routes.serve_named("GET /models", about, move |_, _| {
        std::future::ready(Ok(HttpReply::ok(models_body(shared.models()))))
    })?;
    let shared = Arc::clone(orchestrator);
    let about =
        HttpRoute { output: status_schema().into(), ..HttpRoute::new("what a conversation is doing") };
    routes.serve_named("GET /conversations/:id/status", about, move |request, _| {
        let orchestrator = Arc::clone(&shared);
        async move { reply(&orchestrator.status(&conversation_of(&request)?).await?) }
    })?;
    let shared = Arc::clone(orchestrator);
    let about = HttpRoute::new("stops the running turn of a conversation");
    routes.serve_named("POST /conversations/:id/stop", about, move |request, _| {
        let orchestrator = Arc::clone(&shared);
        async move { reply(&orchestrator.stop(&bodiless(&request)?).await?) }
    })?;
    let shared = Arc::clone(orchestrator);
    let about = HttpRoute::new("puts a conversation away; its turn is stopped");
    routes.serve_named("POST /conversations/:id/close", about, move |request, _| {
        let orchestrator = Arc::clone(&shared);
        async move { reply(&orchestrator.close(&bodiless(&request)?).await?) }
    })?;
    let shared = Arc::clone(orchestrator);
    let about = HttpRoute::new("asks for a conversation to be shown wherever conversations are shown");
    routes.serve_named("POST /conversations/:id/open", about, move |request, _| {
        let orchestrator = Arc::clone(&shared);
        async move {
            let opened = orchestrator.open(&bodiless(&request)?).await?;
            reply(&json!({ "conversationId": opened.id }))
        }
    })?;
    let shared = Arc::clone(orchestrator);
    let about = HttpRoute::new("what the model said last; waits up to a minute for the end of a turn");
    routes.serve_named("GET /conversations/:id/last", about, move |request, _| {
        let orchestrator = Arc::clone(&shared);
        async move {
            let conversation_id = conversation_of(&request)?;
            reply(&last_body(&conversation_id, &orchestrator.last(&conversation_id).await?))
        }
    })?;
    let shared = Arc::clone(orchestrator);
    routes.serve_named("POST /conversations/:id/answer", answer::about(), move |request, _| {
        let orchestrator = Arc::clone(&shared);
        async move { reply(&orchestrator.answer(answer::read(&request)?).await?) }
    })?;
    let shared = Arc::clone(orchestrator);
    routes.serve_named("GET /questions", answer::about_list(), move |request, _| {
        let orchestrator = Arc::clone(&shared);
        async move { reply(&orchestrator.questions(answer::of_query(&request)?).await?) }
    })?;
    let shared = Arc::clone(orchestrator);
    routes.serve_named("PUT /conversations/:id/model", choices::about_model(), move |request, _| {
        let orchestrator = Arc::clone(&shared);
        async move { reply(&choices::model(&orchestrator, &request).await?) }
    })?;
    let shared = Arc::clone(orchestrator);
    routes.serve_named("PUT /conversations/:id/cwd", choices::about_cwd(), move |request, _| {
        let orchestrator = Arc::clone(&shared);
        async move { reply(&choices::cwd(&orchestrator, &request).await?) }
    })?;
    let shared = Arc::clone(orchestrator);
    streams.serve_named("GET /conversations/:id/events", stream::about(), move |request, mut items, _| {
        let orchestrator = Arc::clone(&shared);
        async move { stream::events(&orchestrator, &request, &mut items).await }
    })?;
    let shared = Arc::clone(orchestrator);
    streams.serve_named("POST /chat", chat::about(), move |request, mut items, _| {
        let orchestrator = Arc::clone(&shared);
        async move { stream::chat(&orchestrator, &request, &mut items).await }
    })
}

/// JSON Schema of [`TurnStatus`](transom_agent::turn::TurnStatus).
fn status_schema() -> Value {
    let stall = json!({
        "type": "object",
        "description": "there while the running turn does not move",
        "properties": {
            "since": { "type": "integer", "description": "milliseconds since the epoch, when something came last" },
            "step": { "type": "integer" },
            "waitingFor": { "type": "string", "description": "`model` or `host`" },
        },
        "required": ["since", "step", "waitingFor"],
    });
    json!({
        "type": "object",
        "properties": {
            "conversationId": { "type": "string" },
            "isActive": { "type": "boolean" },
            "status": { "enum": ["active", "idle", "closed"] },
            "stalled": stall,
        },
        "required": ["conversationId", "isActive", "status"],
    })
}

fn last_body(conversation_id: &Text, last: &Last) -> Value {
    let mut body = json!({ "conversationId": conversation_id, "content": last.content });
    if let Some(turn_id) = &last.turn_id {
        body["turnId"] = json!(turn_id);
    }
    body
}

fn models_body((models, default): (Vec<Provided<ModelInfo>>, Option<Text>)) -> Value {
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let about: Object<String, Value> =
        models.iter().map(|model| (model.name.to_string(), json!(model.about))).collect();
    json!({ "models": names, "modelInfo": about, "default": default })
}

fn conversation_of(request: &HttpRequest) -> Result<Text, CallError> {
    request.params.get("id").cloned().ok_or_else(|| CallError::invalid_input("the path has no `id`"))
}

/// The conversation of a request whose body has nothing to say: there is none, or it has no fields.
///
/// # Errors
/// `InvalidInput` that names a field.
fn bodiless(request: &HttpRequest) -> Result<Text, CallError> {
    match request.body.value() {
        Value::Null => {}
        Value::Object(fields) if fields.is_empty() => {}
        Value::Object(fields) => {
            let field = fields.keys().next().map(|field| shown(field, SHOWN)).unwrap_or_default();
            return Err(CallError::invalid_input(format!("field `{field}` is unknown; none is known")));
        }
        other => {
            let kind = chat::kind_of(&other);
            return Err(CallError::invalid_input(format!("the body is {kind}, expected none")));
        }
    }
    conversation_of(request)
}

/// The body of a request, an object that has no other fields than these.
///
/// # Errors
/// `InvalidInput` that names the field.
fn fields_of(request: &HttpRequest, known: &[&str]) -> Result<Value, CallError> {
    let body = request.body.value();
    let names = || known.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(" and ");
    let Value::Object(fields) = &body else {
        let kind = chat::kind_of(&body);
        return Err(CallError::invalid_input(format!(
            "the body is {kind}, expected an object with {}",
            names()
        )));
    };
    match fields.keys().find(|field| !known.contains(&field.as_str())) {
        Some(field) => {
            let field = shown(field, SHOWN);
            Err(CallError::invalid_input(format!("field `{field}` is unknown; known are {}", names())))
        }
        None => Ok(body),
    }
}

fn reply(body: &impl serde::Serialize) -> Result<HttpReply, CallError> {
    encoded(body).map(HttpReply::ok)
}

fn encoded(value: &impl serde::Serialize) -> Result<Json, CallError> {
    Json::of(value).map_err(|error| CallError::failed(format!("the answer cannot be encoded: {error}")))
}

fn new_conversation_id() -> Text {
    uuid::Uuid::new_v4().to_string().into()
}

#[cfg(test)]
mod tests;
