//! [`Ship`]: what everybody on board shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use crate::client::Client;
use crate::kills::Kills;
use crate::ledger::Ledger;
use crate::operator::Operator;
use crate::stage::Stage;
use crate::whereabouts::Whereabouts;

/// How long a fact is waited for until it is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Ship {
    pub(crate) stage: Arc<Stage>,
    pub(crate) whereabouts: Whereabouts,
    pub(crate) client: Client,
    pub(crate) operator: Operator,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) kills: Arc<Kills>,
    pub(crate) duty: Arc<Duty>,
}

/// What those who speak tell everybody else.
#[derive(Debug, Default)]
pub(crate) struct Duty {
    /// Whether they are to end.
    pub(crate) is_over: AtomicBool,
    /// Whether the story is told and watch is kept; else there is talk in their place, so that reloads need not wait for its end.
    pub(crate) is_story_time: AtomicBool,
    /// Turns that were watched from their beginning to their seal.
    pub(crate) turns: AtomicU64,
    /// Bytes of the long story, as far as it is told at this moment.
    pub(crate) story: AtomicU64,
}

impl Ship {
    /// # Errors
    /// When no client can be made.
    pub(crate) fn of(stage: Arc<Stage>) -> Result<Self, String> {
        let whereabouts = Whereabouts::unknown();
        Ok(Self {
            client: Client::new(whereabouts.clone())?,
            operator: Operator::of(Arc::clone(&stage)),
            stage,
            whereabouts,
            ledger: Arc::default(),
            kills: Arc::default(),
            duty: Arc::default(),
        })
    }
}

/// Looks again and again until there is something to see.
///
/// # Errors
/// When there is nothing for too long; `what` says what was looked for.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> Result<T, String> {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, looking).await;
    found.map_err(|_| format!("waited {} s in vain for {what}", PATIENCE.as_secs()))
}
