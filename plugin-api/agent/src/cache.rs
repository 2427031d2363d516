//! What a provider can read from its cache: requests of a conversation begin with the bytes of the one before, or it is told why
//! not. Said by whoever looks at requests.

use transom_plugin_api::{Event, List, Text, contract};

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
