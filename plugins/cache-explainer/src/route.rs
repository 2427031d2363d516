//! The HTTP form of it.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::provider::{AnswerEnd, Usage};
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::check_conversation_id;
use transom_agent::storage::is_without;
use transom_plugin_api::{CallError, Json, Server, StartError};

use crate::explainer::Explainer;
use crate::print::Fingerprints;
use crate::record::{Known, Request};

/// Puts the route on the bus.
pub(crate) fn register(
    explainer: &Arc<Explainer>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let about = HttpRoute {
        output: Json::from(schema()),
        ..HttpRoute::new("what providers could read from their caches in the last requests of a conversation")
    };
    routes.serve_named_with(
        "GET /conversations/:id/cache",
        about,
        explainer,
        async |explainer, request, _| show(&explainer, request.param("id")).await,
    )
}

async fn show(explainer: &Explainer, id: &str) -> Result<HttpReply, CallError> {
    check_conversation_id("conversationId", id)?;
    match explainer.ports.find.call(id.into()).await {
        Ok(_) => {}
        // Without a store there is nobody who knows better.
        Err(error) if is_without(&error) => {}
        Err(error) => return Err(error),
    }
    let record = explainer.record();
    let known = record.find(id);
    let requests: Vec<Value> = known.iter().flat_map(|known| known.requests.iter()).map(told).collect();
    Ok(HttpReply::ok(json!({
        "conversationId": id,
        "brokenRequests": known.map_or(0, |known: &Known| known.broken),
        "requests": requests,
    })))
}

/// A request, as it is told.
fn told(request: &Request) -> Value {
    let mut told = json!({
        "requestId": request.id.as_str(),
        "purpose": request.purpose.as_str(),
        "model": request.model.as_str(),
        "at": request.at,
        "changes": request.changes,
    });
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            told[name] = value;
        }
    };
    add("fingerprints", request.fingerprints.map(|prints| fingerprints(&prints)));
    add("end", request.end.as_ref().map(|end| word(end).into()));
    if let Some(usage) = request.usage {
        add("inputTokens", Some(usage.input_tokens.into()));
        add("cacheReadTokens", usage.cache_read_tokens.into_option().map(Value::from));
        add("cacheWriteTokens", usage.cache_write_tokens.into_option().map(Value::from));
        add("cacheReadPercent", read_percent(&usage).map(Value::from));
    }
    told
}

fn fingerprints(prints: &Fingerprints) -> Value {
    let hex = |number: u64| format!("{number:016x}");
    json!({
        "tools": hex(prints.tools),
        "systemPrompt": hex(prints.system_prompt),
        "history": hex(prints.history),
        "messages": prints.messages,
    })
}

fn word(end: &AnswerEnd) -> String {
    match end {
        AnswerEnd::Finished {} => "finished".to_owned(),
        AnswerEnd::Failed { .. } => "failed".to_owned(),
        AnswerEnd::BrokenOff {} => "broken-off".to_owned(),
        AnswerEnd::Unknown(unknown) => unknown.tag().to_owned(),
    }
}

/// Of a hundred tokens of the prompt, how many were read from the cache; `None` where the provider does not say.
fn read_percent(usage: &Usage) -> Option<u64> {
    let read = usage.cache_read_tokens.into_option()?.min(usage.input_tokens);
    // Rounded, as people expect; an empty prompt is read to 0 percent.
    (read * 200 + usage.input_tokens).checked_div(usage.input_tokens * 2).or(Some(0))
}

fn schema() -> Value {
    let (text, number) = (json!({"type": "string"}), json!({"type": "integer"}));
    let change = json!({"type": "object", "properties": {
        "contributor": {"enum": ["model", "tools", "system-prompt", "history", "compaction"]},
        "name": text, "offset": number, "before": text, "after": text, "told": text,
    }});
    let fingerprints = json!({"type": "object", "properties": {
        "tools": text, "systemPrompt": text, "history": text, "messages": number,
    }});
    let request = json!({"type": "object", "properties": {
        "requestId": text, "purpose": text, "model": text, "at": number, "end": text,
        "inputTokens": number, "cacheReadTokens": number, "cacheWriteTokens": number, "cacheReadPercent": number,
        "changes": {"type": "array", "items": change}, "fingerprints": fingerprints,
    }});
    json!({"type": "object", "properties": {
        "conversationId": text, "brokenRequests": number, "requests": {"type": "array", "items": request},
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_from_the_cache_is_told_in_percent_of_the_whole_prompt() {
        let percent = |input, read: Option<u64>| {
            let usage = Usage { input_tokens: input, cache_read_tokens: read.into(), ..Usage::default() };
            read_percent(&usage)
        };
        assert_eq!(percent(200, Some(100)), Some(50));
        assert_eq!(percent(3, Some(2)), Some(67));
        assert_eq!(
            [percent(10, Some(20)), percent(0, Some(0)), percent(10, Some(0))],
            [Some(100), Some(0), Some(0)]
        );
        assert_eq!(percent(10, None), None);
    }
}
