//! [`Handed`]: turns that run, on their way from one generation of the plugin to the next.

use transom_agent::provider::{ReasoningEffort, Usage};
use transom_plugin_api::{List, Maybe, Text, contract};

/// What a generation leaves to the next.
#[contract]
#[derive(Default)]
pub(crate) struct Handed {
    /// In no order.
    pub(crate) turns: List<HandedTurn>,
}

/// A turn between two steps. What it has said is in the log.
#[contract]
pub(crate) struct HandedTurn {
    pub(crate) conversation_id: Text,
    pub(crate) turn_id: Text,
    pub(crate) model: Text,
    pub(crate) cwd: Text,
    pub(crate) reasoning_effort: ReasoningEffort,
    /// Milliseconds since the epoch.
    pub(crate) accepted_at: i64,
    /// When it began to work, or went on after it had waited for a person.
    pub(crate) began_at: i64,
    /// Where what it shows stands.
    pub(crate) generation: u32,
    /// The last position that was given out.
    pub(crate) position: i64,
    /// Requests so far.
    pub(crate) steps: u32,
    pub(crate) usage: Usage,
    pub(crate) last_usage: Maybe<Usage>,
    /// The words of each step that had some.
    pub(crate) words: List<Text>,
    /// How often a plugin has held it back from its end.
    #[contract(default)]
    pub(crate) held: u32,
    /// Requests of the next step that failed already.
    pub(crate) attempts: u32,
    /// Milliseconds that were waited before them.
    pub(crate) waited_ms: u64,
    /// When the next request is due, where the turn waits before it makes one again. Milliseconds since the epoch.
    pub(crate) retry_at: Maybe<i64>,
}
