//! [`Kernel`], what a host holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use transom_plugin_api::abi::host_table::PortRequest;
use transom_plugin_api::abi::plugin_table::RawHost;
use transom_plugin_api::abi::{ABI_REVISION, RStr};
use transom_plugin_api::hosting::{PluginChange, PluginStatus};
use transom_plugin_api::port::Role;
use transom_plugin_api::runtime::Runtime;
use transom_plugin_api::{CallError, Host, Ports, StartError};

use crate::breadcrumb::PointMetrics;
use crate::bridge::BridgeStatus;
use crate::clock::Clock;
use crate::descriptor::{Descriptor, PanicStrategy, PortDescriptor, types_of};
use crate::draft::{Draft, taken};
use crate::lifecycle::Lives;
use crate::reaper::Reaper;
use crate::seat::{Seat, intern};
use crate::snapshot::Published;
use crate::table::{Contribution, Point, RouteTable, Routes};
use crate::watch::Watch;
use crate::{door, lifecycle};

/// What a kernel is told about its host.
#[derive(Clone, Debug)]
pub struct KernelConfig {
    /// Version of the host program.
    pub host_version: String,
    /// Folders in which the operator lets agents work: absolute, symlinks resolved.
    pub roots: Vec<String>,
    /// How long a plugin's `start` may take, unless the plugin is given a time of its own.
    pub start_deadline: Duration,
    /// What time it is for plugins.
    pub clock: Clock,
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self {
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            roots: Vec::new(),
            start_deadline: Duration::from_secs(10),
            clock: Clock::default(),
        }
    }
}

/// The bus and the plugins on it. Cheap to clone; [`stop`](Self::stop) it before the last clone is dropped, or its
/// plugins are dropped without being asked.
#[derive(Clone)]
pub struct Kernel {
    pub(crate) shared: Arc<Shared>,
}

/// What all seats share.
pub(crate) struct Shared {
    pub(crate) table: Published<RouteTable>,
    pub(crate) runtime: Handle,
    pub(crate) reaper: Reaper,
    pub(crate) host_version: &'static str,
    pub(crate) roots: &'static [RStr<'static>],
    pub(crate) start_deadline: Duration,
    pub(crate) clock: Clock,
    /// What the next table is made of.
    draft: Mutex<Draft>,
    pub(crate) lives: Lives,
}

impl Kernel {
    /// Makes a kernel with nothing on its bus. Its timers and background tasks run on `runtime`.
    #[must_use]
    pub fn new(config: KernelConfig, runtime: Handle) -> Self {
        let reaper = Reaper::start();
        let roots: Vec<RStr<'static>> =
            config.roots.iter().map(|root| RStr::from_str(intern(root))).collect();
        let shared = Shared {
            table: Published::new(RouteTable::new(Vec::new()), reaper.clone()),
            runtime,
            reaper,
            host_version: intern(&config.host_version),
            roots: Box::leak(roots.into_boxed_slice()),
            start_deadline: config.start_deadline,
            clock: config.clock,
            draft: Mutex::default(),
            lives: Lives::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Seats a part of the host itself on the bus, under an id of its own. Its contributions are visible at once, and
    /// it stays until the kernel stops.
    ///
    /// # Errors
    /// When a port's types contradict those of a point that is there already.
    pub fn resident<P: Ports>(&self, id: &str) -> Result<(Host, P), StartError> {
        let host = self.seat(id, P::DECLARED.iter().map(Into::into).collect(), types_of(P::DECLARED));
        let ports = P::connect(&host)?;
        Ok((host, ports))
    }

    /// As [`resident`](Self::resident), for ports that are known only now; `types` are their shapes by fingerprint. Ports
    /// are connected by [`HandleFor::connect`](transom_plugin_api::port::HandleFor::connect), each with its place here.
    pub fn seat(&self, id: &str, ports: Vec<PortDescriptor>, types: BTreeMap<String, Value>) -> Host {
        let descriptor = Descriptor {
            id: id.to_owned(),
            version: self.shared.host_version.to_owned(),
            about: String::new(),
            abi: ABI_REVISION,
            sdk: env!("CARGO_PKG_VERSION").to_owned(),
            target: String::new(),
            rustc: String::new(),
            panic: PanicStrategy::Unwind,
            runtime: "none".to_owned(),
            capabilities: Vec::new(),
            ports,
            types,
            settings: Value::Null,
        };
        self.shared.admit(&descriptor);
        let seat = Seat::new(&self.shared, descriptor.clone(), "", None);
        self.shared.lives.add_resident(Arc::clone(&seat), descriptor);
        Host::from_raw(raw_host(seat), Runtime::default())
    }

    /// The descriptors of the residents, for planning.
    #[must_use]
    pub fn residents(&self) -> Vec<Descriptor> {
        self.shared.lives.residents()
    }

    /// Starts plugins, one after the other, in the order given. Each one's contributions become visible in one step.
    /// What cannot start is disabled, together with what needs it.
    pub async fn start(
        &self,
        plugins: Vec<lifecycle::PluginToStart>,
        plan: &crate::Plan,
    ) -> lifecycle::StartReport {
        lifecycle::start(&self.shared, plugins, plan).await
    }

    /// Stops the plugins in the reverse order of their start, and then the residents. Past `deadline` whatever still
    /// runs is cut off and named in the report.
    pub async fn stop(&self, deadline: Duration) -> lifecycle::StopReport {
        lifecycle::stop(&self.shared, deadline).await
    }

    /// Takes the handlers of a plugin off the bus in one step, until it is [released](Self::release).
    ///
    /// # Errors
    /// When there is no such plugin, or it does not run.
    pub fn quarantine(&self, plugin: &str, reason: &str) -> Result<(), CallError> {
        if lifecycle::quarantine(&self.shared, plugin, reason.to_owned()) {
            return Ok(());
        }
        Err(CallError::not_found(format!("there is no plugin `{plugin}` that runs")))
    }

    /// Puts the handlers of a plugin in quarantine back on the bus, and forgives its faults.
    ///
    /// # Errors
    /// When it is not in quarantine, or another plugin has taken one of its names meanwhile.
    pub fn release(&self, plugin: &str) -> Result<(), CallError> {
        lifecycle::release(&self.shared, plugin)
    }

    /// Changes in the state of plugins, from now on. Who reads too slowly loses the oldest.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<PluginChange> {
        self.shared.lives.changes()
    }

    /// Finds handlers that do not come back.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch::over(Arc::clone(&self.shared))
    }

    /// All plugins and how they are, in the order of their start.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginStatus> {
        lifecycle::statuses(&self.shared)
    }

    /// The traffic of every point.
    #[must_use]
    pub fn metrics(&self) -> Vec<PointMetrics> {
        self.shared.draft().metrics()
    }

    /// The handlers that are reached by encoding, because they were built with other copies of a contract than those who
    /// emit, apply or call; by point, plugin and name.
    #[must_use]
    pub fn bridges(&self) -> Vec<BridgeStatus> {
        self.shared.draft().bridges()
    }
}

/// A seat in the form a plugin holds it; one holder.
pub(crate) fn raw_host(seat: Arc<Seat>) -> RawHost {
    RawHost { seat: Arc::into_raw(seat).cast(), table: door::table() }
}

impl Shared {
    fn draft(&self) -> MutexGuard<'_, Draft> {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the points that `descriptor` touches, as far as they are not there.
    pub(crate) fn admit(&self, descriptor: &Descriptor) {
        let mut draft = self.draft();
        draft.admit(descriptor);
        self.swap(&mut draft);
    }

    /// Finds a declared point. The index is good for the life of the kernel.
    pub(crate) fn resolve(&self, seat: &Seat, request: &PortRequest) -> Result<u32, CallError> {
        let mut draft = self.draft();
        let (index, is_new) = draft.resolve(seat, request)?;
        if is_new {
            // Handlers of other dialects can be reached from here now, and those of this one from there.
            self.swap(&mut draft);
        }
        Ok(index)
    }

    pub(crate) fn point(&self, index: u32) -> Option<Arc<Point>> {
        self.draft().point(index)
    }

    /// Whether `new` may stand beside what is on the bus and what is staged with it.
    pub(crate) fn check_free(
        &self,
        new: &Contribution,
        staged: &[Arc<Contribution>],
    ) -> Result<(), CallError> {
        let holder = taken(new, staged.iter()).or_else(|| self.draft().holder(new));
        holder.map_or(Ok(()), |holder| Err(Self::conflict(new, holder)))
    }

    /// Puts contributions on the bus in one step.
    pub(crate) fn publish(&self, seat: &Seat, new: Vec<Arc<Contribution>>) -> Result<(), CallError> {
        if new.is_empty() {
            return Ok(());
        }
        {
            let mut draft = self.draft();
            let conflict = new.iter().find_map(|new| Some((new, draft.holder(new)?)));
            if let Some((refused, holder)) = conflict {
                drop(draft);
                let error = Self::conflict(refused, holder);
                self.reaper.take(new);
                return Err(error);
            }
            draft.add(&new);
            self.swap(&mut draft);
        }
        for contribution in &new {
            crate::bus::mailbox::attend(seat, contribution);
        }
        Ok(())
    }

    /// Takes everything of a seat off the bus in one step, mailboxes open.
    pub(crate) fn suspend(&self, seat: &Seat) -> Vec<Arc<Contribution>> {
        let taken = {
            let mut draft = self.draft();
            let taken = draft.take(|contribution| std::ptr::eq(&*contribution.seat, seat));
            self.swap(&mut draft);
            taken
        };
        // Lanes to them are made anew when they come back; they are dropped here, where no lock is held.
        taken.into_iter().filter(|contribution| !contribution.is_lane).collect()
    }

    /// Puts back what [`suspend`](Self::suspend) took, in one step.
    pub(crate) fn readmit(
        &self,
        held: Vec<Arc<Contribution>>,
    ) -> Result<(), (Vec<Arc<Contribution>>, CallError)> {
        let mut draft = self.draft();
        let conflict = held.iter().find_map(|held| Some((held, draft.holder(held)?)));
        if let Some((refused, holder)) = conflict {
            let error = Self::conflict(refused, holder);
            drop(draft);
            return Err((held, error));
        }
        draft.add(&held);
        self.swap(&mut draft);
        Ok(())
    }

    /// Closes the mailboxes of what left the bus, and drops it where no lock is held.
    pub(crate) fn let_go(&self, gone: Vec<Arc<Contribution>>) {
        for contribution in &gone {
            if let Some(mailbox) = &contribution.mailbox {
                mailbox.close();
            }
        }
        self.reaper.take(gone);
    }

    #[cold]
    fn conflict(refused: &Contribution, holder: &str) -> CallError {
        let point = &refused.info.name;
        let what = match refused.name.as_str() {
            "" => format!("service `{point}`"),
            name => format!("name `{name}` at `{point}`"),
        };
        let id = refused.seat.id;
        CallError::conflict(format!("plugin `{id}` cannot provide the {what}: plugin `{holder}` does"))
    }

    /// Takes contributions off the bus in one step: all of a seat, or those it has under a name at a point.
    pub(crate) fn withdraw(&self, seat: &Seat, only: Option<(u32, &str)>) {
        let goes = |contribution: &Arc<Contribution>| {
            std::ptr::eq(&*contribution.seat, seat)
                && only.is_none_or(|(point, name)| contribution.point == point && contribution.name == name)
        };
        let gone: Vec<Arc<Contribution>> = {
            let mut draft = self.draft();
            let gone = draft.take(goes);
            if !gone.is_empty() {
                self.swap(&mut draft);
            }
            gone
        };
        self.let_go(gone);
    }

    fn swap(&self, draft: &mut Draft) {
        self.table.replace(draft.table());
    }

    /// How many handlers a seat has on the bus.
    pub(crate) fn contributions_of(&self, seat: &Seat) -> u64 {
        self.draft().count_of(seat)
    }

    /// Runs `look` on the routes of a point, if there is such a point.
    #[inline]
    pub(crate) fn on_routes<R>(&self, point: u32, look: impl FnOnce(&RouteTable, &Routes) -> R) -> Option<R> {
        let table = self.table.load();
        table.points.get(point as usize).map(|routes| look(&table, routes))
    }
}

/// The port through which a seat contributes at a point in one of `roles`.
pub(crate) fn declared_role<'a>(
    seat: &'a Seat,
    point: &str,
    role: Role,
) -> Option<&'a crate::descriptor::PortDescriptor> {
    seat.descriptor.ports.iter().find(|port| port.point == point && port.role == role)
}
