//! The HTTP form of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use transom_agent::body::{fields_if_any, unexpected};
use transom_agent::compaction::Compacted;
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::check_conversation_id;
use transom_plugin_api::{CallError, Json, Server, StartError, Text};

use crate::compactor::{Compactor, Standing};
use crate::job::Wish;

/// How long a compaction by hand is waited for before the answer is that it is under way.
const PATIENCE: Duration = Duration::from_secs(20);

/// Puts the routes on the bus.
pub(crate) fn register(
    compactor: &Arc<Compactor>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let about = HttpRoute {
        input: Json::from(json!({"type": "object", "additionalProperties": false, "properties": {
            "keepTokens": {"type": "integer", "description": "Tokens of the newest part that stay as they are; the setting `keep_tokens` when absent."},
            "instruction": {"type": "string", "description": "What the model is told besides, such as what is never to be left out."},
        }})),
        ..HttpRoute::new("sums up a conversation; 202 while that takes its time")
    };
    routes.serve_named_with(
        "POST /conversations/:id/compact",
        about,
        compactor,
        async |compactor, request, _| compact(&compactor, &request).await,
    )?;
    let about = HttpRoute::new("whether a conversation is being summed up, and how that ended last");
    routes.serve_named_with(
        "GET /conversations/:id/compact",
        about,
        compactor,
        async |compactor, request, _| {
            let id = known(&compactor, &request).await?;
            Ok(HttpReply::ok(told(&id, &compactor.standing(&id))))
        },
    )?;
    let about = HttpRoute::new("cancels the summing up of a conversation");
    routes.serve_named_with(
        "DELETE /conversations/:id/compact",
        about,
        compactor,
        async |compactor, request, _| {
            let id = known(&compactor, &request).await?;
            Ok(HttpReply::ok(json!({"conversationId": id.as_str(), "cancelled": compactor.cancel(&id)})))
        },
    )?;
    let about = HttpRoute::new(
        "the percentage of the model's window at which a conversation is summed up by itself; 0 for never",
    );
    let name = "GET /conversations/:id/compact-percent";
    routes.serve_named_with(name, about, compactor, async |compactor, request, _| {
        let id = known(&compactor, &request).await?;
        threshold(&compactor, &id).await
    })?;
    let about = HttpRoute {
        input: Json::from(
            json!({"type": "object", "additionalProperties": false, "required": ["threshold"], "properties": {
                "threshold": {"type": ["integer", "null"], "minimum": 0, "maximum": 100, "description": "A percentage, 0 for never; `null` for the operator's."},
            }}),
        ),
        ..HttpRoute::new(
            "chooses the percentage of the model's window at which a conversation is summed up by itself",
        )
    };
    let name = "PUT /conversations/:id/compact-percent";
    routes.serve_named_with(name, about, compactor, async |compactor, request, _| {
        choose(&compactor, &request).await
    })
}

/// The conversation of a request, which has to be there.
async fn known(compactor: &Compactor, request: &HttpRequest) -> Result<Text, CallError> {
    let id = request.param("id");
    check_conversation_id("conversationId", id)?;
    compactor.ports.find.call(id.into()).await.map(|known| known.id)
}

async fn compact(compactor: &Arc<Compactor>, request: &HttpRequest) -> Result<HttpReply, CallError> {
    let wish = wish(request)?;
    let id = known(compactor, request).await?;
    let outcome = compactor.start(wish)?;
    match compactor.within(PATIENCE, outcome).await {
        Some(outcome) => Ok(HttpReply::ok(summary(&outcome?))),
        None => Ok(HttpReply { status: 202, ..HttpReply::ok(told(&id, &compactor.standing(&id))) }),
    }
}

fn wish(request: &HttpRequest) -> Result<Wish, CallError> {
    let body = request.body.value();
    let fields = fields_if_any(&body, &["keepTokens", "instruction"])?;
    let keep_tokens = match fields.get("keepTokens") {
        None | Some(Value::Null) => None,
        Some(value) => Some(
            value.as_u64().ok_or_else(|| unexpected("keepTokens", value, "a whole number, at least 0"))?,
        ),
    };
    let instruction = match fields.get("instruction") {
        None | Some(Value::Null) => None,
        Some(Value::String(words)) => Some(words.clone()),
        Some(value) => return Err(unexpected("instruction", value, "words")),
    };
    Ok(Wish { conversation_id: request.param("id").into(), keep_tokens, instruction, tokens: None })
}

async fn choose(compactor: &Compactor, request: &HttpRequest) -> Result<HttpReply, CallError> {
    let body = request.body.value();
    let percent = match fields_if_any(&body, &["threshold"])?.get("threshold") {
        None => return Err(CallError::invalid_input("field `threshold` is missing")),
        Some(Value::Null) => None,
        Some(value) => {
            let percent = value.as_u64().and_then(|percent| u8::try_from(percent).ok());
            let percent = percent.filter(|percent| *percent <= 100);
            Some(
                percent
                    .ok_or_else(|| unexpected("threshold", value, "a whole number from 0 to 100, or null"))?,
            )
        }
    };
    let id = known(compactor, request).await?;
    compactor.percents.choose(&id, percent).await?;
    threshold(compactor, &id).await
}

async fn threshold(compactor: &Compactor, id: &Text) -> Result<HttpReply, CallError> {
    let percent = compactor.percents.of(id).await?;
    Ok(HttpReply::ok(json!({"conversationId": id.as_str(), "threshold": percent})))
}

fn told(id: &str, standing: &Standing) -> Value {
    let mut told = json!({"conversationId": id, "running": standing.since.is_some()});
    if let Some(since) = standing.since {
        told["since"] = since.into();
    }
    if let Some(last) = &standing.last {
        told["last"] = match &last.outcome {
            Ok(compacted) => summary(compacted),
            Err(error) => json!({"error": error.message.as_str()}),
        };
        told["last"]["at"] = last.at.into();
    }
    told
}

/// A compaction, as it is told.
pub(crate) fn summary(compacted: &Compacted) -> Value {
    let summary = &compacted.summary;
    let mut told = json!({
        "conversationId": compacted.conversation_id.as_str(),
        "seq": compacted.seq,
        "summary": summary.text.as_str(),
        "keptFrom": summary.kept_from.as_str(),
        "messagesSummarized": summary.messages,
        "filesRead": summary.files_read,
        "filesWritten": summary.files_written,
        "openTasks": summary.open_tasks,
    });
    if let Some(tokens) = summary.tokens_before.as_ref() {
        told["tokensBefore"] = (*tokens).into();
    }
    if let Some(tokens) = summary.tokens_after.as_ref() {
        told["tokensAfter"] = (*tokens).into();
    }
    told
}
