//! The record of one activation of a plugin: who it is, what it may resolve, what it contributed.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use transom_plugin_api::abi::RStr;
use transom_plugin_api::abi::host_table::StartFacts;
use transom_plugin_api::abi::task::{RawTask, resumed};
use transom_plugin_api::{CallError, CallErrorKind};

use crate::descriptor::{Descriptor, PortDescriptor};
use crate::kernel::Shared;
use crate::table::Contribution;

/// One activation. Its address is what a plugin holds; a retired seat refuses whatever comes through it.
pub(crate) struct Seat {
    pub(crate) id: &'static str,
    /// Number among the seats of this process, for breadcrumbs.
    pub(crate) number: u32,
    pub(crate) descriptor: Descriptor,
    pub(crate) shared: Arc<Shared>,
    pub(crate) facts: StartFacts,
    closed: AtomicBool,
    /// Wakes the calls under way when the seat is closed.
    pub(crate) closing: Notify,
    stage: Mutex<Stage>,
    tasks: Mutex<JoinSet<()>>,
    on_stop: Mutex<Vec<RawTask>>,
    running: Mutex<Option<Arc<Running>>>,
    quiet: watch::Receiver<bool>,
    pub(crate) faults: AtomicU64,
}

// SAFETY: the facts point at leaked, immutable texts; everything else is.
unsafe impl Send for Seat {}
// SAFETY: as above.
unsafe impl Sync for Seat {}

/// Where contributions go.
enum Stage {
    /// Held back until `start` returns.
    Staged(Vec<Arc<Contribution>>),
    /// On the bus at once.
    Live,
    /// Refused.
    Closed,
}

/// Held by everything of an activation that runs or may run. When the last holder is gone the activation is quiet.
pub(crate) struct Running(watch::Sender<bool>);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.send(true);
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
        live: bool,
    ) -> Arc<Self> {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let id = intern(&descriptor.id);
        let (sender, quiet) = watch::channel(false);
        Arc::new(Self {
            id,
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            facts: StartFacts {
                id: RStr::from_str(id),
                data_folder: RStr::from_str(intern(data_folder)),
                roots: shared.roots.into(),
                host_version: RStr::from_str(shared.host_version),
            },
            descriptor,
            shared: Arc::clone(shared),
            closed: AtomicBool::new(false),
            closing: Notify::new(),
            stage: Mutex::new(if live { Stage::Live } else { Stage::Staged(Vec::new()) }),
            tasks: Mutex::new(JoinSet::new()),
            on_stop: Mutex::new(Vec::new()),
            running: Mutex::new(Some(Arc::new(Running(sender)))),
            quiet,
            faults: AtomicU64::new(0),
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

    /// A holder for a new contribution; `None` once the seat is closed.
    pub(crate) fn running(&self) -> Option<Arc<Running>> {
        lock(&self.running).clone()
    }

    /// Takes a contribution in: holds it back, puts it on the bus, or refuses it.
    pub(crate) fn contribute(&self, contribution: Arc<Contribution>) -> Result<(), CallError> {
        let mut stage = lock(&self.stage);
        match &mut *stage {
            Stage::Staged(staged) => {
                self.shared.check_free(&contribution, staged)?;
                staged.push(contribution);
                Ok(())
            }
            Stage::Live => {
                drop(stage);
                self.shared.publish(self, vec![contribution])
            }
            Stage::Closed => Err(self.retired()),
        }
    }

    /// Makes everything visible in one step.
    pub(crate) fn commit(&self) -> Result<(), CallError> {
        let staged = {
            let mut stage = lock(&self.stage);
            match std::mem::replace(&mut *stage, Stage::Live) {
                Stage::Staged(staged) => staged,
                Stage::Live => Vec::new(),
                Stage::Closed => {
                    *stage = Stage::Closed;
                    return Err(self.retired());
                }
            }
        };
        self.shared.publish(self, staged)
    }

    /// Takes everything off the bus in one step and refuses what comes later.
    pub(crate) fn withdraw_all(&self) {
        let staged = std::mem::replace(&mut *lock(&self.stage), Stage::Closed);
        if let Stage::Staged(staged) = staged {
            self.shared.reaper.take(staged);
        }
        self.shared.withdraw(self, None);
        *lock(&self.running) = None;
    }

    /// Waits until nothing of this activation runs.
    pub(crate) async fn until_quiet(&self) {
        let mut quiet = self.quiet.clone();
        // The sender is gone only after it said `true`.
        let _ = quiet.wait_for(|quiet| *quiet).await;
    }

    /// Ends calls under way and refuses everything from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.closing.notify_waiters();
    }

    pub(crate) fn abort_tasks(&self) {
        lock(&self.tasks).abort_all();
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
        let run = async move {
            if let Err(error) = run.await {
                tracing::error!(plugin = id, "background task: {}", error.message);
            }
        };
        tasks.spawn_on(run, &self.shared.runtime);
    }

    pub(crate) fn on_stop(&self, task: RawTask) {
        lock(&self.on_stop).push(task);
    }

    /// What runs at the stop, the last registered first.
    pub(crate) fn take_on_stop(&self) -> Vec<RawTask> {
        let mut tasks = std::mem::take(&mut *lock(&self.on_stop));
        tasks.reverse();
        tasks
    }

    /// Notes a fault of this plugin's.
    #[cold]
    pub(crate) fn fault(&self, point: &str, error: &CallError) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        tracing::error!(plugin = self.id, point, kind = ?error.kind, "{}", error.message);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
