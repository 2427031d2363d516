//! [`Levels`]: who logs at which level.

use std::collections::BTreeMap;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use super::owner::{Owners, crate_of};

/// Libraries that tell at `info` what matters to nobody but who looks for a fault in them; it counts as `debug`.
const TALKATIVE: [&str; 1] = ["rmcp"];

/// The levels of everything, and of the plugins that have one of their own.
pub(super) struct Levels {
    everything: Targets,
    /// `everything`, as it was written.
    pub(super) text: String,
    own: BTreeMap<String, LevelFilter>,
    pub(super) owners: Owners,
}

impl Levels {
    pub(super) fn new(everything: Targets, text: &str) -> Self {
        Self { everything, text: text.to_owned(), own: BTreeMap::new(), owners: Owners::default() }
    }

    pub(super) fn set_everything(&mut self, everything: Targets, text: &str) {
        self.everything = everything;
        text.clone_into(&mut self.text);
    }

    /// Gives a plugin a level of its own, or takes it away.
    pub(super) fn set(&mut self, plugin: &str, level: Option<LevelFilter>) {
        match level {
            Some(level) => self.own.insert(plugin.to_owned(), level),
            None => self.own.remove(plugin),
        };
    }

    /// The plugin's own level, if it has one.
    pub(super) fn own(&self, plugin: &str) -> Option<LevelFilter> {
        self.own.get(plugin).copied()
    }

    /// Whether what `plugin`, or nobody, says at `target` is logged.
    pub(super) fn allow(&self, plugin: Option<&str>, target: &str, level: Level) -> bool {
        let level = weighed(target, level);
        match plugin.and_then(|plugin| self.own(plugin)) {
            Some(own) => level <= own,
            None => self.everything.would_enable(target, &level),
        }
    }

    /// The most verbose level of all.
    pub(super) fn most(&self) -> LevelFilter {
        let targets = self.everything.iter().map(|(_, level)| level);
        let levels = targets.chain(self.everything.default_level()).chain(self.own.values().copied());
        levels.max().unwrap_or(LevelFilter::OFF)
    }
}

/// The level as which a line counts.
fn weighed(target: &str, level: Level) -> Level {
    if level == Level::INFO && TALKATIVE.contains(&crate_of(target)) { Level::DEBUG } else { level }
}
