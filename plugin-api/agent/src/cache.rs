//! What a provider can read from its cache: requests of a conversation begin with the bytes of the one before, or it is told why
//! not. Said by whoever looks at requests. And what keeps it there: a request that is made again before the provider forgets.

use transom_plugin_api::{Event, List, Maybe, Service, Text, contract};

use crate::provider::Usage;

/// A part of what stands in front of a conversation's newest words.
#[contract(grows)]
#[derive(Eq)]
pub enum Contributor {
    /// The model, or how hard it is to think.
    Model,
    /// The definitions of the tools.
    Tools,
    /// The system prompt.
    SystemPrompt,
    /// What was said before.
    History,
    /// What was said before, of which a summary took the place.
    Compaction,
}

/// Something that is not what it was in the request before.
#[contract]
#[derive(Eq)]
pub struct PrefixChange {
    /// Which part.
    pub contributor: Contributor,
    /// Which of several: the name of a tool, the id of a message; empty where there is one.
    pub name: Text,
    /// The first byte of it that differs, in the form in which it is compared: a text as it is, a tool or a message as JSON. 0 where
    /// it came or went as a whole.
    pub offset: u64,
    /// What stood there, up to some 80 bytes; empty where nothing did, or where it is not known any more.
    pub before: Text,
    /// What stands there, up to some 80 bytes.
    pub after: Text,
    /// What that is, in one sentence.
    pub told: Text,
}

/// A request of a conversation does not begin with the bytes of the one before.
#[contract]
pub struct PrefixBroken {
    /// Which conversation.
    pub conversation_id: Text,
    /// Which request.
    pub request_id: Text,
    /// What it was for.
    pub purpose: Text,
    /// When it was made, in milliseconds since the epoch.
    pub at: i64,
    /// What changed, in the order in which providers read it: what comes behind the first is read anew in any case.
    pub changes: List<PrefixChange>,
}

/// Said when a request does not begin with the bytes of the one before it in its conversation, so that a provider reads from its
/// cache only what stands before the first change: once for such a request. Nobody can refuse it. A queued listener with a full
/// mailbox loses by its own terms.
///
/// `agent/cache.broken` · event · the cache explainer says it
pub const PREFIX_BROKEN: Event<PrefixBroken> = Event::new("agent/cache.broken");

/// A conversation's prompt was asked again, so that its provider keeps it in its cache.
#[contract]
pub struct Warmed {
    /// Which conversation.
    pub conversation_id: Text,
    /// When the request was made, in milliseconds since the epoch.
    pub at: i64,
    /// The model's full name; empty when nobody told it.
    pub model: Text,
    /// The tokens of the request; zeros when none were told.
    pub usage: Usage,
    /// How much of the prompt came from the cache, in percent.
    pub cache_pct: u8,
    /// How much of what the cache was used for it already had, in percent: near 100 where it is kept, near 0 once it was forgotten.
    pub expected_cache_rate: u8,
    /// What the request cost, in US dollars; absent when nobody knows the prices, or no tokens were told.
    pub cost_usd: Maybe<f64>,
    /// Whether somebody asked for it, rather than a clock.
    pub by_hand: bool,
    /// When it is asked again, in milliseconds since the epoch; absent when nobody wants that.
    pub next_at: Maybe<i64>,
}

/// Said when a conversation's prompt was asked again and its model has answered, whoever wanted it: after the next time is fixed.
/// Nobody can refuse it. A queued listener with a full mailbox loses by its own terms.
///
/// `agent/cache.warmed` · event · who keeps caches warm says it
pub const WARMED: Event<Warmed> = Event::new("agent/cache.warmed");

/// Asks a conversation's prompt again, now, by the conversation's id: the request of its next turn with a word behind it, for one
/// token. Nothing of it is stored or shown as a part of the conversation.
///
/// [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is no such conversation,
/// [`InvalidInput`](transom_plugin_api::CallErrorKind::InvalidInput) when nothing was said in it yet,
/// [`Conflict`](transom_plugin_api::CallErrorKind::Conflict) while a turn runs or waits for a person, when one begins before the
/// answer, or when it is being asked already, [`Unavailable`](transom_plugin_api::CallErrorKind::Unavailable) when the model fails.
///
/// `agent/cache.warm` · service · 120 s · who keeps caches warm answers
pub const WARM: Service<Text, Warmed> = Service::new("agent/cache.warm").deadline_ms(120_000);
