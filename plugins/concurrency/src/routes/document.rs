//! What the routes answer.

use serde_json::{Value, json};

use crate::line::{Held, Line};
use crate::slots::Slots;
use crate::terms::Terms;

/// The most slots of a provider that are listed: those that were granted first.
const MOST_SLOTS: usize = 1_000;

/// A limit, and where it comes from.
pub(super) fn limit(provider: &str, limit: Option<u32>, terms: &Terms) -> Value {
    json!({
        "provider": provider,
        "limit": limit,
        "source": if terms.kept.is_some() { "run-time" } else { "settings" },
        "reduced": terms.is_reduced(),
    })
}

/// All limits.
pub(super) fn limits(slots: &Slots) -> Value {
    let each = slots
        .each(|provider, line| line.terms.limit().map(|found| limit(provider, Some(found), &line.terms)));
    json!({ "limits": each.into_iter().flatten().collect::<Vec<_>>() })
}

/// How long a slot rests.
pub(super) fn cooldown(provider: &str, terms: &Terms) -> Value {
    json!({ "provider": provider, "cooldownMs": terms.cooldown_ms() })
}

/// How it stands everywhere.
pub(super) fn status(slots: &Slots) -> Value {
    let now = slots.now();
    json!({ "providers": slots.each(|provider, line| one(provider, line, now)) })
}

fn one(provider: &str, line: &Line, now: i64) -> Value {
    let mut held: Vec<&Held> = line.held.values().collect();
    held.sort_by_key(|held| held.granted_at);
    json!({
        "provider": provider,
        "limit": line.terms.limit(),
        "reduced": line.terms.is_reduced(),
        "cooldownMs": line.terms.cooldown_ms(),
        "inUse": line.in_use(),
        "resting": line.resting.len(),
        "waiting": line.waits(),
        "longestWaitMs": line.waits_since().map(|since| now.saturating_sub(since).max(0)),
        "pausedUntil": line.paused_until.filter(|until| *until > now),
        "slots": held.into_iter().take(MOST_SLOTS).map(|held| slot(held, now)).collect::<Vec<_>>(),
    })
}

fn slot(held: &Held, now: i64) -> Value {
    json!({
        "conversationId": held.request.conversation_id,
        "model": held.request.model,
        "purpose": held.request.purpose,
        "ageMs": now.saturating_sub(held.granted_at).max(0),
        "inherited": held.inherited_until.is_some(),
    })
}

pub(super) fn limit_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "provider": { "type": "string" },
            "limit": { "type": ["integer", "null"], "minimum": 1 },
            "source": { "enum": ["settings", "run-time"] },
            "reduced": { "type": "boolean" },
        },
    })
}

pub(super) fn limits_schema() -> Value {
    json!({ "type": "object", "properties": { "limits": { "type": "array", "items": limit_schema() } } })
}

pub(super) fn cooldown_schema() -> Value {
    json!({
        "type": "object",
        "properties": { "provider": { "type": "string" }, "cooldownMs": { "type": "integer", "minimum": 0 } },
    })
}

pub(super) fn status_schema() -> Value {
    let (text, whole, maybe) =
        (json!({ "type": "string" }), json!({ "type": "integer" }), json!({ "type": ["integer", "null"] }));
    let slot = json!({
        "type": "object",
        "properties": {
            "conversationId": text, "model": text, "purpose": text, "ageMs": whole, "inherited": { "type": "boolean" },
        },
    });
    let provider = json!({
        "type": "object",
        "properties": {
            "provider": text,
            "limit": maybe,
            "reduced": { "type": "boolean" },
            "cooldownMs": whole,
            "inUse": whole,
            "resting": whole,
            "waiting": whole,
            "longestWaitMs": maybe,
            "pausedUntil": maybe,
            "slots": { "type": "array", "items": slot },
        },
    });
    json!({ "type": "object", "properties": { "providers": { "type": "array", "items": provider } } })
}
