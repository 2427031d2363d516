//! [`Kernel`], what a host holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use transom_plugin_api::abi::plugin_table::RawHost;
use transom_plugin_api::abi::{ABI_REVISION, RStr};
use transom_plugin_api::hosting::{PluginChange, PluginStatus};
use transom_plugin_api::port::Role;
use transom_plugin_api::runtime::Runtime;
use transom_plugin_api::{CallError, Host, Ports, StartError};

use crate::breadcrumb::PointMetrics;
use crate::bridge::BridgeStatus;
use crate::clock::Clock;
use crate::descriptor::{Descriptor, Handover, PanicStrategy, PortDescriptor, types_of};
use crate::draft::Draft;
use crate::grants::Grants;
use crate::lend::Lender;
use crate::lives::Lives;
use crate::operator::OperatorOrder;
use crate::reaper::Reaper;
use crate::seat::{Lineage, Seat, intern};
use crate::snapshot::Published;
use crate::table::RouteTable;
use crate::watch::Watch;
use crate::{ReloadError, ReloadReport, ReloadTerms, door, lifecycle, lives, reload};

/// What a kernel is told about its host.
#[derive(Clone, Debug)]
pub struct KernelConfig {
    /// Version of the host program.
    pub host_version: String,
    /// Folders in which the operator lets agents work: absolute, symlinks resolved.
    pub roots: Vec<String>,
    /// How long a plugin's `start` may take, unless the plugin is given a time of its own.
    pub start_deadline: Duration,
    /// Where plugins get listening sockets from.
    pub sockets: Lender,
    /// The order in which the operator wants plugins to stand at points.
    pub order: OperatorOrder,
    /// What time it is for plugins.
    pub clock: Clock,
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self {
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            roots: Vec::new(),
            start_deadline: Duration::from_secs(10),
            sockets: Lender::default(),
            order: OperatorOrder::default(),
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
    pub(crate) lender: Lender,
    pub(crate) clock: Clock,
    /// What the next table is made of.
    pub(crate) draft: Mutex<Draft>,
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
            lender: config.sockets,
            draft: Mutex::new(Draft::ordered(config.order)),
            clock: config.clock,
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
    pub fn seat(&self, id: &str, ports: Vec<PortDescriptor>, types: BTreeMap<String, Arc<Value>>) -> Host {
        let descriptor = Descriptor {
            id: id.to_owned(),
            version: self.shared.host_version.to_owned(),
            about: String::new(),
            module: String::new(),
            abi: ABI_REVISION,
            sdk: env!("CARGO_PKG_VERSION").to_owned(),
            target: String::new(),
            rustc: String::new(),
            panic: PanicStrategy::Unwind,
            runtime: "none".to_owned(),
            handover: Handover::default(),
            capabilities: Vec::new(),
            ports,
            types,
            settings: Value::Null,
        };
        self.shared.admit(&descriptor);
        let (lineage, grants) = (Lineage::first(), Grants::default());
        let seat = Seat::new(&self.shared, descriptor.clone(), "", None, lineage, grants);
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

    /// Starts a new generation of each of `plugins` and puts it in the place of the old one, while everything else goes
    /// on. Plugins that can stand beside their successors are replaced together, in one step; those that cannot before
    /// them, one by one, behind gates where calls wait. One that does not run is started.
    ///
    /// No event is lost or heard twice, and none overtakes another on its way to the same listener: what nobody has read
    /// yet is read by the new generation. Calls under way end in the old one.
    ///
    /// # Errors
    /// When a plugin cannot be replaced. It and those that were to be replaced together with it go on as they were,
    /// unless the error says that the old one could not be started again.
    pub async fn reload(
        &self,
        plugins: Vec<lifecycle::PluginToStart>,
        terms: &ReloadTerms,
    ) -> Result<ReloadReport, ReloadError> {
        reload::reload(&self.shared, plugins, terms).await
    }

    /// Stops one plugin, within `limit`, and forgets it. What needs it is not looked at.
    ///
    /// # Errors
    /// What it was doing when it was cut off.
    pub async fn remove(&self, plugin: &str, limit: Duration) -> Result<(), String> {
        lifecycle::remove(&self.shared, plugin, limit).await
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
        Watch::new()
    }

    /// All plugins and how they are, in the order of their start.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginStatus> {
        lives::statuses(&self.shared)
    }

    /// The traffic of every point.
    #[must_use]
    pub fn metrics(&self) -> Vec<PointMetrics> {
        self.shared.draft().metrics()
    }

    /// Events that are on their way to queued listeners, in all mailboxes together.
    #[must_use]
    pub fn waiting_events(&self) -> usize {
        self.shared.draft().waiting()
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

/// The port through which a seat contributes at a point in one of `roles`.
pub(crate) fn declared_role<'a>(
    seat: &'a Seat,
    point: &str,
    role: Role,
) -> Option<&'a crate::descriptor::PortDescriptor> {
    seat.descriptor.ports.iter().find(|port| port.point == point && port.role == role)
}
