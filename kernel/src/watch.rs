//! [`Watch`]: finds handlers that do not come back.
//!
//! A handler that blocks cannot be interrupted. What can be done is to say who it is, while it blocks: from a thread that
//! no plugin runs on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use transom_plugin_api::sabotage::sabotaged;

use crate::breadcrumb::{UnderWay, under_way};
use crate::whereabouts::{Doing, known};

/// What stands in the place of a point where a plugin's own task runs.
const TASK: &str = "a background task";

/// Looks, again and again, at what runs on each thread of the process.
pub struct Watch {
    seen: HashMap<UnderWay, Instant>,
}

/// A handler that has been running since an earlier look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongRunning {
    /// Number of the thread, from 0.
    pub thread: usize,
    /// The plugin.
    pub plugin: String,
    /// The point; `a background task` where it is no handler.
    pub point: String,
    /// For how long at least.
    pub running_for: Duration,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self { seen: HashMap::new() }
    }

    /// What was running at the last look already and still is, the longest first. How exact the times are depends on how
    /// often one looks.
    pub fn look(&mut self) -> Vec<LongRunning> {
        if sabotaged("watch-nothing") {
            return Vec::new();
        }
        let now = Instant::now();
        let before = std::mem::take(&mut self.seen);
        self.seen = under_way().into_iter().map(|one| (one, *before.get(&one).unwrap_or(&now))).collect();
        let running = self.seen.iter().filter(|(_, since)| **since < now).map(|(one, since)| {
            let at = known(one.plugin, one.point);
            let point = if let Doing::Handling(point) = at.doing { point } else { TASK };
            let (plugin, point) = (at.plugin.to_owned(), point.to_owned());
            LongRunning { thread: one.thread, plugin, point, running_for: now.duration_since(*since) }
        });
        let mut running: Vec<LongRunning> = running.collect();
        running.sort_by_key(|one| (std::cmp::Reverse(one.running_for), one.thread));
        running
    }
}
