//! The HTTP form of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use transom_agent::body::{fields_if_any, unexpected};
use transom_agent::cache::Warmed;
use transom_agent::conversation::Conversation;
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::check_conversation_id;
use transom_plugin_api::{CallError, Json, Server, StartError, Text};

use crate::choice::{Choice, choose};
use crate::record::{LEAST_INTERVAL_MS, MOST_INTERVAL_MS, Mode};
use crate::warmer::Warmer;

/// How long a request by hand is waited for: transports give a route some seconds more.
const PATIENCE: Duration = Duration::from_secs(25);

/// Puts the routes on the bus.
pub(crate) fn register(
    warmer: &Arc<Warmer>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let about = HttpRoute {
        input: Json::from(
            json!({"type": "object", "additionalProperties": false, "required": ["conversationId"], "properties": {
                "conversationId": {"type": "string", "description": "Which conversation."},
            }}),
        ),
        ..HttpRoute::new(
            "asks the prompt of a conversation again, so that its provider keeps it in its cache",
        )
    };
    routes.serve_named_with("POST /chat/warm", about, warmer, async |warmer, request, _| {
        warm(&warmer, &request).await
    })?;
    let about =
        HttpRoute::new("whether a conversation is kept in its provider's cache, and what came of that");
    let name = "GET /conversations/:id/cache-warming";
    routes.serve_named_with(name, about, warmer, async |warmer, request, _| {
        let conversation = known(&warmer, request.param("id")).await?;
        Ok(HttpReply::ok(standing(&warmer, &conversation).await?))
    })?;
    let about = HttpRoute {
        input: Json::from(json!({"type": "object", "additionalProperties": false, "properties": {
            "enabled": {"type": "boolean", "description": "Whether it is kept there."},
            "mode": {"enum": ["interval", "gain"], "description": "Always after the same time, or where money is saved."},
            "intervalMs": {"type": ["integer", "null"], "minimum": LEAST_INTERVAL_MS, "maximum": MOST_INTERVAL_MS,
                "description": "Milliseconds between two requests of the mode `interval`; `null` for the operator's."},
        }})),
        ..HttpRoute::new("chooses whether and how a conversation is kept in its provider's cache")
    };
    let name = "PUT /conversations/:id/cache-warming";
    routes.serve_named_with(name, about, warmer, async |warmer, request, _| {
        let choice = choice(&request)?;
        let conversation = known(&warmer, request.param("id")).await?;
        choose(&warmer, &conversation, &choice).await?;
        Ok(HttpReply::ok(standing(&warmer, &conversation).await?))
    })
}

/// A conversation, which has to be there.
pub(crate) async fn known(warmer: &Warmer, id: &str) -> Result<Conversation, CallError> {
    check_conversation_id("conversationId", id)?;
    warmer.find(&id.into()).await
}

async fn warm(warmer: &Arc<Warmer>, request: &HttpRequest) -> Result<HttpReply, CallError> {
    let body = request.body.value();
    let id: Text = match fields_if_any(&body, &["conversationId"])?.get("conversationId") {
        Some(Value::String(id)) => id.as_str().into(),
        Some(other) => return Err(unexpected("conversationId", other, "text")),
        None => return Err(CallError::invalid_input("field `conversationId` is missing")),
    };
    check_conversation_id("conversationId", &id)?;
    let outcome = warmer.host.within(PATIENCE, warmer.warm(&id)).await;
    let late = || {
        let seconds = PATIENCE.as_secs();
        Err(CallError::unavailable(format!(
            "the model has not answered within {seconds} s; it is still waited for"
        )))
    };
    outcome.unwrap_or_else(late).map(|warmed| HttpReply::ok(told(&warmed)))
}

fn choice(request: &HttpRequest) -> Result<Choice, CallError> {
    let body = request.body.value();
    let fields = fields_if_any(&body, &["enabled", "mode", "intervalMs"])?;
    let enabled = match fields.get("enabled") {
        None => None,
        Some(Value::Bool(enabled)) => Some(*enabled),
        Some(other) => return Err(unexpected("enabled", other, "true or false")),
    };
    let mode = match fields.get("mode") {
        None => None,
        Some(named) => {
            let mode = named.as_str().and_then(Mode::named);
            Some(mode.ok_or_else(|| unexpected("mode", named, "`interval` or `gain`"))?)
        }
    };
    let interval_ms = match fields.get("intervalMs") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(given) => {
            let ms = given.as_u64().filter(|ms| (LEAST_INTERVAL_MS..=MOST_INTERVAL_MS).contains(ms));
            let expected = format!("a whole number from {LEAST_INTERVAL_MS} to {MOST_INTERVAL_MS}, or null");
            Some(Some(ms.ok_or_else(|| unexpected("intervalMs", given, &expected))?))
        }
    };
    Ok(Choice { enabled, mode, interval_ms })
}

/// How it stands with a conversation.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn standing(warmer: &Warmer, conversation: &Conversation) -> Result<Value, CallError> {
    let id = &conversation.id;
    let record = warmer.record(id, conversation.created_at).await?;
    let book = warmer.book();
    let entry = book.entry(id);
    let is_active = entry.map_or(conversation.turn.is_some(), |entry| entry.is_active);
    let mut told = json!({
        "conversationId": id.as_str(),
        "enabled": record.enabled,
        "mode": record.mode.name(),
        "intervalMs": record.interval_ms(book.rules().interval_ms),
        "active": is_active,
        "lastPct": record.last_percent,
        "lastExpectedPct": record.last_expected_percent,
        "lastWarmAt": record.last_warm_at,
        "nextWarmAt": book.next_warm_at(id),
        "spentUsd": rounded(record.spent_usd),
        "savedUsd": rounded(record.saved_usd),
    });
    if let Some(off) = entry.and_then(|entry| entry.off.as_deref()) {
        told["off"] = off.into();
    }
    if let Some(error) = entry.and_then(|entry| entry.last_error.as_deref()) {
        told["lastError"] = error.into();
    }
    Ok(told)
}

/// A request that kept a prompt warm, as it is told.
pub(crate) fn told(warmed: &Warmed) -> Value {
    let usage = &warmed.usage;
    let mut told = json!({
        "conversationId": warmed.conversation_id.as_str(),
        "at": warmed.at,
        "model": warmed.model.as_str(),
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "cachePct": warmed.cache_pct,
        "expectedCacheRate": warmed.expected_cache_rate,
    });
    for (name, tokens) in
        [("cacheReadTokens", usage.cache_read_tokens), ("cacheWriteTokens", usage.cache_write_tokens)]
    {
        if let Some(tokens) = tokens.into_option() {
            told[name] = tokens.into();
        }
    }
    if let Some(cost) = warmed.cost_usd.into_option() {
        told["costUsd"] = rounded(cost).into();
    }
    if let Some(next_at) = warmed.next_at.into_option() {
        told["nextWarmAt"] = next_at.into();
    }
    told
}

/// Dollars to the millionth: what lies behind that comes of reckoning.
fn rounded(usd: f64) -> f64 {
    (usd * 1e6).round() / 1e6
}
