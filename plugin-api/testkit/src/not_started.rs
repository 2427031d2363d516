//! [`NotStarted`]: why the plugins of a stand do not run.

use std::fmt;

use transom_kernel::PlanFault;

/// Why plugins do not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotStarted {
    /// The plugins that do not run and why, in the order of their start.
    pub reasons: Vec<(String, String)>,
}

impl From<Vec<PlanFault>> for NotStarted {
    fn from(faults: Vec<PlanFault>) -> Self {
        let reason = |fault: PlanFault| {
            let help = if fault.missing.is_some() {
                "`stand.serve(…)` before `stand.start()` provides it".to_owned()
            } else {
                fault.help
            };
            (fault.plugin, format!("{}\n  help: {help}", fault.problem))
        };
        Self { reasons: faults.into_iter().map(reason).collect() }
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines =
            self.reasons.iter().map(|(plugin, reason)| format!("plugin `{plugin}` did not start: {reason}"));
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for NotStarted {}
