//! [`Kernel`], what a host holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use transom_plugin_api::abi::host_table::{Handler, PortRequest};
use transom_plugin_api::abi::plugin_table::RawHost;
use transom_plugin_api::abi::{ABI_REVISION, RStr};
use transom_plugin_api::hosting::PluginStatus;
use transom_plugin_api::port::Role;
use transom_plugin_api::runtime::Runtime;
use transom_plugin_api::{CallError, Host, Ports, StartError};

use crate::breadcrumb::PointMetrics;
use crate::descriptor::{Descriptor, PanicStrategy};
use crate::lifecycle::Lives;
use crate::reaper::Reaper;
use crate::seat::{Seat, intern};
use crate::snapshot::Published;
use crate::table::{Contribution, Point, PointTypes, RouteTable, Routes};
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
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self {
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            roots: Vec::new(),
            start_deadline: Duration::from_secs(10),
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
    /// What the next table is made of.
    draft: Mutex<Draft>,
    pub(crate) lives: Lives,
}

#[derive(Default)]
struct Draft {
    points: Vec<Arc<Point>>,
    indices: HashMap<String, u32>,
    contributions: Vec<Arc<Contribution>>,
}

impl Kernel {
    /// Makes a kernel with nothing on its bus. Its timers and background tasks run on `runtime`.
    #[must_use]
    pub fn new(config: KernelConfig, runtime: Handle) -> Self {
        let reaper = Reaper::start();
        let roots: Vec<RStr<'static>> =
            config.roots.iter().map(|root| RStr::from_str(intern(root))).collect();
        let shared = Shared {
            table: Published::new(RouteTable::new(&[], &[]), reaper.clone()),
            runtime,
            reaper,
            host_version: intern(&config.host_version),
            roots: Box::leak(roots.into_boxed_slice()),
            start_deadline: config.start_deadline,
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
            ports: P::DECLARED.iter().map(Into::into).collect(),
            settings: serde_json::Value::Null,
        };
        self.shared.admit(&descriptor);
        let seat = Seat::new(&self.shared, descriptor.clone(), "", true);
        self.shared.lives.add_resident(Arc::clone(&seat), descriptor);
        let host = Host::from_raw(raw_host(seat), Runtime::default());
        let ports = P::connect(&host)?;
        Ok((host, ports))
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

    /// All plugins and how they are, in the order of their start.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginStatus> {
        lifecycle::statuses(&self.shared)
    }

    /// The traffic of every point.
    #[must_use]
    pub fn metrics(&self) -> Vec<PointMetrics> {
        let draft = self.shared.draft();
        draft.points.iter().map(|point| point.times.metrics(&point.name, point.counter)).collect()
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
        for port in &descriptor.ports {
            if !draft.indices.contains_key(&port.point) {
                let index = u32::try_from(draft.points.len()).expect("fewer points than fit into memory");
                draft.indices.insert(port.point.clone(), index);
                draft.points.push(Arc::new(Point::of(port)));
            }
        }
        self.swap(&draft);
    }

    /// Finds a declared point and compares types. The index is good for the life of the kernel.
    pub(crate) fn resolve(&self, seat: &Seat, request: &PortRequest) -> Result<u32, CallError> {
        let name = request.point.as_str();
        let declared = seat.descriptor.ports.get(request.port as usize).filter(|port| port.point == name);
        let Some(declared) = declared else {
            return Err(CallError::failed(format!(
                "plugin `{}` asks for `{name}`, which its descriptor does not declare",
                seat.id
            )));
        };
        let draft = self.draft();
        let Some(&index) = draft.indices.get(name) else {
            return Err(CallError::failed(format!("there is no point `{name}`")));
        };
        let point = &draft.points[index as usize];
        if declared.kind != point.kind {
            return Err(CallError::failed(format!(
                "plugin `{}` takes `{name}` for a {}, but it is a {}",
                seat.id,
                declared.kind.as_str(),
                point.kind.as_str()
            )));
        }
        for (ours, theirs) in point.fingerprints.iter().zip([&request.input, &request.output, &request.about])
        {
            if ours.as_bytes() != theirs.fingerprint {
                return Err(CallError::failed(format!(
                    "plugin `{}` was built with another `{}` than the one at `{name}`",
                    seat.id, theirs.name
                )));
            }
        }
        point.types.get_or_init(|| PointTypes { input: request.input, about: request.about });
        Ok(index)
    }

    pub(crate) fn point(&self, index: u32) -> Option<Arc<Point>> {
        self.draft().points.get(index as usize).cloned()
    }

    /// Whether `new` may stand beside what is on the bus and what is staged with it.
    pub(crate) fn check_free(
        &self,
        new: &Contribution,
        staged: &[Arc<Contribution>],
    ) -> Result<(), CallError> {
        let holder = taken(new, staged.iter()).or_else(|| taken(new, self.draft().contributions.iter()));
        holder.map_or(Ok(()), |holder| Err(Self::conflict(new, holder)))
    }

    /// Puts contributions on the bus in one step.
    pub(crate) fn publish(&self, seat: &Seat, new: Vec<Arc<Contribution>>) -> Result<(), CallError> {
        if new.is_empty() {
            return Ok(());
        }
        {
            let mut draft = self.draft();
            let conflict = new.iter().find_map(|new| Some((new, taken(new, draft.contributions.iter())?)));
            if let Some((refused, holder)) = conflict {
                drop(draft);
                let error = Self::conflict(refused, holder);
                self.reaper.take(new);
                return Err(error);
            }
            draft.contributions.extend(new.iter().cloned());
            self.swap(&draft);
        }
        for contribution in &new {
            crate::bus::mailbox::attend(seat, contribution);
        }
        Ok(())
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
            let (gone, left) = std::mem::take(&mut draft.contributions).into_iter().partition(goes);
            draft.contributions = left;
            if !Vec::is_empty(&gone) {
                self.swap(&draft);
            }
            gone
        };
        for contribution in &gone {
            if let Some(mailbox) = &contribution.mailbox {
                mailbox.close();
            }
        }
        self.reaper.take(gone);
    }

    fn swap(&self, draft: &Draft) {
        self.table.replace(RouteTable::new(&draft.points, &draft.contributions));
    }

    /// How many handlers a seat has on the bus.
    pub(crate) fn contributions_of(&self, seat: &Seat) -> u64 {
        self.draft()
            .contributions
            .iter()
            .filter(|contribution| std::ptr::eq(&*contribution.seat, seat))
            .count() as u64
    }

    /// Runs `look` on the routes of a point, if there is such a point.
    #[inline]
    pub(crate) fn on_routes<R>(&self, point: u32, look: impl FnOnce(&RouteTable, &Routes) -> R) -> Option<R> {
        let table = self.table.load();
        table.points.get(point as usize).map(|routes| look(&table, routes))
    }
}

/// The plugin that provides already what `new` is to provide.
fn taken<'a>(
    new: &Contribution,
    mut others: impl Iterator<Item = &'a Arc<Contribution>>,
) -> Option<&'static str> {
    let provides = |contribution: &Contribution| {
        matches!(contribution.handler, Handler::Serve(_) | Handler::ServeStream(_))
    };
    if !provides(new) {
        return None;
    }
    let same = others.find(|other| provides(other) && other.point == new.point && other.name == new.name);
    same.map(|other| other.seat.id)
}

/// The port through which a seat contributes at a point in one of `roles`.
pub(crate) fn declared_role<'a>(
    seat: &'a Seat,
    point: &str,
    role: Role,
) -> Option<&'a crate::descriptor::PortDescriptor> {
    seat.descriptor.ports.iter().find(|port| port.point == point && port.role == role)
}
