//! [`ReloadOutcome`]: what a reload has done, for people and programs.

use std::time::Duration;

use serde_json::{Value, json};
use transom_kernel::Reloaded;

use super::Difference;

/// What a reload has done.
#[derive(Clone, Debug, Default)]
pub struct ReloadOutcome {
    /// What was different.
    pub difference: Difference,
    /// What was replaced.
    pub reloaded: Vec<Reloaded>,
    /// Plugins that were replaced because contracts that they share have changed.
    pub taken_along: Vec<String>,
    /// Plugins that could not be started, with the reason.
    pub disabled: Vec<(String, String)>,
    /// What an operator should know besides.
    pub notes: Vec<String>,
}

impl ReloadOutcome {
    /// The outcome for programs.
    #[must_use]
    pub fn document(&self) -> Value {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let reloaded: Vec<Value> = self
            .reloaded
            .iter()
            .map(|one| {
                json!({
                    "plugin": one.plugin,
                    "generation": one.generation,
                    "longestWaitMs": one.longest_wait.map(millis),
                    "cutOff": one.cut_off,
                })
            })
            .collect();
        let disabled: Vec<Value> = self
            .disabled
            .iter()
            .map(|(plugin, reason)| json!({ "plugin": plugin, "reason": reason }))
            .collect();
        json!({
            "ok": true,
            "difference": self.difference.document(),
            "reloaded": reloaded,
            "takenAlong": self.taken_along,
            "disabled": disabled,
            "notes": self.notes,
        })
    }
}
