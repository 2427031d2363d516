//! [`Flights`]: the requests that are under way, one of a conversation at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use transom_agent::provider::ModelAnswered;
use transom_plugin_api::{CallError, Text};

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<Text, Flight>>);

#[derive(Debug)]
struct Flight {
    drop: watch::Sender<bool>,
    told: Told,
}

/// What was told of a request besides its answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) model: Option<Text>,
    /// When it was made, in milliseconds since the epoch.
    pub(crate) asked_at: Option<i64>,
}

/// A request that is under way, for as long as this lives.
pub(crate) struct Aloft {
    flights: Arc<Flights>,
    conversation_id: Text,
    dropped: watch::Receiver<bool>,
}

impl Flights {
    fn all(&self) -> MutexGuard<'_, HashMap<Text, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one.
    ///
    /// # Errors
    /// `Conflict` while another one of the conversation is under way.
    pub(crate) fn begin(self: &Arc<Self>, conversation_id: &Text) -> Result<Aloft, CallError> {
        let mut all = self.all();
        if all.contains_key(conversation_id) {
            let message = format!("the prompt of conversation `{conversation_id}` is being asked already");
            return Err(CallError::conflict(message));
        }
        let (drop, dropped) = watch::channel(false);
        all.insert(conversation_id.clone(), Flight { drop, told: Told::default() });
        Ok(Aloft { flights: Arc::clone(self), conversation_id: conversation_id.clone(), dropped })
    }

    /// Drops the one of a conversation, where there is one.
    pub(crate) fn drop_of(&self, conversation_id: &str) {
        if let Some(flight) = self.all().get(conversation_id) {
            flight.drop.send_replace(true);
        }
    }

    /// One is answered.
    pub(crate) fn answered(&self, answered: &ModelAnswered) {
        if let Some(flight) = self.all().get_mut(&answered.conversation_id) {
            flight.told = Told { model: Some(answered.model.clone()), asked_at: Some(answered.asked_at) };
        }
    }
}

impl Aloft {
    /// What was told of it.
    pub(crate) fn told(&self) -> Told {
        self.flights.all().get(&self.conversation_id).map(|flight| flight.told.clone()).unwrap_or_default()
    }

    /// Waits until somebody wants it dropped.
    pub(crate) fn until_dropped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut dropped = self.dropped.clone();
        async move {
            // An error is that nobody can want so any more, which is never while this lives.
            let _ = dropped.wait_for(|dropped| *dropped).await;
        }
    }
}

impl Drop for Aloft {
    fn drop(&mut self) {
        self.flights.all().remove(&self.conversation_id);
    }
}
