//! [`Viewings`]: the conversations that are watched, each end of which is told once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use transom_agent::stream::{StreamEnd, StreamEnded};
use transom_plugin_api::Text;
use transom_plugin_api::sabotage::sabotaged;

/// The conversations that are watched on all connections.
pub(crate) struct Viewings {
    say: Box<dyn Fn(&StreamEnded) + Send + Sync>,
    now_ms: Box<dyn Fn() -> i64 + Send + Sync>,
    open: AtomicU64,
    /// Why all of them are about to end.
    leaving: OnceLock<StreamEnd>,
}

/// Why what is watched on a connection ends; the first reason that is given stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Why(Arc<OnceLock<StreamEnd>>);

impl Why {
    pub(crate) fn give(&self, reason: StreamEnd) {
        let _ = self.0.set(reason);
    }

    fn given(&self) -> Option<StreamEnd> {
        self.0.get().cloned()
    }
}

impl Viewings {
    pub(crate) fn new(
        say: impl Fn(&StreamEnded) + Send + Sync + 'static,
        now_ms: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        let (open, leaving) = (AtomicU64::new(0), OnceLock::new());
        Self { say: Box::new(say), now_ms: Box::new(now_ms), open, leaving }
    }

    /// From now on what is cut off ends for that reason; the first one that is said stays.
    pub(crate) fn leave(&self, why: StreamEnd) {
        let _ = self.leaving.set(why);
    }

    /// How many are watched.
    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Begins one, on a connection that ends for `connection`.
    pub(crate) fn begin(self: &Arc<Self>, conversation_id: &Text, connection: &Why) -> Viewing {
        self.open.fetch_add(1, Ordering::Relaxed);
        let ended = self.unseen(conversation_id, StreamEnd::ClientGone);
        Viewing { of: Arc::clone(self), ended, own: Why::default(), connection: connection.clone() }
    }

    /// Tells of a viewer that was not let in.
    pub(crate) fn refused(&self, conversation_id: &Text) {
        self.tell(&self.unseen(conversation_id, StreamEnd::Refused));
    }

    fn unseen(&self, conversation_id: &Text, reason: StreamEnd) -> StreamEnded {
        StreamEnded {
            conversation_id: conversation_id.clone(),
            transport: "websocket".into(),
            reason,
            frames: 0,
            bytes: 0,
            since: (self.now_ms)(),
        }
    }

    fn tell(&self, ended: &StreamEnded) {
        if !sabotaged("end-views-in-silence") {
            (self.say)(ended);
        }
    }
}

/// One conversation that is watched. Dropped without a reason of its own, it ends with its connection.
pub(crate) struct Viewing {
    of: Arc<Viewings>,
    ended: StreamEnded,
    own: Why,
    connection: Why,
}

impl Viewing {
    /// Where its reason is to be given.
    pub(crate) fn why(&self) -> Why {
        self.own.clone()
    }

    /// Counts what was put on its way.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.ended.frames += 1;
        self.ended.bytes += bytes as u64;
    }

    /// Whoever shows the conversation broke off.
    pub(crate) fn failed(&self) {
        self.own.give(self.of.leaving.get().cloned().unwrap_or(StreamEnd::Failed));
    }
}

impl Drop for Viewing {
    fn drop(&mut self) {
        self.of.open.fetch_sub(1, Ordering::Relaxed);
        let leaving = || self.of.leaving.get().cloned();
        let reason = self.own.given().or_else(|| self.connection.given()).or_else(leaving);
        self.ended.reason = reason.unwrap_or(StreamEnd::ClientGone);
        self.of.tell(&self.ended);
    }
}
