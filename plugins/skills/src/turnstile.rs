//! [`Turnstiles`]: one at a time for each conversation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Gate, OwnedMutexGuard};
use transom_plugin_api::Text;
use transom_plugin_api::sabotage::sabotaged;

/// A gate for each conversation at which somebody is, or waits.
#[derive(Debug, Default)]
pub(crate) struct Turnstiles(Mutex<HashMap<Text, Weak<Gate<()>>>>);

impl Turnstiles {
    /// Waits until nobody else is at this conversation; who holds the answer is.
    pub(crate) async fn enter(&self, conversation_id: &Text) -> OwnedMutexGuard<()> {
        self.gate(conversation_id).lock_owned().await
    }

    fn gate(&self, conversation_id: &Text) -> Arc<Gate<()>> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| gate.strong_count() > 0);
        if let Some(gate) = gates.get(conversation_id).and_then(Weak::upgrade)
            && !sabotaged("activate-side-by-side")
        {
            return gate;
        }
        let gate = Arc::default();
        gates.insert(conversation_id.clone(), Arc::downgrade(&gate));
        gate
    }
}
