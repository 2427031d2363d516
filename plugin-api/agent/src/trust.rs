//! Trust: whether what lies in a working folder may be used, as the operator says. Answered by one plugin, asked by whoever finds
//! something there.
//!
//! Nothing that stands in a working folder and would instruct a model, start a process or widen a permission is used before the
//! operator trusts it: by the digest of its content, so that a change asks again. Who asks reads the content once, and uses the
//! very bytes of which it has told the digest.

use transom_plugin_api::{CallError, CallErrorKind, Event, Maybe, Service, Text, contract};

/// Something that was found in a working folder.
#[contract]
#[derive(Eq)]
pub struct Found {
    /// The folder: absolute, symlinks resolved.
    pub folder: Text,
    /// The name of the file in it, with `/` between its parts.
    pub name: Text,
    /// SHA-256 of its content, in 64 lower hexadecimal digits.
    pub sha256: Text,
    /// What it would be used for, in a few words for a person, such as `instructions for models`.
    pub purpose: Text,
}

/// What the operator says of it.
#[contract(grows)]
#[derive(Eq)]
pub enum Trust {
    /// It may be used.
    Trusted,
    /// It may not.
    Refused,
    /// Nobody has said anything yet. It may not be used, and waits for an answer.
    Unanswered,
}

impl Trust {
    /// Whether it may be used.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        *self == Self::Trusted
    }
}

/// Why [`TRUST`] has said nothing, in words for a person: what to do, or the error.
#[must_use]
pub fn unasked(error: &CallError) -> String {
    match error.kind {
        CallErrorKind::NoProvider => "nobody here keeps what is trusted; run the plugin `trust`".to_owned(),
        _ => format!("nobody can say whether it is trusted: {error}"),
    }
}

/// Tells whether something that was found may be used. What nobody has answered yet is remembered, so that the operator can be
/// shown it; of several contents of one file the last.
///
/// Who gets no answer, since nobody provides the service or it fails, uses nothing.
/// [`InvalidInput`](transom_plugin_api::CallErrorKind::InvalidInput) when the folder is not absolute, has a `..` in it, or the
/// digest is none.
///
/// `agent/trust.look` · service · 30 s · who keeps what the operator trusts answers
pub const TRUST: Service<Found, Trust> = Service::new("agent/trust.look");

/// Said when something waits for an answer that did not before. Nobody can refuse it. A queued listener with a full mailbox loses
/// by its own terms.
///
/// `agent/trust.asked` · event · who keeps what the operator trusts says it
pub const TRUST_ASKED: Event<Found> = Event::new("agent/trust.asked");

/// An answer of the operator's, or that one was forgotten.
#[contract]
#[derive(Eq)]
pub struct TrustChanged {
    /// The folder.
    pub folder: Text,
    /// The file in it; whatever is in the folder when absent.
    pub name: Maybe<Text>,
    /// The content that was meant; whatever the file says when absent.
    pub sha256: Maybe<Text>,
    /// The answer; absent when it was forgotten.
    pub trusted: Maybe<bool>,
}

/// Said when the operator has answered, or an answer is forgotten, and [`TRUST`] already goes by it. Nobody can refuse it. A queued
/// listener with a full mailbox loses by its own terms.
///
/// `agent/trust.changed` · event · who keeps what the operator trusts says it
pub const TRUST_CHANGED: Event<TrustChanged> = Event::new("agent/trust.changed");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_trusted_may_be_used() {
        assert!(Trust::Trusted.is_trusted());
        assert!(!Trust::Refused.is_trusted() && !Trust::Unanswered.is_trusted());
    }

    #[test]
    fn who_is_not_asked_is_told_what_to_do_or_what_went_wrong() {
        let nobody = CallError::new(CallErrorKind::NoProvider, "nobody serves it");
        assert!(unasked(&nobody).ends_with("run the plugin `trust`"));
        assert!(unasked(&CallError::unavailable("the book is lost")).ends_with("the book is lost"));
    }
}
