//! [`Compactor`]: which compactions are under way, which are due, and how the last ones ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use transom_agent::compaction::Compacted;
use transom_plugin_api::{CallError, CallErrorKind, Host, Text};

use crate::due::{Failures, is_due};
use crate::instruction::check_addition;
use crate::job::{self, Wish};
use crate::percent::Percents;
use crate::{Compaction, CompactionPorts};

/// Compactions that ask their models at the same time; further ones wait.
const AT_ONCE: usize = 4;
/// Conversations whose last compaction is remembered.
const REMEMBERED: usize = 1_000;

/// Compacts conversations.
#[derive(Debug)]
pub(crate) struct Compactor {
    pub(crate) settings: Compaction,
    pub(crate) ports: CompactionPorts,
    pub(crate) percents: Percents,
    host: Host,
    state: Mutex<State>,
    room: Semaphore,
}

#[derive(Debug, Default)]
struct State {
    under_way: HashMap<Text, UnderWay>,
    last: HashMap<Text, Last>,
    failures: HashMap<Text, Failures>,
    /// Models of which was told that nobody knows their window.
    told: Vec<Text>,
}

/// A compaction that is under way.
#[derive(Debug)]
struct UnderWay {
    since: i64,
    cancel: watch::Sender<bool>,
}

/// How a compaction ended.
#[derive(Clone, Debug)]
pub(crate) struct Last {
    /// Milliseconds since the epoch.
    pub(crate) at: i64,
    pub(crate) outcome: Result<Compacted, CallError>,
}

/// How it stands with a conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// Since when one is under way, in milliseconds since the epoch.
    pub(crate) since: Option<i64>,
    pub(crate) last: Option<Last>,
}

impl Compactor {
    pub(crate) fn new(settings: Compaction, ports: CompactionPorts, host: Host) -> Self {
        let percents = Percents::new(ports.clone(), settings.percent);
        Self { settings, ports, percents, host, state: Mutex::default(), room: Semaphore::new(AT_ONCE) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether a conversation is to be compacted, and does so in the background.
    pub(crate) async fn look(
        self: &Arc<Self>,
        conversation_id: &Text,
        model: &Text,
        context_size: Option<u64>,
        has_overflowed: bool,
    ) {
        if !has_overflowed && !self.is_due(conversation_id, model, context_size).await {
            return;
        }
        if !self.state().failures.entry(conversation_id.clone()).or_default().may_try() {
            return;
        }
        let wish = Wish {
            conversation_id: conversation_id.clone(),
            keep_tokens: None,
            instruction: None,
            tokens: context_size,
        };
        if let Ok(cancelled) = self.begin(conversation_id) {
            let compactor = Arc::clone(self);
            self.host.spawn(async move { drop(compactor.work(wish, cancelled).await) });
        }
    }

    async fn is_due(&self, conversation_id: &Text, model: &Text, context_size: Option<u64>) -> bool {
        let Some(context_size) = context_size else { return false };
        let Some(window) = self.window_of(model).await else {
            self.tell_once(model);
            return false;
        };
        // The smallest share that somebody can choose; to know the one that was chosen takes a look into the storage.
        is_due(context_size, window, 1)
            && is_due(
                context_size,
                window,
                self.percents.of(conversation_id).await.unwrap_or(self.settings.percent),
            )
    }

    async fn window_of(&self, model: &Text) -> Option<u64> {
        let known = self.ports.facts.call(model.clone()).await.ok();
        let known = known.and_then(|facts| facts.context_window.into_option());
        known.or_else(|| {
            let served = self.ports.models.names().into_iter().find(|served| served.name == *model)?;
            served.about.context_window.into_option()
        })
    }

    fn tell_once(&self, model: &Text) {
        const MOST: usize = 100;
        let mut state = self.state();
        if state.told.contains(model) || state.told.len() >= MOST {
            return;
        }
        state.told.push(model.clone());
        tracing::info!(
            "conversations with `{model}` are compacted by hand only, since nobody knows its window"
        );
    }

    /// Compacts a conversation in the background; `Ok` tells how it ended, as soon as it has.
    ///
    /// # Errors
    /// `Conflict` while it is being compacted, and `InvalidInput` where the model would be told too much besides.
    pub(crate) fn start(
        self: &Arc<Self>,
        wish: Wish,
    ) -> Result<impl Future<Output = Result<Compacted, CallError>> + use<>, CallError> {
        wish.instruction.as_deref().map_or(Ok(()), check_addition)?;
        let cancelled = self.begin(&wish.conversation_id)?;
        let (compactor, (tell, told)) = (Arc::clone(self), tokio::sync::oneshot::channel());
        self.host.spawn(async move {
            // Who asked may have gone away.
            let _ = tell.send(compactor.work(wish, cancelled).await);
        });
        Ok(async move { told.await.unwrap_or_else(|_| Err(CallError::unavailable("the host is stopping"))) })
    }

    /// What a future gives, unless it takes longer than that.
    pub(crate) async fn within<T>(&self, patience: Duration, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = self.host.sleep(patience) => None,
        }
    }

    fn begin(self: &Arc<Self>, conversation_id: &Text) -> Result<Under, CallError> {
        let mut state = self.state();
        if state.under_way.contains_key(conversation_id) {
            let message = format!("conversation `{conversation_id}` is being summed up already");
            return Err(CallError::conflict(message));
        }
        let (cancel, cancelled) = watch::channel(false);
        state.under_way.insert(conversation_id.clone(), UnderWay { since: self.host.now_ms(), cancel });
        Ok(Under { compactor: Arc::clone(self), conversation_id: conversation_id.clone(), cancelled })
    }

    async fn work(&self, wish: Wish, mut under: Under) -> Result<Compacted, CallError> {
        let conversation_id = wish.conversation_id.clone();
        let job = async {
            let _room = self.room.acquire().await.map_err(CallError::unavailable)?;
            job::run(&self.ports, &self.settings, wish).await
        };
        let outcome = tokio::select! {
            biased;
            Ok(_) = under.cancelled.wait_for(|cancelled| *cancelled) => {
                Err(CallError::new(CallErrorKind::Refused, "the summary was cancelled"))
            }
            outcome = job => outcome,
        };
        self.end(&conversation_id, outcome.clone());
        drop(under);
        outcome
    }

    fn end(&self, conversation_id: &Text, outcome: Result<Compacted, CallError>) {
        let mut state = self.state();
        match &outcome {
            Ok(compacted) => {
                tracing::info!(
                    messages = compacted.summary.messages,
                    "conversation `{conversation_id}` is summed up; nothing of it is deleted"
                );
                state.failures.remove(conversation_id);
            }
            Err(error) => {
                // Who asked for it is told; that there is nothing to sum up is nobody else's concern.
                match error.kind {
                    CallErrorKind::Conflict => {
                        tracing::debug!("conversation `{conversation_id}` is not summed up: {error}");
                    }
                    _ => tracing::warn!(
                        "conversation `{conversation_id}` is not summed up, and goes on as it was: {error}"
                    ),
                }
                state.failures.entry(conversation_id.clone()).or_default().fail();
            }
        }
        // All of them at once, which is rare, in place of a list of who came when.
        if state.last.len() >= REMEMBERED {
            state.last.clear();
        }
        if state.failures.len() >= REMEMBERED {
            state.failures.clear();
        }
        let at = self.host.now_ms();
        state.last.insert(conversation_id.clone(), Last { at, outcome });
    }

    /// Cancels the compaction of a conversation; whether there was one.
    pub(crate) fn cancel(&self, conversation_id: &str) -> bool {
        let state = self.state();
        let Some(under_way) = state.under_way.get(conversation_id) else { return false };
        under_way.cancel.send_replace(true);
        true
    }

    /// How it stands with a conversation.
    pub(crate) fn standing(&self, conversation_id: &str) -> Standing {
        let state = self.state();
        Standing {
            since: state.under_way.get(conversation_id).map(|under_way| under_way.since),
            last: state.last.get(conversation_id).cloned(),
        }
    }
}

/// A conversation that is being compacted, for as long as this lives.
struct Under {
    compactor: Arc<Compactor>,
    conversation_id: Text,
    cancelled: watch::Receiver<bool>,
}

impl Drop for Under {
    fn drop(&mut self) {
        self.compactor.state().under_way.remove(&self.conversation_id);
    }
}
