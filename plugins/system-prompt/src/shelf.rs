//! [`Shelf`]: prompts that were built, durable, and remembered for when the storage does not answer.
//!
//! | key | value |
//! |---|---|
//! | `c/<conversation>/prompt` | [`Built`] |
//! | `template` | `{"template": …}`: the one that was put in the place of the operator's |
//!
//! The storage is asked each time, since it alone knows whether a conversation is still the one of that id: the rows of one that
//! was deleted are gone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use transom_agent::storage::{self, StorageWrite, StorageWrites, is_without};
use transom_plugin_api::{CallError, CallErrorKind, Host, Json, List, Maybe, Text};

use crate::SystemPromptPorts;
use crate::built::Built;

/// Prompts that are remembered.
const REMEMBERED: usize = 200;
/// How long the storage is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

const TEMPLATE: &str = "template";

/// Keeps prompts.
pub(crate) struct Shelf {
    ports: SystemPromptPorts,
    host: Host,
    remembered: Mutex<HashMap<Text, Remembered>>,
}

#[derive(Clone)]
struct Remembered {
    built: Built,
    /// Whether it is in the storage.
    is_kept: bool,
}

impl Shelf {
    pub(crate) fn new(ports: SystemPromptPorts, host: Host) -> Self {
        Self { ports, host, remembered: Mutex::default() }
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<Text, Remembered>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The prompt of a conversation, if there is one.
    pub(crate) async fn prompt(&self, conversation_id: &Text) -> Option<Built> {
        let key = key(conversation_id);
        let row = self.row(&key).await;
        let remembered = self.remembered().get(conversation_id).cloned();
        match row {
            Ok(None) => {
                remembered.filter(|remembered| !remembered.is_kept).map(|remembered| remembered.built)
            }
            Ok(Some(row)) => match row.read() {
                Ok(built) => Some(built),
                Err(error) => {
                    tracing::warn!("row `{key}` is left out: {error}");
                    None
                }
            },
            Err(error) => {
                if !is_without(&error) {
                    tracing::warn!("the prompt of conversation `{conversation_id}` cannot be read: {error}");
                }
                remembered.map(|remembered| remembered.built)
            }
        }
    }

    /// The prompt of a conversation as far as that is known without asking anybody.
    pub(crate) fn last(&self, conversation_id: &Text) -> Option<String> {
        self.remembered().get(conversation_id).map(|remembered| remembered.built.text.clone())
    }

    /// Keeps the prompt of a conversation.
    pub(crate) async fn keep(&self, conversation_id: &Text, built: &Built) {
        let write = StorageWrite { key: key(conversation_id).into(), value: document(built) };
        let kept = self.write(List::from([write])).await;
        if let Err(error) = &kept
            && !is_without(error)
        {
            tracing::warn!("the prompt of conversation `{conversation_id}` is not durable: {error}");
        }
        self.remember(conversation_id, built, kept.is_ok());
    }

    /// Remembers a prompt that is to be kept.
    pub(crate) fn remember_unkept(&self, conversation_id: &Text, built: &Built) {
        self.remember(conversation_id, built, false);
    }

    /// Keeps what is only remembered, in one go: a storage that does not answer is waited for once.
    pub(crate) async fn flush(&self) {
        let writes: List<StorageWrite> = self
            .remembered()
            .iter()
            .filter(|(_, remembered)| !remembered.is_kept)
            .map(|(id, remembered)| StorageWrite { key: key(id).into(), value: document(&remembered.built) })
            .collect();
        if writes.is_empty() {
            return;
        }
        if let Err(error) = self.write(writes).await
            && !is_without(&error)
        {
            tracing::warn!("the prompts built last are not durable: {error}");
        }
    }

    /// Remembers the prompt that the storage has.
    pub(crate) fn seen(&self, conversation_id: &Text, built: &Built) {
        let is_known = self.remembered().get(conversation_id).is_some_and(|known| known.built == *built);
        if !is_known {
            self.remember(conversation_id, built, true);
        }
    }

    fn remember(&self, conversation_id: &Text, built: &Built, is_kept: bool) {
        let mut remembered = self.remembered();
        // They are stored; nothing is lost but what the storage did not take.
        if remembered.len() >= REMEMBERED && !remembered.contains_key(conversation_id) {
            remembered.clear();
        }
        remembered.insert(conversation_id.clone(), Remembered { built: built.clone(), is_kept });
    }

    /// The template that was put in the place of the operator's.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn template(&self) -> Result<Option<String>, CallError> {
        match self.row(TEMPLATE).await {
            Ok(row) => Ok(row.and_then(|row| row.value()[TEMPLATE].as_str().map(str::to_owned))),
            Err(error) if is_without(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a template, or takes it back.
    ///
    /// # Errors
    /// When it is not durable.
    pub(crate) async fn keep_template(&self, template: Option<&str>) -> Result<(), CallError> {
        let value = template.map(|template| Json::from(serde_json::json!({ TEMPLATE: template })));
        let write = StorageWrite { key: TEMPLATE.into(), value: value.into() };
        self.write(List::from([write])).await.map_err(|error| match error.kind {
            CallErrorKind::NoProvider => {
                CallError::unavailable("nobody keeps templates here; run `conversation-store`")
            }
            _ => error,
        })
    }

    async fn row(&self, key: &str) -> Result<Option<Json>, CallError> {
        self.host.within(PATIENCE, storage::row(&self.ports.read, key)).await.unwrap_or_else(late)
    }

    async fn write(&self, writes: List<StorageWrite>) -> Result<(), CallError> {
        let writes = StorageWrites { writes };
        self.host.within(PATIENCE, self.ports.write.call(writes)).await.unwrap_or_else(late).map(drop)
    }
}

fn late<T>() -> Result<T, CallError> {
    Err(CallError::unavailable(format!("the storage did not answer within {} s", PATIENCE.as_secs())))
}

fn document(built: &Built) -> Maybe<Json> {
    Maybe::Some(Json::of(built).expect("texts and numbers can be written as JSON"))
}

fn key(conversation_id: &str) -> String {
    format!("c/{conversation_id}/prompt")
}
