//! The record of one activation of a plugin: who it is, what it may resolve, what it contributed.

mod blocking;
mod parting;
mod stage;
mod standing;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use transom_plugin_api::abi::RStr;
use transom_plugin_api::abi::document::Encoded;
use transom_plugin_api::abi::host_table::StartFacts;
use transom_plugin_api::abi::task::{RawTask, resumed};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallContext, CallError, CallErrorKind, Secret};

use parting::Parting;
use stage::Stage;
pub(crate) use standing::Standing;

use crate::breadcrumb::{Phase, polled_during};
use crate::descriptor::{Descriptor, PortDescriptor};
use crate::faults::{FaultBudget, Faults};
use crate::grants::Grants;
use crate::kernel::Shared;
use crate::lifecycle;
use crate::quiet::{Quiet, Running, running};
use crate::trace::Origin;
use crate::whereabouts::enrol;

/// One activation. Its address is what a plugin holds; a retired seat refuses whatever comes through it.
pub(crate) struct Seat {
    pub(crate) id: &'static str,
    /// Number among the seats of this process, for breadcrumbs.
    pub(crate) number: u32,
    /// What handlers are told of whoever emits through it, where no trace is followed.
    pub(crate) context: CallContext,
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
    /// As `closed`, and more, for those who do not hold the seat.
    pub(crate) standing: Standing,
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
            context: CallContext::stamped(id, 0),
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
            standing: Standing::new(live),
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

    /// Waits until nothing of this activation runs.
    pub(crate) async fn until_quiet(&self) {
        self.quiet.reached().await;
    }

    /// Ends calls under way and refuses everything from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.standing.close();
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
