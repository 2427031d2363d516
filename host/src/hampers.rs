//! [`Hampers`]: what keeps plugins from their work, as they say themselves.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};
use transom_plugin_api::hosting::Hampered;
use transom_plugin_api::sabotage::sabotaged;

/// What each plugin has said last.
#[derive(Default)]
pub(crate) struct Hampers(Mutex<Said>);

/// By what each plugin is kept from its work, and since when.
pub(crate) type Said = BTreeMap<String, (String, Instant)>;

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

    /// Forgets what a plugin has said, since another generation of it is to say for itself, or none is left.
    pub(crate) fn forget(&self, plugin: &str) {
        if !sabotaged("keep-what-is-past") {
            self.all().remove(plugin);
        }
    }

    /// Everything that plugins have said, for [`take_back`](Self::take_back).
    pub(crate) fn said(&self) -> Said {
        self.all().clone()
    }

    /// Forgets what a generation of `plugin` said that did not come to run: what counts is what was said `before`.
    pub(crate) fn take_back(&self, plugin: &str, before: &Said) {
        match before.get(plugin) {
            Some(then) => drop(self.all().insert(plugin.to_owned(), then.clone())),
            None => drop(self.all().remove(plugin)),
        }
    }

    fn all(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(hampers: &Hampers, by: Option<&str>) {
        hampers.hear("store", &Hampered { by: by.map(Into::into).into() });
    }

    fn by(hampers: &Hampers) -> Option<Value> {
        hampers.of("store").map(|mut told| told["by"].take())
    }

    #[test]
    fn what_a_generation_said_is_not_told_of_the_next() {
        let hampers = Hampers::default();
        say(&hampers, Some("a full disk"));
        hampers.forget("store");
        assert_eq!(by(&hampers), None);
        say(&hampers, Some("a lock"));
        assert_eq!(by(&hampers), Some(json!("a lock")));
    }

    #[test]
    fn what_a_generation_said_that_failed_is_taken_back() {
        let hampers = Hampers::default();
        let nothing = hampers.said();
        say(&hampers, Some("a full disk"));
        let before = hampers.said();
        hampers.forget("store");
        say(&hampers, Some("a lock"));
        hampers.take_back("store", &before);
        assert_eq!(by(&hampers), Some(json!("a full disk")));
        hampers.take_back("store", &nothing);
        assert_eq!(by(&hampers), None);
    }
}
