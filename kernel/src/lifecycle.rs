//! The life of plugins: start with a deadline, in order; stop in reverse.
//!
//! `start` and `stop` run on threads of their own, so that a plugin that blocks in them holds up nobody: past its
//! deadline the seat is closed, and the thread is left behind.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use transom_plugin_api::CallError;
use transom_plugin_api::abi::plugin_table::PluginTableRef;
use transom_plugin_api::abi::task::resumed;
use transom_plugin_api::abi::{READY, RStr};
use transom_plugin_api::hosting::{Attach, PluginState};
use transom_plugin_api::sabotage::sabotaged;

use crate::breadcrumb::{Phase, during, polled_during};
use crate::descriptor::Descriptor;
use crate::faults::FaultBudget;
use crate::grants::Grants;
use crate::kernel::{Shared, raw_host};
use crate::plan::Plan;
use crate::seat::{Lineage, Seat};

/// How long one plugin may take to become quiet and to stop, within the deadline of the whole.
pub(crate) const STOP_SHARE: Duration = Duration::from_secs(5);

/// How long an image may take to end what it keeps for itself.
const REST_LIMIT: Duration = Duration::from_secs(2);

/// A plugin that is loaded and not started.
#[derive(Clone)]
pub struct PluginToStart {
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// Its entry.
    pub table: PluginTableRef,
    /// Its settings, checked against its schema.
    pub settings: String,
    /// How it was attached.
    pub attach: Attach,
    /// A folder for its own files; made when it asks for it.
    pub data_folder: String,
    /// How long its `start` may take; the kernel's time when `None`.
    pub start_deadline: Option<Duration>,
    /// How many faults it may have before it is quarantined.
    pub faults: FaultBudget,
    /// What it is granted of what it asks for.
    pub grants: Grants,
}

/// How a start went.
#[derive(Clone, Debug, Default)]
pub struct StartReport {
    /// Plugins that could not start, or that need one that could not, with the reason.
    pub disabled: Vec<(String, String)>,
}

/// How a stop went.
#[derive(Clone, Debug, Default)]
pub struct StopReport {
    /// Plugins that were cut off, with what they were doing.
    pub cut_off: Vec<(String, String)>,
}

/// Takes a running plugin's handlers off the bus; whether it ran.
pub(crate) fn quarantine(shared: &Shared, id: &str, reason: String) -> bool {
    let Some(seat) = shared.lives.seat_in(id, PluginState::Running) else { return false };
    if !seat.hold() {
        return false;
    }
    tracing::error!(plugin = id, "quarantined: {reason}");
    shared.lives.set(id, PluginState::Quarantined, Some(reason));
    true
}

/// Puts a quarantined plugin's handlers back on the bus.
pub(crate) fn release(shared: &Shared, id: &str) -> Result<(), CallError> {
    let seat = shared.lives.seat_in(id, PluginState::Quarantined);
    let seat = seat.ok_or_else(|| CallError::not_found(format!("no plugin `{id}` is in quarantine")))?;
    seat.release()?;
    shared.lives.set(id, PluginState::Running, None);
    Ok(())
}

pub(crate) async fn start(shared: &Arc<Shared>, plugins: Vec<PluginToStart>, plan: &Plan) -> StartReport {
    for plugin in &plugins {
        shared.admit(&plugin.descriptor);
        shared.lives.add(plugin.clone());
    }
    let mut report = StartReport::default();
    let mut failed: BTreeMap<String, String> = BTreeMap::new();
    for plugin in plugins {
        let id = plugin.descriptor.id.clone();
        let missing =
            plan.needs.get(&id).and_then(|needs| needs.iter().find(|(need, _)| failed.contains_key(*need)));
        let outcome = match missing {
            Some((need, point)) => Err(format!("needs `{need}` for `{point}`, and that is disabled")),
            None => start_one(shared, plugin).await,
        };
        match outcome {
            Ok(()) => shared.lives.set(&id, PluginState::Running, None),
            Err(reason) => {
                // Whoever started it gets the reason too, and tells the operator.
                tracing::debug!(plugin = id, "did not start: {reason}");
                shared.lives.set(&id, PluginState::Disabled, Some(reason.clone()));
                report.disabled.push((id.clone(), reason.clone()));
                failed.insert(id, reason);
            }
        }
    }
    report
}

async fn start_one(shared: &Arc<Shared>, plugin: PluginToStart) -> Result<(), String> {
    let lineage =
        Lineage { generation: shared.lives.next_generation(&plugin.descriptor.id), ..Lineage::first() };
    let began = Instant::now();
    let seated = |seat: &Arc<Seat>| shared.lives.begin(seat.id, seat);
    let seat = activate(shared, &plugin, lineage, seated).await.map_err(|failed| failed.reason)?;
    match Seat::commit(std::slice::from_ref(&seat)) {
        Ok(_) => {
            tracing::debug!(plugin = seat.id, ms = began.elapsed().as_millis(), "started");
            Ok(())
        }
        Err(error) => {
            discard(&seat, &plugin).await;
            Err(error.message.into())
        }
    }
}

/// Why an activation did not start.
pub(crate) struct NotStarted {
    /// For the operator.
    pub(crate) reason: String,
    /// Whether its `start` has not returned, so that nobody knows what it holds.
    pub(crate) is_stuck: bool,
}

impl From<String> for NotStarted {
    fn from(reason: String) -> Self {
        Self { reason, is_stuck: false }
    }
}

/// Starts an activation; what it contributes is held back until it is committed. `seated` is told who it is before any
/// of its code runs. One that does not start leaves nothing behind.
///
/// # Errors
/// Why it did not start, for the operator.
pub(crate) async fn activate(
    shared: &Arc<Shared>,
    plugin: &PluginToStart,
    lineage: Lineage,
    seated: impl FnOnce(&Arc<Seat>),
) -> Result<Arc<Seat>, NotStarted> {
    let PluginToStart { descriptor, table, settings, data_folder, start_deadline, faults, grants, .. } =
        plugin;
    let mut limit = start_deadline.unwrap_or(shared.start_deadline);
    if sabotaged("wait-for-start-without-end") {
        limit = Duration::from_secs(3600);
    }
    let seat = Seat::new(shared, descriptor.clone(), data_folder, Some(*faults), lineage, grants.clone());
    seated(&seat);
    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::Builder::new().name(format!("start-{}", seat.id));
    let (runtime, starting) = (shared.runtime.clone(), Arc::clone(&seat));
    let (table, settings) = (*table, settings.clone());
    let has_own_image = plugin.attach != Attach::Linked;
    let spawned = thread.spawn(move || {
        let _entered = runtime.enter();
        let number = starting.number;
        let outcome = during(number, Phase::Starting, || call_start(table, &settings, starting));
        // Nobody waits any more: what its image made meanwhile was not there yet when it was told to rest.
        if sender.send(outcome).is_err() && has_own_image {
            during(number, Phase::Stopping, || table.rest()());
        }
    });
    let outcome = match spawned {
        Err(error) => Err(format!("no thread could be made for its `start`: {error}").into()),
        Ok(_) => match tokio::time::timeout(limit, receiver).await {
            Ok(Ok(outcome)) => outcome.map_err(NotStarted::from),
            Ok(Err(_)) => Err("its `start` ended without an answer".to_owned().into()),
            Err(_) => Err(NotStarted {
                is_stuck: true,
                reason: format!(
                    "its `start` did not return within {} ms\n  help: it must not wait for what may never come; `start_deadline_s` in the manifest gives it more time",
                    limit.as_millis()
                ),
            }),
        },
    };
    match outcome {
        Ok(()) => Ok(seat),
        Err(reason) if sabotaged("keep-what-a-failed-start-left") => {
            let _ = Seat::commit(std::slice::from_ref(&seat));
            Err(reason)
        }
        Err(reason) => {
            discard(&seat, plugin).await;
            Err(reason)
        }
    }
}

/// Ends an activation that is not to be.
pub(crate) async fn discard(seat: &Arc<Seat>, plugin: &PluginToStart) {
    seat.withdraw_all();
    // Closed first, so that no task is spawned behind those that are ended.
    seat.close();
    seat.end_tasks().await;
    // What would have run at the stop of a plugin that runs holds what its `start` made.
    if !sabotaged("keep-what-would-have-stopped-it") {
        let_go_of_late(seat).await;
    }
    seat.shared.take_back(seat);
    // What it holds is let go of before anybody else may want it.
    let _ = tokio::time::timeout(REST_LIMIT, seat.until_quiet()).await;
    rest(seat, plugin).await;
}

/// Lets the image of an activation that is over end what it keeps for itself; begins at once, and waits for the end for
/// as long as that may take.
pub(crate) fn rest(seat: &Arc<Seat>, plugin: &PluginToStart) -> impl Future<Output = ()> + use<> {
    let (rested, over) = oneshot::channel::<()>();
    // A linked plugin has no image of its own.
    if plugin.attach != Attach::Linked && !sabotaged("let-old-images-go-on") {
        let (table, number) = (plugin.table, seat.number);
        let thread = std::thread::Builder::new().name(format!("rest-{}", seat.id));
        // Without a thread its runtime idles on.
        let _ = thread.spawn(move || {
            during(number, Phase::Stopping, || table.rest()());
            drop(rested);
        });
    }
    // From now on, so that the limits of those that end side by side do not add up.
    let until = tokio::time::Instant::now() + REST_LIMIT;
    async move {
        let _ = tokio::time::timeout_at(until, over).await;
    }
}

fn call_start(table: PluginTableRef, settings: &str, seat: Arc<Seat>) -> Result<(), String> {
    let mut failure = MaybeUninit::uninit();
    // SAFETY: the table was checked when it was loaded; the seat moves over; the place is free.
    let step = unsafe { (table.start())(raw_host(seat), RStr::from_str(settings), &raw mut failure) };
    if step == READY {
        return Ok(());
    }
    // SAFETY: the step says that the failure was written.
    Err(String::from(unsafe { failure.assume_init() }.message))
}

pub(crate) async fn stop(shared: &Arc<Shared>, deadline: Duration) -> StopReport {
    let until = tokio::time::Instant::now() + deadline;
    // A reload that is under way comes to its end first, if there is time for both.
    let _only = tokio::time::timeout(deadline / 2, shared.lives.changing.lock()).await;
    let mut report = StopReport::default();
    let mut resting = Vec::new();
    for seat in shared.lives.all_active().into_iter().rev() {
        let origin = shared.lives.active(seat.id).map(|active| active.origin);
        let left = until.saturating_duration_since(tokio::time::Instant::now()).min(STOP_SHARE);
        if let Err(doing) = stop_one(&seat, left).await {
            let limit = left.as_millis();
            tracing::warn!(plugin = seat.id, "did not stop within {limit} ms and was cut off: {doing}");
            report.cut_off.push((seat.id.to_owned(), doing));
        }
        shared.lives.set(seat.id, PluginState::Stopped, None);
        resting.extend(origin.map(|origin| rest(&seat, &origin)));
    }
    // Each has begun already: they end side by side.
    for rest in resting {
        rest.await;
    }
    for seat in shared.lives.take_residents() {
        seat.withdraw_all();
        seat.abort_tasks();
        seat.close();
    }
    // A seat holds the kernel: one that keeps its seats would never end.
    drop(shared.lives.take_seats());
    report
}

/// Stops one plugin and forgets it.
pub(crate) async fn remove(shared: &Arc<Shared>, id: &str, limit: Duration) -> Result<(), String> {
    let _only = shared.lives.changing.lock().await;
    let Some(active) = shared.lives.remove(id) else { return Ok(()) };
    let stopped = stop_one(&active.seat, limit).await;
    rest(&active.seat, &active.origin).await;
    shared.lives.set(id, PluginState::Stopped, None);
    stopped
}

async fn stop_one(seat: &Arc<Seat>, limit: Duration) -> Result<(), String> {
    let began = Instant::now();
    seat.withdraw_all();
    let quiet = tokio::time::timeout(limit / 2, seat.until_quiet()).await;
    let left = limit.saturating_sub(began.elapsed());
    end(seat, quiet.is_ok(), left).await
}

/// Runs what an activation wants to do at its stop, and closes it.
pub(crate) async fn end(seat: &Arc<Seat>, is_quiet: bool, limit: Duration) -> Result<(), String> {
    let stopped = run_on_stop(seat, limit).await;
    seat.abort_tasks();
    seat.close();
    let_go_of_late(seat).await;
    seat.shared.take_back(seat);
    if is_quiet { stopped } else { Err("calls to it were still under way".to_owned()) }
}

/// Drops what was put aside for a stop that had begun by then. It may hold the seat that holds it.
pub(crate) async fn let_go_of_late(seat: &Arc<Seat>) {
    let late = seat.take_on_stop();
    if !late.is_empty() {
        let _ = tokio::time::timeout(REST_LIMIT, seat.shared.reaper.dropped(late)).await;
    }
}

/// Runs what an activation registered for its stop, on a thread of its own.
pub(crate) async fn run_on_stop(seat: &Arc<Seat>, limit: Duration) -> Result<(), String> {
    let tasks = seat.take_on_stop();
    if tasks.is_empty() {
        return Ok(());
    }
    let (sender, receiver) = oneshot::channel();
    let runtime = seat.shared.runtime.clone();
    let (id, number) = (seat.id, seat.number);
    let thread = std::thread::Builder::new().name(format!("stop-{id}"));
    let spawned = thread.spawn(move || {
        for task in tasks {
            // SAFETY: the SDK makes tasks without a value.
            let task = polled_during(number, Phase::Stopping, unsafe { resumed::<()>(task) });
            if let Err(error) = runtime.block_on(task) {
                tracing::error!(plugin = id, "while stopping: {}", error.message);
            }
        }
        let _ = sender.send(());
    });
    if let Err(error) = spawned {
        return Err(format!("no thread could be made for its stop: {error}"));
    }
    match tokio::time::timeout(limit, receiver).await {
        Ok(_) => Ok(()),
        Err(_) => Err("its stop had not returned".to_owned()),
    }
}
