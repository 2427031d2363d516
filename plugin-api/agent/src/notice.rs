//! Notices: what a person should hear of who is looking elsewhere.

use transom_plugin_api::{Event, Maybe, Text, contract};

/// Something that a person should hear of.
#[contract]
#[derive(Eq)]
pub struct Notice {
    /// What it is about, in one word for programs, such as `question` or `turn-failed`.
    pub kind: Text,
    /// The conversation, when it is about one.
    pub conversation_id: Maybe<Text>,
    /// A few words.
    pub title: Text,
    /// One or two sentences; what is to be done, where something is.
    pub text: Text,
}

/// What notices of this runtime are about.
pub mod kind {
    /// A turn waits for a person.
    pub const QUESTION: &str = "question";
    /// A turn has failed.
    pub const TURN_FAILED: &str = "turn-failed";
    /// Something in a working folder waits for the operator's trust.
    pub const TRUST: &str = "trust";
}

/// Said by whoever has something that a person should hear of; transports and notifiers hear it. Nobody can refuse it. A queued
/// listener with a full mailbox loses by its own terms.
///
/// `agent/notice` · event · whoever has something to tell says it
pub const NOTICE: Event<Notice> = Event::new("agent/notice");
