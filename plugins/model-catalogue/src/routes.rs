//! `GET /models/facts`: of one model, or of all that are served.

use std::future::ready;
use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::provider::{ModelFacts, ModelInfo, ModelRequest, ProviderEvent};
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::shown;
use transom_plugin_api::{CallError, Json, Server, StartError, StreamCaller};

use crate::catalogue::Catalogue;

type Models = StreamCaller<ModelRequest, ProviderEvent, ModelInfo>;

/// Puts the route on the bus.
pub(crate) fn register(
    catalogue: Arc<Catalogue>,
    models: Models,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let query = json!({ "type": "object", "properties": { "model": { "type": "string" } } });
    let about = HttpRoute {
        query: query.into(),
        output: schema().into(),
        ..HttpRoute::new("what is known about a model, or about all that are served")
    };
    routes.serve_named("GET /models/facts", about, move |request, _| {
        ready(answer(&catalogue, &models, &request))
    })
}

fn answer(catalogue: &Catalogue, models: &Models, request: &HttpRequest) -> Result<HttpReply, CallError> {
    if let Some((other, _)) = request.query.iter().find(|(key, _)| *key != "model") {
        let problem = format!("query `{}` is unknown; known is `model`", shown(other, 64));
        return Err(CallError::invalid_input(problem));
    }
    let served = models.names();
    if let Some(name) = request.query.get("model") {
        return Ok(HttpReply::ok(document(name, &catalogue.facts(name, &served))?));
    }
    let all = served
        .iter()
        .map(|model| document(&model.name, &catalogue.facts_of(&model.name, Some(&model.about))));
    Ok(HttpReply::ok(json!({ "models": all.collect::<Result<Vec<_>, _>>()? })))
}

/// The facts beside the name.
fn document(name: &str, facts: &ModelFacts) -> Result<Value, CallError> {
    let mut document = json!({ "model": name });
    if let (Some(fields), Value::Object(facts)) = (document.as_object_mut(), Json::of(facts)?.value()) {
        fields.extend(facts);
    }
    Ok(document)
}

fn schema() -> Value {
    let (whole, price) = (json!({ "type": "integer" }), json!({ "type": "number" }));
    let prices = json!({
        "type": "object",
        "properties": {
            "input": price, "output": price, "cacheRead": price, "cacheWrite": price, "asOf": { "type": "string" },
        },
    });
    let facts = json!({
        "type": "object",
        "properties": {
            "model": { "type": "string" },
            "contextWindow": whole,
            "maxOutputTokens": whole,
            "cacheLifetimeS": whole,
            "prices": prices,
        },
        "required": ["model"],
    });
    let all = json!({ "type": "object", "properties": { "models": { "type": "array", "items": facts } } });
    json!({ "anyOf": [facts, all] })
}
