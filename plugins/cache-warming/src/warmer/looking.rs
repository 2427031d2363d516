//! Looking at conversations: whether they are still there, and what is known of their models.

use std::sync::{Arc, PoisonError};

use transom_agent::conversation::Conversation;
use transom_plugin_api::{CallError, CallErrorKind, Text};

use super::Warmer;
use crate::money::Known;
use crate::record::Mode;

/// Models of which is remembered that something of them was told.
const MOST_TOLD: usize = 100;

impl Warmer {
    pub(super) fn look_in_the_background(self: &Arc<Self>, id: Text) {
        let warmer = Arc::clone(self);
        self.host.spawn(async move {
            let _turn = warmer.looking.acquire().await;
            if let Err(error) = warmer.look(&id).await {
                tracing::debug!("conversation `{id}` could not be looked at: {error}");
            }
        });
    }

    /// Looks at a conversation, and arms what is to be armed.
    ///
    /// # Errors
    /// `NotFound` when it is gone, and then it is forgotten; what the store says, and then it is looked at again.
    pub(crate) async fn look(&self, id: &Text) -> Result<(), CallError> {
        let Some(seen) = self.book().seen(id) else { return Ok(()) };
        let conversation = self.find(id).await.inspect_err(|_| {
            self.change_of(id, |book, now_ms| book.looked_in_vain(id, now_ms));
        })?;
        let model = conversation.model.clone().into_option().unwrap_or_else(|| seen.model.as_str().into());
        let known = self.known(&model).await;
        let is_all_known = known.prices.is_some() && known.lifetime_ms.is_some();
        if seen.mode == Mode::Gain && !is_all_known && !model.is_empty() {
            self.tell_once(&model);
        }
        self.change_of(id, |book, now_ms| book.looked(&seen, &conversation, known, now_ms));
        Ok(())
    }

    /// A conversation, which is forgotten where it is gone.
    ///
    /// # Errors
    /// As the store.
    pub(crate) async fn find(&self, id: &Text) -> Result<Conversation, CallError> {
        self.ports.find.call(id.clone()).await.inspect_err(|error| {
            if error.kind == CallErrorKind::NotFound {
                self.change_of(id, |book, _| book.forget(id));
            }
        })
    }

    /// What is known of a model; nothing where nobody tells.
    pub(super) async fn known(&self, model: &Text) -> Known {
        self.ports.facts.call(model.clone()).await.map(Known::of).unwrap_or_default()
    }

    fn tell_once(&self, model: &Text) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST_TOLD && told.insert(model.clone()) {
            tracing::warn!(
                "nothing is asked by the mode `gain` with `{model}`, since nobody knows its prices and how long its cache lasts; \
                 set them in the settings of the model catalogue"
            );
        }
    }
}
