//! [`Known`]: the models that one generation of the plugin was told of, for the next, which so need not ask first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use transom_agent::provider::ModelInfo;
use transom_plugin_api::{CallError, Host, List, Text, contract};

use crate::catalogue::Listed;

/// Models of an endpoint.
#[contract]
#[derive(Default)]
pub(crate) struct Known {
    /// Its address.
    base_url: Text,
    models: List<KnownModel>,
}

/// A model of an endpoint.
#[contract]
struct KnownModel {
    id: Text,
    info: ModelInfo,
}

/// What is known by now.
#[derive(Clone, Debug)]
pub(crate) struct Memory(Arc<Mutex<Known>>);

impl Memory {
    /// Of the endpoint at `base_url`.
    pub(crate) fn of(base_url: &str) -> Self {
        Self(Arc::new(Mutex::new(Known { base_url: base_url.into(), models: List::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was listed.
    pub(crate) fn keep(&self, listed: &[Listed]) {
        let models =
            listed.iter().map(|one| KnownModel { id: one.id.as_str().into(), info: one.info.clone() });
        self.lock().models = models.collect();
    }

    /// What the generation before was told of this endpoint.
    pub(crate) fn inherited(&self, host: &Host) -> Vec<Listed> {
        match host.handed_over::<Known>() {
            Ok(before) => self.of_this_endpoint(before.unwrap_or_default()),
            Err(error) => {
                // They are asked for anyhow.
                tracing::info!("{error}");
                Vec::new()
            }
        }
    }

    fn of_this_endpoint(&self, before: Known) -> Vec<Listed> {
        if before.base_url != self.lock().base_url {
            return Vec::new();
        }
        before.models.into_iter().map(|known| Listed { id: known.id.into(), info: known.info }).collect()
    }

    /// For the next generation.
    pub(crate) fn hand_over(&self) -> Result<Known, CallError> {
        Ok(self.lock().clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_listed_goes_over_and_only_to_the_same_endpoint() {
        let before = Memory::of("http://here/v1");
        let listed = [Listed { id: "m".to_owned(), info: ModelInfo::default() }];
        before.keep(&listed);
        let known = before.hand_over().expect("it is there");
        assert_eq!(Memory::of("http://here/v1").of_this_endpoint(known.clone()), listed);
        assert_eq!(Memory::of("http://there/v1").of_this_endpoint(known), []);
    }
}
