//! [`Hampers`]: what keeps plugins from their work, as they say themselves.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};
use transom_plugin_api::hosting::Hampered;

/// What each plugin has said last.
#[derive(Default)]
pub(crate) struct Hampers(Mutex<BTreeMap<String, (String, Instant)>>);

impl Hampers {
    /// A plugin says what keeps it from its work, or that nothing does.
    pub(crate) fn hear(&self, plugin: &str, said: &Hampered) {
        match said.by.as_ref() {
            Some(by) => drop(self.all().insert(plugin.to_owned(), (by.to_string(), Instant::now()))),
            None => drop(self.all().remove(plugin)),
        }
    }

    /// What a plugin was told to be kept by, and for how many milliseconds.
    pub(crate) fn of(&self, plugin: &str) -> Option<Value> {
        let all = self.all();
        let (by, since) = all.get(plugin)?;
        let for_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(json!({ "by": by, "forMs": for_ms }))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, (String, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
