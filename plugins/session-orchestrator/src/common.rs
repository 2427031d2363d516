//! What the turns of an orchestrator share.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use transom_plugin_api::Text;

use crate::handed::HandedTurn;
use crate::histories::Histories;
use crate::questions::Questions;
use crate::turn::Stalls;

/// What the turns of an orchestrator share.
#[derive(Debug, Default)]
pub(crate) struct Common {
    /// What conversations have said so far.
    pub(crate) histories: Histories,
    /// Turns that are left to another generation.
    pub(crate) suspended: Suspended,
    /// Those that do not move.
    pub(crate) stalls: Stalls,
    /// What waits for a person.
    pub(crate) questions: Questions,
    /// How many have ended.
    pub(crate) ended: AtomicU64,
    /// Changes when the requests beside turns are to end, since the plugin is replaced.
    pub(crate) besides: watch::Sender<()>,
}

/// Turns on their way to another generation.
#[derive(Debug, Default)]
pub(crate) struct Suspended {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// How long a reload waits for what is under way.
    patience: Duration,
    /// Whether turns may be left.
    open: bool,
    left: Vec<HandedTurn>,
    /// A turn that can only be ended where it is.
    stuck: Option<Text>,
}

impl Suspended {
    /// Says how long a reload waits.
    pub(crate) fn expect(&self, patience: Duration) {
        self.lock().patience = patience;
    }

    /// How long what a turn has under way may go on: half of the time that there is, so that the rest can be stored.
    pub(crate) fn patience(&self) -> Duration {
        self.lock().patience / 2
    }

    /// From now on turns may be left.
    pub(crate) fn open(&self) {
        self.lock().open = true;
    }

    /// Leaves a turn; whether that may be done.
    pub(crate) fn leave(&self, turn: HandedTurn) -> bool {
        let mut state = self.lock();
        if state.open {
            state.left.push(turn);
        }
        state.open
    }

    /// The turns that were left; from now on none may be.
    pub(crate) fn close(&self) -> Vec<HandedTurn> {
        let mut state = self.lock();
        state.open = false;
        std::mem::take(&mut state.left)
    }

    /// Says of a turn that it cannot be left as long as its end is not stored.
    pub(crate) fn cannot(&self, turn_id: &Text) {
        self.lock().stuck = Some(turn_id.clone());
        self.changed.notify_one();
    }

    /// It can be, or is over.
    pub(crate) fn can(&self, turn_id: &Text) {
        let mut state = self.lock();
        if state.stuck.as_ref() == Some(turn_id) {
            state.stuck = None;
        }
    }

    /// Waits until a turn cannot be left.
    pub(crate) async fn stuck(&self) -> Text {
        loop {
            let changed = self.changed.notified();
            if let Some(turn_id) = self.lock().stuck.clone() {
                return turn_id;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
