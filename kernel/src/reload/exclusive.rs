//! The reload of a plugin that owns something: the old generation has let go of it before the new one starts.
//!
//! 1. Where it is called it gets a gate, in one change of the table: what comes now waits there. It hears on, because what
//!    it is doing may depend on it.
//! 2. Calls that are under way end. If they do not in time, everything goes back to its place: nothing is forced.
//! 3. Its mailboxes are closed; what comes now waits there. It hands over, stops, and everything of it is dropped.
//! 4. The new generation starts and takes the places; the gate opens. If it does not start, the old one is started again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use transom_plugin_api::abi::document::Encoded;
use transom_plugin_api::hosting::PluginState;
use transom_plugin_api::port::Role;
use transom_plugin_api::sabotage::sabotaged;

use super::{ReloadError, ReloadTerms, Reloaded, SETTLE, drain, legacy, refused};
use crate::bus::gate::Gate;
use crate::grants::Grants;
use crate::kernel::Shared;
use crate::lifecycle::{
    NotStarted, PluginToStart, STOP_SHARE, activate, discard, let_go_of_late, rest, run_on_stop,
};
use crate::lives::Active;
use crate::seat::{Lineage, Seat};
use crate::table::{Contribution, Waiting, no_handler};

/// How often is looked whether calls have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How long the drop of what has been stopped may take.
const DROP_LIMIT: Duration = Duration::from_secs(5);

/// The places of an old generation, kept.
struct Kept {
    gate: Arc<Gate>,
    /// Sits in its places.
    keeper: Arc<Seat>,
    /// What was there: what is called, and, once no call is under way any more, what hears.
    handlers: Vec<Arc<Contribution>>,
    was_live: bool,
}

pub(super) async fn replace(
    shared: &Arc<Shared>,
    plugin: PluginToStart,
    terms: &ReloadTerms,
) -> Result<Reloaded, ReloadError> {
    let id = plugin.descriptor.id.clone();
    let Some(old) = shared.lives.active(&id) else {
        let none =
            |failed: NotStarted| ReloadError { old_runs: false, ..refused(&id, failed.reason, Vec::new()) };
        let seat = start(shared, &plugin, Vec::new(), None).await.map_err(none)?;
        let generation = seat.generation;
        shared.lives.succeed(&seat, plugin);
        return Ok(Reloaded { plugin: id, generation, longest_wait: None, cut_off: None });
    };
    let mut kept = keep(shared, &old.seat).map_err(|reason| refused(&id, reason, Vec::new()))?;
    let inheritance = match let_go(shared, &old, &mut kept, terms).await {
        Ok(inheritance) => inheritance,
        Err(reason) => {
            put_back(&old.seat, kept);
            return Err(refused(&id, reason, Vec::new()));
        }
    };
    let Kept { gate, keeper, handlers, .. } = kept;
    if let Err(reason) = end(shared, &old, handlers).await {
        give_up(shared, &gate, &keeper, &reason);
        return Err(ReloadError { old_runs: false, ..refused(&id, reason, Vec::new()) });
    }
    let places = vec![Arc::clone(&keeper)];
    match start(shared, &plugin, places.clone(), inheritance.clone()).await {
        Ok(seat) => {
            let generation = seat.generation;
            shared.lives.succeed(&seat, plugin);
            gate.open();
            shared.take_back(&old.seat);
            Ok(Reloaded { plugin: id, generation, longest_wait: Some(gate.longest()), cut_off: None })
        }
        Err(NotStarted { reason, is_stuck: true }) => {
            // It may own by now what the old one would want back.
            give_up(shared, &gate, &keeper, &reason);
            Err(ReloadError { old_runs: false, ..refused(&id, reason, Vec::new()) })
        }
        Err(NotStarted { reason, .. }) => match start(shared, &old.origin, places, inheritance).await {
            Ok(seat) => {
                shared.lives.succeed(&seat, old.origin);
                gate.open();
                shared.take_back(&old.seat);
                Err(refused(&id, reason, Vec::new()))
            }
            Err(again) => {
                let again = again.reason;
                let reason = format!("{reason}; and the old one could not be started again: {again}");
                give_up(shared, &gate, &keeper, &reason);
                Err(ReloadError { old_runs: false, ..refused(&id, reason, Vec::new()) })
            }
        },
    }
}

async fn start(
    shared: &Arc<Shared>,
    plugin: &PluginToStart,
    succeeds: Vec<Arc<Seat>>,
    inheritance: Option<Encoded>,
) -> Result<Arc<Seat>, NotStarted> {
    let generation = shared.lives.next_generation(&plugin.descriptor.id);
    let lineage = Lineage { generation, succeeds, inheritance };
    let seat = activate(shared, plugin, lineage, |_| {}).await?;
    match Seat::commit(std::slice::from_ref(&seat)) {
        Ok(replaced) => {
            shared.let_go(replaced);
            Ok(seat)
        }
        Err(error) => {
            discard(&seat, plugin).await;
            Err(String::from(error.message).into())
        }
    }
}

/// Puts a gate into each place where a generation is called.
fn keep(shared: &Arc<Shared>, old: &Arc<Seat>) -> Result<Kept, String> {
    let gate = Gate::closed(old.id);
    let lineage = Lineage { generation: old.generation, ..Lineage::first() };
    let keeper = Seat::new(shared, old.descriptor.clone(), "", None, lineage, Grants::default());
    let was_live = old.pause();
    let mut kept = Kept { gate, keeper, handlers: Vec::new(), was_live };
    let is_called = |handler: &Contribution| !handler.does(Role::Hears) || sabotaged("deafen-at-the-gate");
    occupy(shared, old, &mut kept, is_called)?;
    Ok(kept)
}

/// Keeps those places of a generation that `which` names, in one step.
fn occupy(
    shared: &Shared,
    old: &Arc<Seat>,
    kept: &mut Kept,
    which: impl Fn(&Contribution) -> bool,
) -> Result<(), String> {
    let Kept { gate, keeper, handlers, .. } = kept;
    let there = shared.draft().of_seat(old);
    let there = there.iter().filter(|handler| which(handler));
    let places = there.filter_map(|handler| place(keeper, gate, handler)).collect();
    let taken = shared.exchange_some(std::slice::from_ref(old), which, places);
    handlers.extend(taken.map_err(|error| String::from(error.message))?);
    Ok(())
}

fn place(keeper: &Arc<Seat>, gate: &Arc<Gate>, handler: &Contribution) -> Option<Arc<Contribution>> {
    let role = [Role::Hears, Role::Links, Role::Serves].into_iter().find(|role| handler.does(*role))?;
    Some(Arc::new(Contribution {
        seat: Arc::clone(keeper),
        point: handler.point,
        info: Arc::clone(&handler.info),
        name: handler.name.clone(),
        about: handler.about_again(),
        handler: no_handler(),
        mailbox: handler.mailbox.as_ref().map(|mailbox| mailbox.alike()),
        is_lane: false,
        waiting: Some(Waiting { gate: Arc::clone(gate), role }),
        _running: keeper.running()?,
    }))
}

/// Waits for the calls of the old generation, asks what it hands over, and stops it.
async fn let_go(
    shared: &Shared,
    old: &Active,
    kept: &mut Kept,
    terms: &ReloadTerms,
) -> Result<Option<Encoded>, String> {
    let began = Instant::now();
    drain(&old.seat, terms.drain).await;
    until_ended(kept, began, terms).await?;
    occupy(shared, &old.seat, kept, |_| true)?;
    until_ended(kept, began, terms).await?;
    let inheritance = legacy(&old.seat, terms.drain).await?;
    run_on_stop(&old.seat, STOP_SHARE).await.map_err(|doing| {
        let limit = STOP_SHARE.as_millis();
        format!("{doing} after {limit} ms; parts of it may have stopped")
    })?;
    Ok(inheritance)
}

/// Waits until nothing of what was taken off the bus is at work any more.
async fn until_ended(kept: &Kept, began: Instant, terms: &ReloadTerms) -> Result<(), String> {
    let left = terms.drain.saturating_sub(began.elapsed()).max(SETTLE);
    if until_unheld(&kept.handlers, left).await || sabotaged("force-an-exclusive-handover") {
        return Ok(());
    }
    let limit = began.elapsed().as_millis();
    Err(format!("calls to it were still under way after {limit} ms, and it owns what only one can have"))
}

/// Whether nobody but the caller holds these, within the limit.
async fn until_unheld(handlers: &[Arc<Contribution>], limit: Duration) -> bool {
    let began = Instant::now();
    while handlers.iter().any(|handler| Arc::strong_count(handler) > 1) {
        if began.elapsed() > limit {
            return false;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    true
}

/// Drops everything of a generation that has stopped.
async fn end(shared: &Shared, old: &Active, handlers: Vec<Arc<Contribution>>) -> Result<(), String> {
    shared.let_go(handlers);
    old.seat.withdraw_all();
    old.seat.close();
    old.seat.end_tasks().await;
    let_go_of_late(&old.seat).await;
    if tokio::time::timeout(DROP_LIMIT, old.seat.until_quiet()).await.is_err() {
        return Err("it has stopped, but something of it is still in use".to_owned());
    }
    // What its runtime still holds goes with it.
    rest(&old.seat, &old.origin).await;
    Ok(())
}

/// Undoes [`keep`].
fn put_back(old: &Arc<Seat>, kept: Kept) {
    let Kept { gate, keeper, handlers, was_live } = kept;
    if was_live {
        // What was there cannot be refused: its places were kept.
        let _ = old.resume(std::slice::from_ref(&keeper), handlers);
    }
    gate.open();
}

/// Leaves the places empty.
fn give_up(shared: &Shared, gate: &Gate, keeper: &Arc<Seat>, reason: &str) {
    if let Ok(places) = shared.exchange(std::slice::from_ref(keeper), Vec::new()) {
        shared.let_go(places);
    }
    shared.lives.set(keeper.id, PluginState::Disabled, Some(reason.to_owned()));
    gate.open();
}
