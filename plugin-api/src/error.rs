//! What can go wrong between plugins: [`CallError`] for who asks, [`Refusal`] and [`StartError`] for who says no.

use std::fmt;

use crate::{Text, contract};

/// Why a call, a filter or a stream gave no result.
///
/// The kind is what a caller may branch on; the message is one sentence for a person.
#[contract]
#[derive(Eq, abi_stable::StableAbi)]
pub struct CallError {
    /// What happened, in lower case, without a full stop.
    pub message: Text,
    /// The plugin at which it happened; empty while it is still on its way through that plugin.
    pub plugin: Text,
    /// What sort of failure it was.
    // Last: where it stands first, the one byte that tells the failures apart also tells a `Result`'s variants apart, and
    // the compiler copies what stands behind it in pieces that lie across those in which it was written. Processors
    // stumble over that: a ready call took half as long again.
    pub kind: CallErrorKind,
}

/// The sorts of failure a caller can tell apart.
///
/// It does not grow: it crosses in the tables themselves, whose layouts are equal on both sides or do not meet, so a
/// further sort is a further ABI revision, and no side ever sees one that it does not know.
#[contract]
#[derive(Copy, Eq, abi_stable::StableAbi)]
pub enum CallErrorKind {
    /// The handler tried and failed.
    Failed,
    /// The caller asked for something that cannot be: the message names the field.
    InvalidInput,
    /// What was asked for does not exist.
    NotFound,
    /// It contradicts what is already there or under way.
    Conflict,
    /// A filter link, or a guard, said no.
    Refused,
    /// It cannot be served now; later it may.
    Unavailable,
    /// Nobody provides the service, or nobody under that name.
    NoProvider,
    /// The plugin has been stopped or replaced.
    Retired,
    /// The deadline passed, and the call was dropped.
    Deadline,
    /// The handler panicked.
    Panicked,
    /// The operator did not grant it to the plugin that asked, or the plugin's descriptor does not ask for it.
    Denied,
}

impl CallError {
    /// A failure of the given kind.
    #[must_use]
    pub fn new(kind: CallErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string().into(), plugin: Text::new() }
    }

    /// [`CallErrorKind::Failed`]: the handler tried and failed.
    #[must_use]
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::new(CallErrorKind::Failed, message)
    }

    /// [`CallErrorKind::InvalidInput`]: name the field in the message.
    #[must_use]
    pub fn invalid_input(message: impl fmt::Display) -> Self {
        Self::new(CallErrorKind::InvalidInput, message)
    }

    /// [`CallErrorKind::NotFound`].
    #[must_use]
    pub fn not_found(message: impl fmt::Display) -> Self {
        Self::new(CallErrorKind::NotFound, message)
    }

    /// [`CallErrorKind::Conflict`].
    #[must_use]
    pub fn conflict(message: impl fmt::Display) -> Self {
        Self::new(CallErrorKind::Conflict, message)
    }

    /// [`CallErrorKind::Unavailable`].
    #[must_use]
    pub fn unavailable(message: impl fmt::Display) -> Self {
        Self::new(CallErrorKind::Unavailable, message)
    }

    /// [`CallErrorKind::Denied`]: name what is missing, and where it would be granted.
    #[must_use]
    pub fn denied(message: impl fmt::Display) -> Self {
        Self::new(CallErrorKind::Denied, message)
    }

    /// The same failure, attributed to `plugin` unless someone nearer to it was named already.
    #[must_use]
    pub fn at(mut self, plugin: &str) -> Self {
        if self.plugin.is_empty() {
            self.plugin = plugin.into();
        }
        self
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.plugin.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "`{}`: {}", self.plugin, self.message)
        }
    }
}

impl std::error::Error for CallError {}

impl From<std::io::Error> for CallError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error)
    }
}

impl From<serde_json::Error> for CallError {
    fn from(error: serde_json::Error) -> Self {
        Self::failed(error)
    }
}

/// A filter link's no. At a fail-closed point it ends the chain; at a fail-open point the value goes on unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: Text,
}

impl Refusal {
    /// `reason` is one sentence for a person, in lower case, without a full stop.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string().into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self { reason: error.message }
    }
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        Self::new(CallErrorKind::Refused, refusal.reason)
    }
}

/// Why a plugin could not start. Any error converts into it, so `?` works in `start`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    message: String,
    help: Option<String>,
}

impl StartError {
    /// What is wrong, in lower case, without a full stop.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// Adds what the operator can do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

// It is not itself an `Error`, else the conversion below would overlap with the one from itself.
impl<E: std::error::Error> From<E> for StartError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message = format!("{message}: {inner}");
            cause = inner.source();
        }
        Self::new(message)
    }
}
