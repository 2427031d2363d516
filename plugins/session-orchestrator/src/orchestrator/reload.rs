//! Starting, being replaced, and stopping: what becomes of turns then.

use std::sync::Arc;
use std::time::Duration;

use transom_agent::log::{ParkedTurn, Repair};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, List, Text};

use super::Orchestrator;
use crate::edges::Edges;
use crate::handed::{Handed, HandedTurn};

/// How long to wait before what the last run has left is put in order again: twice as long each time, up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// How long a reload may take that waits for nothing.
const LEAST_WAIT: Duration = Duration::from_secs(1);

impl<E: Edges> Orchestrator<E> {
    /// Goes on with the turns that the generation before has left, and has the store end those that nobody runs.
    pub(crate) fn begin(self: &Arc<Self>, handed: Handed) {
        self.adopt(handed.turns);
        let orchestrator = Arc::clone(self);
        self.edges.spawn(async move {
            orchestrator.repair().await;
            orchestrator.keep_time().await;
        });
    }

    fn adopt(&self, turns: impl IntoIterator<Item = HandedTurn>) {
        for turn in turns {
            if sabotaged("forget-the-handed-over-turn") {
                continue;
            }
            let claim = self.hub.claim(&turn.conversation_id, turn.turn_id.clone(), self.edges.now_ms());
            match claim {
                Ok(claim) => {
                    let mut claim = claim.of_one_that_goes_on();
                    claim.begin(turn.places());
                    self.edges.spawn(self.turn(claim, turn.terms()).go_on(turn.progress(), None));
                }
                Err(error) => tracing::error!("turn `{}` cannot go on: {error}", turn.turn_id),
            }
        }
    }

    /// Puts in order what the last run has left, as often as it takes.
    async fn repair(self: &Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        let parked = loop {
            match self.repair_once().await {
                Ok(parked) => break parked,
                Err(error) => {
                    tracing::warn!("turns that the last run has left cannot be ended yet: {error}");
                }
            }
            self.edges.sleep(pause).await;
            pause = LAST_PAUSE.min(pause * 2);
        };
        // What waits for a person is known before anybody may ask for it.
        self.look_after_parked(&parked).await;
        self.repaired.send_replace(true);
    }

    /// Has the store put in order what nobody runs any more; answers which turns wait for a person, or for somebody who goes on
    /// with them.
    pub(super) async fn repair_once(&self) -> Result<List<ParkedTurn>, CallError> {
        let alive: Vec<Text> = self.hub.turns();
        let repaired = self.edges.repair(Repair { alive: alive.into() }).await?;
        for lost in &repaired.lost {
            tracing::warn!(
                "turn `{}` of conversation `{}` was under way when the host ended; it is over",
                lost.turn_id,
                lost.conversation.id
            );
        }
        Ok(repaired.parked)
    }

    /// Waits until no turn runs, at most `patience`; with none left it stops them and waits until they are sealed. Then
    /// nobody watches any more. Everything works on, in case nobody comes after all.
    pub(crate) async fn drain(&self, patience: Duration) {
        if sabotaged("reload-under-turns") {
            return;
        }
        self.common.suspended.expect(patience);
        if patience.is_zero() {
            self.hub.stop_all();
            self.until_idle_or_stuck().await;
        } else {
            tokio::select! {
                biased;
                () = self.hub.until_idle() => {}
                () = self.edges.sleep(patience) => {}
            }
        }
        self.common.besides.send_replace(());
        // If nobody comes after all, the others have given up by then.
        let patience_ms = i64::try_from(patience.max(LEAST_WAIT).as_millis()).unwrap_or(i64::MAX);
        self.hub.retire_viewers(self.edges.now_ms().saturating_add(patience_ms));
    }

    /// What the next generation is to go on with: turns that run come to a halt behind what they have said. When this is
    /// dropped or fails, they go on here.
    ///
    /// # Errors
    /// `Conflict` while the end of a turn cannot be stored: it can only be ended here.
    pub(crate) async fn hand_over(self: &Arc<Self>) -> Result<Handed, CallError> {
        if sabotaged("reload-under-turns") {
            return Ok(Handed::default());
        }
        let mut halt = Halt { orchestrator: self, is_over: false };
        self.common.suspended.open();
        self.hub.suspend_all();
        if let Some(turn_id) = self.until_idle_or_stuck().await {
            return Err(CallError::conflict(format!(
                "the end of turn `{turn_id}` cannot be stored yet; look at the store, and try again"
            )));
        }
        halt.is_over = true;
        Ok(Handed { turns: self.common.suspended.close().into() })
    }

    /// Waits until no turn runs, or one cannot be ended, which is named then.
    async fn until_idle_or_stuck(&self) -> Option<Text> {
        tokio::select! {
            biased;
            () = self.hub.until_idle() => None,
            turn_id = self.common.suspended.stuck() => Some(turn_id),
        }
    }

    /// Stops all turns and waits until they are sealed.
    pub(crate) async fn shut_down(&self) {
        self.hub.close().await;
    }
}

/// The halt to which turns are brought; dropped before it is over, it lets them go on.
struct Halt<'a, E: Edges> {
    orchestrator: &'a Arc<Orchestrator<E>>,
    is_over: bool,
}

impl<E: Edges> Drop for Halt<'_, E> {
    fn drop(&mut self) {
        if !self.is_over {
            let left = self.orchestrator.common.suspended.close();
            self.orchestrator.hub.resume_all();
            self.orchestrator.adopt(left);
            let orchestrator = Arc::clone(self.orchestrator);
            // Some of them had just been answered, and wait in the log for whoever comes next.
            self.orchestrator.edges.spawn(async move {
                match orchestrator.repair_once().await {
                    Ok(parked) => orchestrator.look_after_parked(&parked).await,
                    Err(error) => tracing::warn!("turns that wait for nobody cannot go on yet: {error}"),
                }
            });
        }
    }
}
