//! Turns that do not move: noticed, told, and told again when they do.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use transom_agent::turn::{Awaited, Stall, TurnStalled};
use transom_plugin_api::Text;
use transom_plugin_api::sabotage::sabotaged;

use super::Turn;
use crate::edges::Edges;
use crate::step::between;

/// The turns that are told of now, by their ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stalls(Arc<Mutex<HashMap<Text, Stall>>>);

impl Stalls {
    pub(crate) fn count(&self) -> u64 {
        self.lock().len() as u64
    }

    /// Since when that turn does not move, if it does not.
    pub(crate) fn of(&self, turn_id: &str) -> Option<Stall> {
        self.lock().get(turn_id).cloned().filter(|_| !sabotaged("keep-stalls-to-oneself"))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Text, Stall>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When something came for a turn last, and what it waits for.
#[derive(Debug)]
pub(crate) struct Activity {
    turn_id: Text,
    state: Mutex<State>,
    stalls: Stalls,
}

#[derive(Debug)]
struct State {
    /// Milliseconds since the epoch.
    last_ms: i64,
    /// Nothing where the wait is no stall, however long it takes.
    waits_for: Option<Awaited>,
    step: u32,
    /// Milliseconds of quiet at which it is told next; `None` where it was not told yet.
    told: Option<u64>,
}

/// A turn that is quiet, or was.
struct Quiet {
    step: u32,
    quiet_ms: u64,
    waits_for: Awaited,
}

impl Activity {
    /// Of a turn, from now on. Where it is told of, it is one of the `stalls`.
    pub(crate) fn new(turn_id: Text, now_ms: i64, stalls: Stalls) -> Self {
        let state = State { last_ms: now_ms, waits_for: Some(Awaited::Host), step: 0, told: None };
        Self { turn_id, state: Mutex::new(state), stalls }
    }

    /// It waits for something else than before, which is a move; answers what came to an end by that.
    fn awaits(&self, what: Option<Awaited>, step: u32, now_ms: i64) -> Option<Quiet> {
        let mut state = self.lock();
        if state.waits_for == what && state.step == step {
            return None;
        }
        let ended = self.end(&mut state, now_ms);
        (state.waits_for, state.step) = (what, step);
        ended
    }

    /// Something came.
    fn moved(&self, now_ms: i64) -> Option<Quiet> {
        self.end(&mut self.lock(), now_ms)
    }

    fn end(&self, state: &mut State, now_ms: i64) -> Option<Quiet> {
        let quiet_ms = between(std::mem::replace(&mut state.last_ms, now_ms), now_ms);
        state.told.take()?;
        self.stalls.lock().remove(&self.turn_id);
        let waits_for = state.waits_for.clone().unwrap_or(Awaited::Host);
        Some(Quiet { step: state.step, quiet_ms, waits_for })
    }

    /// How long until it is to be looked at again: no longer than the bound, since it may move and stop again meanwhile,
    /// of which nothing wakes whoever waits here.
    fn left(&self, bound_ms: u64, now_ms: i64) -> Duration {
        let state = self.lock();
        if state.waits_for.is_none() {
            return Duration::from_millis(bound_ms);
        }
        let due = state.told.unwrap_or(bound_ms);
        Duration::from_millis(due.saturating_sub(between(state.last_ms, now_ms)).clamp(1, bound_ms))
    }

    /// Whether it is to be told that it does not move; the next time at twice the quiet.
    fn look(&self, bound_ms: u64, now_ms: i64) -> Option<Quiet> {
        let mut state = self.lock();
        let at_work = if sabotaged("stall-at-tools") { Some(Awaited::Host) } else { None };
        let waits_for = state.waits_for.clone().or(at_work)?;
        let (quiet_ms, due) = (between(state.last_ms, now_ms), state.told.unwrap_or(bound_ms));
        if quiet_ms < due || sabotaged("overlook-stalls") {
            return None;
        }
        if state.told.replace(due.saturating_mul(2)).is_none() {
            let stall = Stall { since: state.last_ms, step: state.step, waiting_for: waits_for.clone() };
            self.stalls.lock().insert(self.turn_id.clone(), stall);
        }
        Some(Quiet { step: state.step, quiet_ms, waits_for })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        if self.lock().told.is_some() {
            self.stalls.lock().remove(&self.turn_id);
        }
    }
}

impl<E: Edges> Turn<E> {
    /// From now on the turn waits for this, in a step that counts from 1; for nothing whose absence would be a stall where it
    /// is `None`.
    pub(super) fn awaits(&self, what: Option<Awaited>, step: u32) {
        self.say_resumed(self.activity.awaits(what, step, self.edges.now_ms()));
    }

    /// Something came that the turn has waited for.
    pub(super) fn moved(&self) {
        self.say_resumed(self.activity.moved(self.edges.now_ms()));
    }

    /// Looks whether the turn moves, for as long as it is polled.
    pub(super) async fn watch_stalls(&self) -> Infallible {
        let bound_ms = self.settings.stall_after_s.saturating_mul(1000);
        if bound_ms == 0 {
            return pending().await;
        }
        loop {
            self.edges.sleep_aside(self.activity.left(bound_ms, self.edges.now_ms())).await;
            if let Some(quiet) = self.activity.look(bound_ms, self.edges.now_ms()) {
                let (turn, conversation) = (self.claim.turn_id(), self.claim.conversation_id());
                let Quiet { step, quiet_ms, waits_for } = &quiet;
                tracing::warn!(
                    step,
                    quiet_ms,
                    "turn `{turn}` of conversation `{conversation}` has waited for {} for {} s",
                    name_of(waits_for),
                    quiet_ms / 1000
                );
                self.say_stalled(quiet, false);
            }
        }
    }

    fn say_resumed(&self, quiet: Option<Quiet>) {
        if let Some(quiet) = quiet {
            tracing::info!("turn `{}` moves again after {} s", self.claim.turn_id(), quiet.quiet_ms / 1000);
            self.say_stalled(quiet, true);
        }
    }

    fn say_stalled(&self, quiet: Quiet, resumed: bool) {
        let Quiet { step, quiet_ms, waits_for } = quiet;
        self.edges.say_stalled(&TurnStalled {
            conversation_id: self.claim.conversation_id().clone(),
            turn_id: self.claim.turn_id().clone(),
            step,
            quiet_ms,
            waiting_for: waits_for,
            resumed,
        });
    }
}

fn name_of(awaited: &Awaited) -> &'static str {
    match awaited {
        Awaited::Model => "the model",
        Awaited::Host | Awaited::Unknown(_) => "the store, or a plugin that has a say in it,",
    }
}
