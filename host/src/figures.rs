//! [`Figures`]: what plugins count, asked for on the threads on which they run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use transom_plugin_api::Caller;
use transom_plugin_api::hosting;

use crate::attendant::beside;

/// How long plugins have to answer, all of them together.
const PATIENCE: Duration = Duration::from_millis(500);

/// Asks plugins for their figures.
pub(crate) type Asked = Caller<(), hosting::Figures, ()>;

/// Figures of plugins, by plugin and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Figures(BTreeMap<String, BTreeMap<String, u64>>);

impl Figures {
    /// Asks everybody at once; who does not answer in time is left out. Takes no longer even when every thread on which plugins
    /// run is blocked.
    pub(crate) async fn ask(of: &Asked, runtime: &Handle) -> Self {
        let mut asking = JoinSet::new();
        for provider in of.names() {
            let of = of.clone();
            let ask = async move { (provider.plugin, of.call_named(&provider.name, ()).await) };
            asking.spawn_on(ask, runtime);
        }
        let (until, mut figures) = (Instant::now() + PATIENCE, Self::default());
        while let Ok(Some(answered)) = timeout_at(until, asking.join_next()).await {
            match answered {
                Ok((plugin, Ok(told))) => figures.add(&plugin, told),
                Ok((plugin, Err(error))) => {
                    beside(move || tracing::debug!("`{plugin}` tells no figures: {error}"));
                }
                Err(error) => beside(move || tracing::debug!("a plugin tells no figures: {error}")),
            }
        }
        figures
    }

    fn add(&mut self, plugin: &str, told: hosting::Figures) {
        let of_plugin = self.0.entry(plugin.to_owned()).or_default();
        of_plugin.extend(told.figures.iter().map(|(name, value)| (name.to_owned(), *value)));
    }

    /// The figures of each name, added up over all plugins.
    pub(crate) fn sums(&self) -> BTreeMap<&str, u64> {
        let mut sums = BTreeMap::new();
        for (name, value) in self.0.values().flatten() {
            let sum: &mut u64 = sums.entry(name.as_str()).or_default();
            *sum = sum.saturating_add(*value);
        }
        sums
    }
}
