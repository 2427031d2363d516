//! The HTTP form of it.

use std::future::ready;
use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::body::{fields, unexpected};
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::check_conversation_id;
use transom_plugin_api::{CallError, CallErrorKind, Server, StartError, Text};

use crate::built::Built;
use crate::current::Current;
use crate::prompts::Prompts;
use crate::variable;

/// Puts the routes on the bus.
pub(crate) fn register(
    prompts: &Arc<Prompts>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let about = HttpRoute::new("the template of what models are told before a conversation");
    let told = Arc::clone(prompts);
    routes.serve_named("GET /system-prompt", about, move |_, _| {
        ready(Ok(HttpReply::ok(template(&told.template()))))
    })?;
    let about = HttpRoute {
        input: json!({"type": "object", "additionalProperties": false, "required": ["template"], "properties": {
            "template": {"type": ["string", "null"], "description": "The template; an empty one for no prompt, `null` for the operator's."},
        }})
        .into(),
        ..HttpRoute::new("puts a template in the place of the operator's; conversations have it from their next turn on")
    };
    routes.serve_named_with("PUT /system-prompt", about, prompts, async |prompts, request, _| {
        put(&prompts, &request.body.value()).await
    })?;
    let about = HttpRoute::new("what may stand in a template");
    routes.serve_named("GET /system-prompt/variables", about, |_, _| {
        ready(Ok(HttpReply::ok(variable::described())))
    })?;
    let about = HttpRoute::new("what the models of a conversation are told, and what that was built from");
    let name = "GET /conversations/:id/system-prompt";
    routes.serve_named_with(name, about, prompts, async |prompts, request, _| {
        let id = request.param("id");
        check_conversation_id("conversationId", id)?;
        conversation(&prompts, &id.into()).await.map(HttpReply::ok)
    })
}

/// The template, as it is told.
pub(crate) fn template(current: &Current) -> Value {
    let mut told = json!({ "template": current.text, "isDefault": current.is_default });
    let unknown = current.template.unknown();
    if !unknown.is_empty() {
        told["unknown"] = unknown.into_iter().map(Value::from).collect();
    }
    told
}

async fn put(prompts: &Prompts, body: &Value) -> Result<HttpReply, CallError> {
    match fields(body, &["template"])?.get("template") {
        None => return Err(CallError::invalid_input("field `template` is missing")),
        Some(Value::Null) => prompts.put(None).await?,
        Some(Value::String(text)) => prompts.put(Some(text)).await?,
        Some(other) => return Err(unexpected("template", other, "text or null")),
    }
    Ok(HttpReply::ok(template(&prompts.template())))
}

/// What the models of a conversation are told, which has to be there.
///
/// # Errors
/// `NotFound` when it is not.
pub(crate) async fn conversation(prompts: &Prompts, id: &Text) -> Result<Value, CallError> {
    match prompts.ports.find.call(id.clone()).await {
        // Where nobody keeps conversations nobody knows whether it is one.
        Err(error) if error.kind != CallErrorKind::NoProvider => Err(error),
        _ => Ok(told(id, prompts.last(id).await)),
    }
}

fn told(id: &Text, built: Option<Built>) -> Value {
    let Some(built) = built else { return json!({ "conversationId": id.as_str(), "text": null }) };
    let left_out: Vec<_> = built.inputs.files.iter().filter(|file| file.is_left_out()).collect();
    let mut told = json!({
        "conversationId": id.as_str(),
        "text": built.text,
        "builtAt": built.built_at,
        "because": built.because,
        "inputs": built.inputs,
        "leftOut": left_out,
    });
    if let Some(outdated) = &built.outdated {
        told["outdated"] = outdated.as_str().into();
    }
    told
}
