//! [`Watch`]: finds handlers that do not come back.
//!
//! A handler that blocks cannot be interrupted. What can be done is to say who it is, while it blocks: from a thread that
//! no plugin runs on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use transom_plugin_api::sabotage::sabotaged;

use crate::breadcrumb::{UnderWay, under_way};
use crate::kernel::Shared;
use crate::seat::id_of;

/// Looks, again and again, at what runs on each thread of the process.
pub struct Watch {
    shared: Arc<Shared>,
    seen: HashMap<UnderWay, Instant>,
}

/// A handler that has been running since an earlier look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongRunning {
    /// Number of the thread, from 0.
    pub thread: usize,
    /// The plugin.
    pub plugin: String,
    /// The point.
    pub point: String,
    /// For how long at least.
    pub running_for: Duration,
}

impl Watch {
    pub(crate) fn over(shared: Arc<Shared>) -> Self {
        Self { shared, seen: HashMap::new() }
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
        let running = self.seen.iter().filter(|(_, since)| **since < now).map(|(one, since)| LongRunning {
            thread: one.thread,
            plugin: id_of(one.plugin).to_owned(),
            point: self.shared.point(one.point).map_or_else(String::new, |point| point.name.clone()),
            running_for: now.duration_since(*since),
        });
        let mut running: Vec<LongRunning> = running.collect();
        running.sort_by_key(|one| (std::cmp::Reverse(one.running_for), one.thread));
        running
    }
}
