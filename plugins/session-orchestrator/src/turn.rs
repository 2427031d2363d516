//! One turn: supervised, so that it ends exactly once, whatever happens in it.

#[cfg(test)]
mod answered_tests;
#[cfg(test)]
mod asked_tests;
mod calls;
#[cfg(test)]
mod durable_tests;
#[cfg(test)]
mod end_tests;
mod gate;
#[cfg(test)]
mod gate_tests;
mod head_start;
#[cfg(test)]
mod head_start_tests;
mod hold;
#[cfg(test)]
mod hook_tests;
pub(crate) mod keep;
mod leave;
mod limit;
#[cfg(test)]
mod limit_tests;
mod log_end;
mod model;
mod open;
#[cfg(test)]
mod past_tests;
mod patience;
mod prefix;
mod progress;
mod resume;
mod retry;
#[cfg(test)]
mod retry_tests;
mod run;
mod seal;
pub(crate) mod stall;
#[cfg(test)]
mod stall_tests;
mod steer;
#[cfg(test)]
mod steer_tests;
mod supervise;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tool_tests;
mod unguarded;
mod witness;

use std::sync::Arc;

use transom_agent::provider::ReasoningEffort;
use transom_plugin_api::Text;

use crate::SessionOrchestrator;
use crate::common::Common;
use crate::hub::Claim;

pub(crate) use self::log_end::LogEnd;
pub(crate) use self::open::Opening;
pub(crate) use self::patience::is_unclear;
pub(crate) use self::prefix::Prefixes;
pub(crate) use self::resume::{Parked, read_parked, turn_of_question};
pub(crate) use self::stall::{Activity, Stalls};
pub(crate) use self::witness::answer_message;

/// A turn that holds its conversation.
pub(crate) struct Turn<E> {
    pub(crate) edges: Arc<E>,
    pub(crate) settings: Arc<SessionOrchestrator>,
    pub(crate) common: Arc<Common>,
    pub(crate) claim: Claim,
    pub(crate) terms: Terms,
    pub(crate) activity: Activity,
    pub(crate) log_end: LogEnd,
}

/// What was agreed on when the turn was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) model: Text,
    pub(crate) cwd: Text,
    pub(crate) reasoning_effort: ReasoningEffort,
    /// Milliseconds since the epoch.
    pub(crate) accepted_at: i64,
}
