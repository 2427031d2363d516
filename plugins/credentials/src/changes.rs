//! [`Changes`]: which providers have other accounts than in the generation before, told once this one answers.

use std::time::Duration;

use transom_agent::credential::CredentialsChanged;
use transom_plugin_api::{Host, Map, Text, contract};

use crate::CredentialsPorts;

/// How long one waits before one looks again whether this generation answers.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What one generation leaves to the next. No key: digests of what providers were told.
#[contract]
#[derive(Default)]
pub(crate) struct Kept {
    /// Which generation this is; the first one is 1.
    pub(crate) generation: u64,
    /// By plugin.
    pub(crate) digests: Map<Text>,
}

/// The difference between two generations.
pub(crate) struct Changes {
    kept: Kept,
    plugins: Vec<Text>,
}

impl Changes {
    /// From what was handed over to what stands in the settings now.
    pub(crate) fn between(before: Kept, digests: Map<Text>) -> Self {
        let is_other = |plugin: &&str| before.digests.get(plugin) != digests.get(plugin);
        let mut plugins: Vec<&str> = names(&before.digests).chain(names(&digests)).filter(is_other).collect();
        plugins.sort_unstable();
        plugins.dedup();
        let plugins = plugins.into_iter().map(Text::from).collect();
        Self { plugins, kept: Kept { generation: before.generation + 1, digests } }
    }

    /// What the next generation compares with.
    pub(crate) const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Says each change, as soon as whoever asks upon it is answered by this generation.
    pub(crate) async fn tell(self, ports: CredentialsPorts, host: Host) {
        if self.plugins.is_empty() {
            return;
        }
        while ports.serving.call(()).await != Ok(self.kept.generation) {
            host.sleep(LOOK_AGAIN).await;
        }
        for plugin in self.plugins {
            tracing::info!("the accounts of `{plugin}` have changed");
            ports.changed.emit(&CredentialsChanged { plugin });
        }
    }
}

fn names(digests: &Map<Text>) -> impl Iterator<Item = &str> {
    digests.iter().map(|(plugin, _)| plugin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(of: &[(&str, &str)]) -> Map<Text> {
        let mut digests = Map::new();
        for (plugin, digest) in of {
            digests.insert(*plugin, Text::from(*digest));
        }
        digests
    }

    fn changed(before: &[(&str, &str)], now: &[(&str, &str)]) -> Vec<Text> {
        let before = Kept { generation: 4, digests: digests(before) };
        let changes = Changes::between(before, digests(now));
        assert_eq!(changes.kept().generation, 5);
        changes.plugins
    }

    #[test]
    fn who_has_others_more_or_none_any_more_is_told_once() {
        assert_eq!(changed(&[("a", "1")], &[("a", "1")]), [] as [&str; 0]);
        assert_eq!(changed(&[], &[("b", "1"), ("a", "1")]), ["a", "b"]);
        assert_eq!(changed(&[("a", "1"), ("b", "1"), ("c", "1")], &[("a", "2"), ("c", "1")]), ["a", "b"]);
    }
}
