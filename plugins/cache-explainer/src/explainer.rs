//! [`Explainer`]: looks at requests as they are made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use transom_agent::cache::PrefixBroken;
use transom_agent::provider::{ModelAnswered, ModelAsked, purpose};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{Host, Text};

use crate::CacheExplainerPorts;
use crate::compare::changes;
use crate::print::Print;
use crate::record::Record;
use crate::shelf::Shelf;

/// Looks at requests as they are made.
#[derive(Debug)]
pub(crate) struct Explainer {
    pub(crate) ports: CacheExplainerPorts,
    pub(crate) shelf: Arc<Shelf>,
    record: Mutex<Record>,
}

impl Explainer {
    pub(crate) fn new(ports: CacheExplainerPorts, host: Host) -> Self {
        let shelf = Arc::new(Shelf::new(ports.clone(), host));
        Self { ports, shelf, record: Mutex::default() }
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compares a request with the one before, and says what is different. `lost` are requests that were not looked at, which
    /// makes no difference to the next one: what two of them have in common, all between them had.
    pub(crate) async fn asked(&self, asked: &ModelAsked, lost: u64) {
        if lost > 0 {
            tracing::debug!(lost, "requests were made faster than they are looked at");
        }
        let conversation_id = &asked.request.conversation_id;
        let print = Print::of(asked);
        let before = self.before(conversation_id).await;
        let mut changes =
            before.as_ref().map(|before| changes(before, &print, is_whole(asked))).unwrap_or_default();
        if sabotaged("overlook-a-broken-prefix") {
            changes.clear();
        }
        let is_new = before.as_ref().is_none_or(|before| before.beginning != print.beginning);
        if is_new {
            self.shelf.keep(conversation_id, &print.beginning);
        }
        let mut record = self.record();
        let known = record.of(conversation_id);
        known.ask(asked, &print, changes.clone());
        known.print = Some(print.or_longer(before, &changes));
        drop(record);
        if !changes.is_empty() {
            self.tell(asked, changes);
        }
    }

    /// What the request before was like: as it was seen, or as far as it is stored.
    async fn before(&self, conversation_id: &Text) -> Option<Print> {
        // In a statement of its own, so that the lock is free behind it.
        let seen = self.record().of(conversation_id).print.take();
        match seen {
            Some(print) => Some(print),
            None => {
                let beginning = self.shelf.read(conversation_id).await?;
                Some(Print { beginning, ..Print::default() })
            }
        }
    }

    fn tell(&self, asked: &ModelAsked, changes: Vec<transom_agent::cache::PrefixChange>) {
        let conversation_id = &asked.request.conversation_id;
        let told: Vec<&str> = changes.iter().map(|change| change.told.as_str()).collect();
        tracing::info!(
            purpose = asked.purpose.as_str(),
            "a request of conversation `{conversation_id}` cannot be read from a cache as far as the one before: {}",
            told.join("; ")
        );
        self.ports.broken.emit(&PrefixBroken {
            conversation_id: conversation_id.clone(),
            request_id: asked.request_id.clone(),
            purpose: asked.purpose.clone(),
            at: asked.asked_at,
            changes: changes.into(),
        });
    }

    /// Takes in how a request ended.
    pub(crate) fn answered(&self, answered: &ModelAnswered) {
        self.record().of(&answered.conversation_id).answer(answered);
    }
}

/// Whether a request tells all that was said so far. One beside turns may end before that.
fn is_whole(asked: &ModelAsked) -> bool {
    asked.purpose == purpose::TURN
}
