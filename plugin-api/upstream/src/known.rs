//! [`Memory`]: the models that one generation of a provider was told of, for the next, which so need not ask first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use transom_agent::provider::ModelInfo;
use transom_plugin_api::{CallError, Host, List, Maybe, Text, contract};

use crate::catalogue::Listed;

/// What is known of all accounts.
#[contract]
#[derive(Default)]
pub(crate) struct Known {
    accounts: List<KnownAccount>,
}

/// The models of an account.
#[contract]
#[derive(Default)]
pub(crate) struct KnownAccount {
    /// Its name.
    name: Text,
    /// Its address: at another one there are other models.
    base_url: Text,
    models: List<KnownModel>,
}

/// A model of an account.
#[contract]
struct KnownModel {
    id: Text,
    info: ModelInfo,
    max_output_tokens: Maybe<u64>,
}

impl KnownAccount {
    /// An account, and what was listed of it.
    pub(crate) fn of(name: &str, base_url: &str, listed: &[Listed]) -> Self {
        let model = |one: &Listed| KnownModel {
            id: one.id.as_str().into(),
            info: one.info.clone(),
            max_output_tokens: one.max_output_tokens.into(),
        };
        Self { name: name.into(), base_url: base_url.into(), models: listed.iter().map(model).collect() }
    }

    /// Its models, if it is the account at that address.
    pub(crate) fn at(self, name: &str, base_url: &str) -> Option<Vec<Listed>> {
        let listed = |model: KnownModel| Listed {
            id: model.id.into(),
            info: model.info,
            max_output_tokens: model.max_output_tokens.into_option(),
        };
        let is_it = self.name == name && self.base_url == base_url;
        is_it.then(|| self.models.into_iter().map(listed).collect())
    }
}

/// What is known by now, by the names of the accounts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<BTreeMap<String, KnownAccount>>>);

impl Memory {
    /// With what the generation before knew.
    pub(crate) fn inherited(host: &Host) -> Self {
        let known = host.handed_over::<Known>().unwrap_or_else(|error| {
            // They are asked for anyhow.
            tracing::info!("{error}");
            None
        });
        let accounts = known.unwrap_or_default().accounts.into_iter();
        Self(Arc::new(Mutex::new(accounts.map(|account| (String::from(&account.name), account)).collect())))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, KnownAccount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was listed.
    pub(crate) fn keep(&self, account: KnownAccount) {
        self.lock().insert(String::from(&account.name), account);
    }

    /// What is known of an account.
    pub(crate) fn of(&self, name: &str, base_url: &str) -> Option<Vec<Listed>> {
        let known = self.lock().get(name).cloned();
        known?.at(name, base_url)
    }

    /// Forgets accounts that are there no more.
    pub(crate) fn forget_others(&self, is_there: impl Fn(&str) -> bool) {
        self.lock().retain(|name, _| is_there(name));
    }

    /// For the next generation.
    pub(crate) fn hand_over(&self) -> Result<Known, CallError> {
        Ok(Known { accounts: self.lock().values().cloned().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_listed_is_known_at_the_same_address_only() {
        let memory = Memory::default();
        let listed = [Listed { id: "m".to_owned(), max_output_tokens: Some(7), ..Listed::default() }];
        memory.keep(KnownAccount::of("a", "http://here/v1", &listed));
        assert_eq!(memory.of("a", "http://here/v1").as_deref(), Some(&listed[..]));
        assert_eq!(memory.of("a", "http://there/v1"), None);
        assert_eq!(memory.of("b", "http://here/v1"), None);
        memory.forget_others(|name| name != "a");
        assert_eq!(memory.of("a", "http://here/v1"), None);
    }
}
