//! The life of plugins: start with a deadline, in order; stop in reverse.
//!
//! `start` and `stop` run on threads of their own, so that a plugin that blocks in them holds up nobody: past its
//! deadline the seat is closed, and the thread is left behind.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, oneshot};
use transom_plugin_api::abi::plugin_table::PluginTableRef;
use transom_plugin_api::abi::task::{RawTask, resumed};
use transom_plugin_api::abi::{READY, RStr};
use transom_plugin_api::hosting::{Attach, PluginChange, PluginState, PluginStatus, PointFaults};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Text};

use crate::descriptor::Descriptor;
use crate::faults::FaultBudget;
use crate::kernel::{Shared, raw_host};
use crate::plan::Plan;
use crate::seat::Seat;

/// How long one plugin may take to become quiet and to stop, within the deadline of the whole.
const STOP_SHARE: Duration = Duration::from_secs(5);

/// A plugin that is loaded and not started.
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

/// All plugins of a kernel.
pub(crate) struct Lives {
    inner: Mutex<Inner>,
    changes: broadcast::Sender<PluginChange>,
}

/// Changes that a reader may be behind.
const CHANGES_KEPT: usize = 1024;

impl Default for Lives {
    fn default() -> Self {
        Self { inner: Mutex::default(), changes: broadcast::Sender::new(CHANGES_KEPT) }
    }
}

#[derive(Default)]
struct Inner {
    residents: Vec<(Arc<Seat>, Descriptor)>,
    plugins: Vec<Life>,
}

struct Life {
    descriptor: Descriptor,
    attach: Attach,
    seat: Option<Arc<Seat>>,
    state: PluginState,
    reason: Option<String>,
}

impl Lives {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_resident(&self, seat: Arc<Seat>, descriptor: Descriptor) {
        self.lock().residents.push((seat, descriptor));
    }

    pub(crate) fn residents(&self) -> Vec<Descriptor> {
        self.lock().residents.iter().map(|(_, descriptor)| descriptor.clone()).collect()
    }

    fn set(&self, id: &str, state: PluginState, reason: Option<String>) {
        if let Some(life) = self.lock().plugins.iter_mut().find(|life| life.descriptor.id == id) {
            life.state = state;
            life.reason.clone_from(&reason);
        }
        let reason = reason.map(Text::from).into();
        // Nobody may be listening.
        let _ = self.changes.send(PluginChange { plugin: id.into(), state, reason });
    }

    pub(crate) fn changes(&self) -> broadcast::Receiver<PluginChange> {
        self.changes.subscribe()
    }

    /// The seat of a plugin in that state.
    fn seat_in(&self, id: &str, state: PluginState) -> Option<Arc<Seat>> {
        let inner = self.lock();
        let life = inner.plugins.iter().find(|life| life.descriptor.id == id && life.state == state)?;
        life.seat.clone()
    }

    fn sit(&self, id: &str, seat: &Arc<Seat>) {
        if let Some(life) = self.lock().plugins.iter_mut().find(|life| life.descriptor.id == id) {
            life.seat = Some(Arc::clone(seat));
            life.state = PluginState::Starting;
        }
    }
}

pub(crate) fn statuses(shared: &Shared) -> Vec<PluginStatus> {
    let lives = shared.lives.lock();
    let status = |life: &Life| PluginStatus {
        id: life.descriptor.id.as_str().into(),
        version: life.descriptor.version.as_str().into(),
        about: life.descriptor.about.as_str().into(),
        attach: life.attach,
        state: life.state,
        reason: life.reason.as_deref().map(Into::into).into(),
        contributions: life.seat.as_ref().map_or(0, |seat| shared.contributions_of(seat)),
        faults: life.seat.iter().flat_map(|seat| seat.faults.by_point()).map(point_faults).collect(),
    };
    lives.plugins.iter().map(status).collect()
}

fn point_faults((point, count, last): (String, u64, String)) -> PointFaults {
    PointFaults { point: point.into(), count, last: last.into() }
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
        shared.lives.lock().plugins.push(Life {
            descriptor: plugin.descriptor.clone(),
            attach: plugin.attach,
            seat: None,
            state: PluginState::Waiting,
            reason: None,
        });
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
    let PluginToStart { descriptor, table, settings, data_folder, start_deadline, faults, .. } = plugin;
    let id = descriptor.id.clone();
    let mut limit = start_deadline.unwrap_or(shared.start_deadline);
    if sabotaged("wait-for-start-without-end") {
        limit = Duration::from_secs(3600);
    }
    let seat = Seat::new(shared, descriptor, &data_folder, Some(faults));
    shared.lives.sit(&id, &seat);
    let began = Instant::now();
    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::Builder::new().name(format!("start-{id}"));
    let (runtime, seated) = (shared.runtime.clone(), Arc::clone(&seat));
    let spawned = thread.spawn(move || {
        let _entered = runtime.enter();
        let _ = sender.send(call_start(table, &settings, seated));
    });
    let outcome = match spawned {
        Err(error) => Err(format!("no thread could be made for its `start`: {error}")),
        Ok(_) => match tokio::time::timeout(limit, receiver).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("its `start` ended without an answer".to_owned()),
            Err(_) => Err(format!(
                "its `start` did not return within {} ms\n  help: it must not wait for what may never come; `start_deadline_s` in the manifest gives it more time",
                limit.as_millis()
            )),
        },
    };
    let outcome = outcome.and_then(|()| seat.commit().map_err(|error| String::from(error.message)));
    match outcome {
        Ok(()) => {
            tracing::debug!(plugin = id, ms = began.elapsed().as_millis(), "started");
            Ok(())
        }
        Err(reason) => {
            if sabotaged("keep-what-a-failed-start-left") {
                let _ = seat.commit();
                return Err(reason);
            }
            seat.withdraw_all();
            seat.abort_tasks();
            seat.close();
            // What would have run at the stop of a plugin that runs holds what its `start` made.
            if !sabotaged("keep-what-would-have-stopped-it") {
                shared.reaper.take(seat.take_on_stop());
            }
            Err(reason)
        }
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
    let mut report = StopReport::default();
    let running: Vec<(String, Arc<Seat>)> = {
        let lives = shared.lives.lock();
        let runs = |life: &&Life| matches!(life.state, PluginState::Running | PluginState::Quarantined);
        let running = lives.plugins.iter().filter(runs);
        running.filter_map(|life| Some((life.descriptor.id.clone(), life.seat.clone()?))).collect()
    };
    for (id, seat) in running.into_iter().rev() {
        let left = until.saturating_duration_since(tokio::time::Instant::now()).min(STOP_SHARE);
        if let Err(doing) = stop_one(&seat, left).await {
            tracing::warn!(
                plugin = id,
                "did not stop within {} ms and was cut off: {doing}",
                left.as_millis()
            );
            report.cut_off.push((id.clone(), doing));
        }
        shared.lives.set(&id, PluginState::Stopped, None);
    }
    let residents: Vec<Arc<Seat>> = shared.lives.lock().residents.drain(..).map(|(seat, _)| seat).collect();
    for seat in residents {
        seat.withdraw_all();
        seat.abort_tasks();
        seat.close();
    }
    // A seat holds the kernel: one that keeps its seats would never end.
    let seats: Vec<_> = shared.lives.lock().plugins.iter_mut().map(|life| life.seat.take()).collect();
    drop(seats);
    report
}

async fn stop_one(seat: &Arc<Seat>, limit: Duration) -> Result<(), String> {
    let began = Instant::now();
    seat.withdraw_all();
    let quiet = tokio::time::timeout(limit / 2, seat.until_quiet()).await;
    let tasks = seat.take_on_stop();
    let left = limit.saturating_sub(began.elapsed());
    let stopped = if tasks.is_empty() { Ok(()) } else { run_on_stop(seat, tasks, left).await };
    seat.abort_tasks();
    seat.close();
    if quiet.is_err() {
        return Err("calls to it were still under way".to_owned());
    }
    stopped
}

async fn run_on_stop(seat: &Arc<Seat>, tasks: Vec<RawTask>, limit: Duration) -> Result<(), String> {
    let (sender, receiver) = oneshot::channel();
    let runtime = seat.shared.runtime.clone();
    let id = seat.id;
    let thread = std::thread::Builder::new().name(format!("stop-{id}"));
    let spawned = thread.spawn(move || {
        for task in tasks {
            // SAFETY: the SDK makes tasks without a value.
            if let Err(error) = runtime.block_on(unsafe { resumed::<()>(task) }) {
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
