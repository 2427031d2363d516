//! The record of one activation of a plugin: who it is, what it may resolve, what it contributed.

mod blocking;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use transom_plugin_api::abi::RStr;
use transom_plugin_api::abi::host_table::{StartFacts, TaskMaker};
use transom_plugin_api::abi::payload::Encoded;
use transom_plugin_api::abi::task::{RawTask, resumed};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Secret};

use crate::breadcrumb::{Phase, polled_during};
use crate::descriptor::{Descriptor, PortDescriptor};
use crate::faults::{FaultBudget, Faults};
use crate::grants::Grants;
use crate::kernel::Shared;
use crate::lifecycle;
use crate::quiet::{Quiet, Running, running};
use crate::table::Contribution;
use crate::trace::Origin;
use crate::whereabouts::enrol;

/// One activation. Its address is what a plugin holds; a retired seat refuses whatever comes through it.
pub(crate) struct Seat {
    pub(crate) id: &'static str,
    /// Number among the seats of this process, for breadcrumbs.
    pub(crate) number: u32,
    /// Counts the activations of its plugin, from 1.
    pub(crate) generation: u32,
    /// The generations whose places on the bus it takes when it is committed; empty afterwards.
    succeeds: Mutex<Vec<Arc<Seat>>>,
    /// What the generation before handed over, until it is taken: a seat may be held for ever.
    inheritance: Mutex<Option<Encoded>>,
    parting: Mutex<Parting>,
    pub(crate) descriptor: Descriptor,
    pub(crate) shared: Arc<Shared>,
    pub(crate) facts: StartFacts,
    /// What the operator lets it have.
    pub(crate) grants: Grants,
    closed: AtomicBool,
    /// Wakes the calls under way when the seat is closed.
    pub(crate) closing: Notify,
    stage: Mutex<Stage>,
    tasks: Mutex<JoinSet<()>>,
    on_stop: Mutex<Vec<RawTask>>,
    running: Mutex<Option<Arc<Running>>>,
    quiet: Quiet,
    pub(crate) faults: Faults,
    /// `None` for the host's own parts, which are never quarantined.
    budget: Option<FaultBudget>,
    is_over_budget: AtomicBool,
}

// SAFETY: the facts point at leaked, immutable texts; everything else is.
unsafe impl Send for Seat {}
// SAFETY: as above.
unsafe impl Sync for Seat {}

/// Where an activation stands among those of its plugin.
pub(crate) struct Lineage {
    pub(crate) generation: u32,
    /// The generations whose places it takes.
    pub(crate) succeeds: Vec<Arc<Seat>>,
    /// What the one before handed over.
    pub(crate) inheritance: Option<Encoded>,
}

impl Lineage {
    /// The first of its plugin.
    pub(crate) const fn first() -> Self {
        Self { generation: 1, succeeds: Vec::new(), inheritance: None }
    }
}

/// What an activation does when it is to be replaced.
#[derive(Default)]
struct Parting {
    state: Option<TaskMaker>,
    work: Vec<TaskMaker>,
}

fn made(maker: &TaskMaker, limit: Duration) -> RawTask {
    let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    // SAFETY: the SDK's function, on the state that it was registered with. It only makes the task.
    unsafe { (maker.make)(maker.state, nanos) }
}

/// Where contributions go.
enum Stage {
    /// Held back until `start` returns.
    Staged(Vec<Arc<Contribution>>),
    /// On the bus at once.
    Live,
    /// Off the bus until the plugin is released.
    Held(Vec<Arc<Contribution>>),
    /// Refused.
    Closed,
}

/// Ids, folders and versions live as long as the process: plugins keep them in their contexts.
pub(crate) fn intern(text: &str) -> &'static str {
    static KNOWN: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_with(HashSet::new);
    if let Some(text) = known.get(text) {
        return text;
    }
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(text);
    text
}

impl Seat {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        descriptor: Descriptor,
        data_folder: &str,
        budget: Option<FaultBudget>,
        lineage: Lineage,
        grants: Grants,
    ) -> Arc<Self> {
        // The host's own parts are visible at once.
        let live = budget.is_none();
        let Lineage { generation, succeeds, inheritance } = lineage;
        let id = intern(&descriptor.id);
        let (running, quiet) = running();
        Arc::new(Self {
            id,
            number: enrol(id, shared.point_names()),
            generation,
            succeeds: Mutex::new(succeeds),
            inheritance: Mutex::new(inheritance),
            parting: Mutex::default(),
            facts: StartFacts {
                id: RStr::from_str(id),
                data_folder: RStr::from_str(intern(data_folder)),
                roots: shared.roots.into(),
                host_version: RStr::from_str(shared.host_version),
            },
            descriptor,
            grants,
            shared: Arc::clone(shared),
            closed: AtomicBool::new(false),
            closing: Notify::new(),
            stage: Mutex::new(if live { Stage::Live } else { Stage::Staged(Vec::new()) }),
            tasks: Mutex::new(JoinSet::new()),
            on_stop: Mutex::new(Vec::new()),
            running: Mutex::new(Some(running)),
            quiet,
            faults: Faults::default(),
            budget,
            is_over_budget: AtomicBool::new(false),
        })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn port_at(&self, point: &str) -> Option<&PortDescriptor> {
        self.descriptor.ports.iter().find(|port| port.point == point)
    }

    pub(crate) fn retired(&self) -> CallError {
        CallError::new(CallErrorKind::Retired, format!("plugin `{}` has been stopped", self.id)).at(self.id)
    }

    /// The operator's secret of that name, when this plugin may have it.
    pub(crate) fn secret(&self, name: &str) -> Result<&Secret, CallError> {
        if self.is_closed() { Err(self.retired()) } else { self.grants.secret(&self.descriptor, name) }
    }

    /// A holder for a new contribution; `None` once the seat is closed.
    pub(crate) fn running(&self) -> Option<Arc<Running>> {
        lock(&self.running).clone()
    }

    /// Takes a contribution in: holds it back, puts it on the bus, or refuses it.
    pub(crate) fn contribute(&self, contribution: Arc<Contribution>) -> Result<(), CallError> {
        let mut stage = lock(&self.stage);
        match &mut *stage {
            Stage::Staged(kept) | Stage::Held(kept) => {
                self.shared.check_free(&contribution, kept, &lock(&self.succeeds))?;
                kept.push(contribution);
                Ok(())
            }
            Stage::Live => {
                drop(stage);
                self.shared.publish(vec![contribution])
            }
            Stage::Closed => Err(self.retired()),
        }
    }

    /// Makes everything of `seats` visible in one step, in the places of the generations that they succeed. Answers what
    /// those had there.
    ///
    /// # Errors
    /// When one of them is closed, or a name is another plugin's.
    pub(crate) fn commit(seats: &[Arc<Self>]) -> Result<Vec<Arc<Contribution>>, CallError> {
        // The stages stay locked, so that nothing that is contributed meanwhile comes before what is staged.
        let mut stages: Vec<_> = seats.iter().map(|seat| lock(&seat.stage)).collect();
        let (mut new, mut gone) = (Vec::new(), Vec::new());
        for (seat, stage) in seats.iter().zip(&mut stages) {
            match &mut **stage {
                Stage::Staged(staged) => new.append(staged),
                Stage::Live | Stage::Held(_) => {}
                Stage::Closed => return Err(seat.retired()),
            }
            gone.append(&mut lock(&seat.succeeds));
        }
        let Some(first) = seats.first() else { return Ok(Vec::new()) };
        let replaced = first.shared.exchange(&gone, new)?;
        for stage in stages.iter_mut().filter(|stage| matches!(***stage, Stage::Staged(_))) {
            **stage = Stage::Live;
        }
        Ok(replaced)
    }

    /// Takes everything off the bus in one step and keeps it; whether there was anything to take.
    pub(crate) fn hold(&self) -> bool {
        if !self.pause() {
            return false;
        }
        let taken = self.shared.suspend(self);
        if let Stage::Held(held) = &mut *lock(&self.stage) {
            held.extend(taken);
        }
        true
    }

    /// Puts everything that is held back on the bus in one step; whether anything was held.
    ///
    /// # Errors
    /// When another plugin has taken a name meanwhile; then everything stays held.
    pub(crate) fn release(&self) -> Result<bool, CallError> {
        let held = match &mut *lock(&self.stage) {
            Stage::Held(held) => std::mem::take(held),
            _ => return Ok(false),
        };
        let back = self.shared.readmit(held);
        let mut stage = lock(&self.stage);
        match back {
            Ok(()) => {
                self.faults.forgive();
                self.is_over_budget.store(false, Ordering::Relaxed);
                *stage = Stage::Live;
                Ok(true)
            }
            Err((held, error)) => {
                *stage = Stage::Held(held);
                Err(error)
            }
        }
    }

    /// Takes everything off the bus in one step and refuses what comes later.
    pub(crate) fn withdraw_all(&self) {
        let staged = std::mem::replace(&mut *lock(&self.stage), Stage::Closed);
        match staged {
            Stage::Staged(staged) => self.shared.reaper.take(staged),
            Stage::Held(held) => self.shared.let_go(held),
            Stage::Live | Stage::Closed => {}
        }
        self.shared.withdraw(self, None);
        *lock(&self.running) = None;
    }

    /// Keeps what it contributes from now on off the bus; whether it was on it.
    pub(crate) fn pause(&self) -> bool {
        let mut stage = lock(&self.stage);
        let was_live = matches!(*stage, Stage::Live);
        if was_live {
            *stage = Stage::Held(Vec::new());
        }
        was_live
    }

    /// Puts `back` in the places of `gone`, in one step, with what it contributed since [`pause`](Self::pause).
    pub(crate) fn resume(
        &self,
        gone: &[Arc<Self>],
        mut back: Vec<Arc<Contribution>>,
    ) -> Result<(), CallError> {
        let mut stage = lock(&self.stage);
        if let Stage::Held(held) = &mut *stage {
            back.append(held);
            self.shared.exchange(gone, back)?;
            *stage = Stage::Live;
        }
        Ok(())
    }

    /// Waits until nothing of this activation runs.
    pub(crate) async fn until_quiet(&self) {
        self.quiet.reached().await;
    }

    /// Ends calls under way and refuses everything from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.closing.notify_waiters();
        let parting = std::mem::take(&mut *lock(&self.parting));
        drop(parting);
    }

    pub(crate) fn abort_tasks(&self) {
        lock(&self.tasks).abort_all();
    }

    /// Ends its background tasks and waits until they are dropped.
    pub(crate) async fn end_tasks(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        tasks.shutdown().await;
    }

    /// What the generation before handed over; empty when there is nothing.
    pub(crate) fn take_inheritance(&self) -> Encoded {
        lock(&self.inheritance).take().unwrap_or_default()
    }

    /// Registers what its successor is given; the last registered counts.
    pub(crate) fn on_hand_over(&self, maker: TaskMaker) {
        let mut parting = lock(&self.parting);
        // A `start` that outlives its activation must not leave behind what holds its seat.
        let gone = if self.is_closed() { Some(maker) } else { parting.state.replace(maker) };
        drop(parting);
        drop(gone);
    }

    /// Registers what it does before it is replaced.
    pub(crate) fn on_drain(&self, maker: TaskMaker) {
        let mut parting = lock(&self.parting);
        if !self.is_closed() {
            parting.work.push(maker);
        }
    }

    /// What its successor is to be given; `None` when it leaves nothing.
    pub(crate) fn legacy(&self, limit: Duration) -> Option<RawTask> {
        lock(&self.parting).state.as_ref().map(|maker| made(maker, limit))
    }

    /// What it does before it is replaced.
    pub(crate) fn last_work(&self, patience: Duration) -> Vec<RawTask> {
        lock(&self.parting).work.iter().map(|maker| made(maker, patience)).collect()
    }

    pub(crate) fn spawn(&self, task: RawTask) {
        if self.is_closed() {
            return;
        }
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        let id = self.id;
        // SAFETY: the SDK makes tasks without a value.
        let run = unsafe { resumed::<()>(task) };
        let run = polled_during(self.number, Phase::Task, run);
        let run = async move {
            if let Err(error) = run.await {
                tracing::error!(plugin = id, "background task: {}", error.message);
            }
        };
        tasks.spawn_on(Origin::here().around(run), &self.shared.runtime);
    }

    pub(crate) fn on_stop(&self, task: RawTask) {
        let mut tasks = lock(&self.on_stop);
        if !self.is_closed() {
            tasks.push(task);
        }
    }

    /// What runs at the stop, the last registered first.
    pub(crate) fn take_on_stop(&self) -> Vec<RawTask> {
        let mut tasks = std::mem::take(&mut *lock(&self.on_stop));
        tasks.reverse();
        tasks
    }

    /// Counts a fault of this plugin's. The one that is too many has it quarantined, soon after: this may run in a
    /// dispatch, where nothing may wait.
    #[cold]
    pub(crate) fn fault(&self, point: &str, error: &CallError) {
        tracing::error!(plugin = self.id, point, kind = ?error.kind, "{}", error.message);
        let Some(budget) = self.budget else { return };
        let now = {
            // Timers and budgets go by one clock, which belongs to the host's runtime.
            let _entered = self.shared.runtime.enter();
            Instant::now().into_std()
        };
        let is_over = self.faults.count(point, &error.message, budget, now);
        if sabotaged("forgive-every-fault") || !is_over || self.is_over_budget.swap(true, Ordering::Relaxed) {
            return;
        }
        let reason = format!(
            "{} faults within {} s, the last at `{point}`: {}",
            budget.limit,
            budget.within.as_secs(),
            error.message
        );
        let (shared, id) = (Arc::clone(&self.shared), self.id);
        self.shared.runtime.spawn(async move { lifecycle::quarantine(&shared, id, reason) });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
