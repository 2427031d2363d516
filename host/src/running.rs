//! An assembly that runs: kernel, residents, start, ready, stop.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use transom_kernel::{Descriptor, Kernel, KernelConfig, Lender, StopReport};
use transom_plugin_api::hosting::PluginState;

use crate::assembly::{Assembled, Assembly, Overrides, canonical_roots};
use crate::attendant::Duty;
use crate::control::{self, Desk};
use crate::data::DataFolder;
use crate::keeping::Keeping;
use crate::lock::Lock;
use crate::log;
use crate::manifest::{Faults, Manifest};
use crate::memory::MemoryLog;
use crate::reload::{ReloadOutcome, ReloadRequest, Reloader};
use crate::residents::Residents;
use crate::sockets::LentSockets;
use crate::whereabouts::Whereabouts;

/// How long a transport may take from the end of start-up until it listens.
const OPEN_DEADLINE: Duration = Duration::from_secs(10);

/// A host whose plugins run.
pub struct Running {
    kernel: Kernel,
    residents: Residents,
    data: Arc<DataFolder>,
    reloader: Arc<Reloader>,
    whereabouts: Arc<Whereabouts>,
    /// Keeps the run file right when a transport speaks outside of a reload.
    following: Option<JoinHandle<()>>,
    /// Plugins that could not start, with the reason.
    pub disabled: Vec<(String, String)>,
    stop_deadline: Duration,
    watchdog: Option<Duration>,
    memory_log: Option<Duration>,
    /// Tells in the log what the process holds.
    telling: Option<JoinHandle<()>>,
}

/// Why a host does not run. Nothing of it is left.
#[derive(Debug)]
pub enum Refused {
    /// It shows before any plugin runs: all faults at once.
    Faults(Faults),
    /// A plugin that the host cannot do without did not start.
    NotStarted {
        /// The plugin.
        plugin: String,
        /// Why.
        reason: String,
    },
    /// The host's own part failed.
    Host(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Faults(faults) => faults.fmt(f),
            Self::NotStarted { plugin, reason } => {
                // On one line, since the last line of a host that ends is the one that is read.
                write!(
                    f,
                    "error: plugin `{plugin}` did not start: {}",
                    reason.replace("\n  help:", "; help:")
                )
            }
            Self::Host(problem) => write!(f, "error: {problem}"),
        }
    }
}

impl std::error::Error for Refused {}

impl From<Faults> for Refused {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}

/// The descriptors of the host's own part of the bus, for checking an assembly without running it.
///
/// # Errors
/// When the host's own ports contradict each other, which a test of the host would show.
pub async fn resident_descriptors() -> Result<Vec<Descriptor>, Refused> {
    let kernel = Kernel::new(KernelConfig::default(), tokio::runtime::Handle::current());
    let seated = Residents::seat(&kernel).map_err(|error| Refused::Host(error.to_string()))?;
    let descriptors = kernel.residents();
    kernel.stop(Duration::ZERO).await;
    drop(seated);
    Ok(descriptors)
}

impl Running {
    /// Checks the manifest, then starts everything in it on the data folder.
    ///
    /// # Errors
    /// When something shows to be wrong before any plugin runs, when a required plugin or every transport fails to
    /// start, or with `strict` when any plugin does.
    pub async fn start(
        manifest: Manifest,
        data: DataFolder,
        overrides: &Overrides,
        strict: bool,
    ) -> Result<Self, Refused> {
        // What is wrong with them is told by the assembly, with everything else.
        let roots = canonical_roots(&manifest).unwrap_or_default();
        let config = KernelConfig {
            roots: roots.iter().map(|root| root.display().to_string()).collect(),
            start_deadline: Duration::from_secs(manifest.host.start_deadline_s),
            sockets: Lender::of(Arc::new(LentSockets::default())),
            order: manifest.order(),
            ..KernelConfig::default()
        };
        let kernel = Kernel::new(config, tokio::runtime::Handle::current());
        let residents = Residents::seat(&kernel).map_err(|error| Refused::Host(error.to_string()))?;
        let assembly = Assembly::of(manifest, &kernel.residents(), overrides)?;
        let Assembly { manifest, plugins, plan } = &assembly;
        if overrides.locked {
            Lock::check(manifest, plugins)?;
        }
        log::introduce(plugins);
        let strict = strict || manifest.host.strict;
        let stop_deadline = Duration::from_secs(manifest.host.stop_deadline_s);
        let vital = Vital::of(plugins, strict);
        let watchdog = manifest.host.watchdog_s.map(Duration::from_secs);
        let memory_log = Some(manifest.host.memory_log_s).filter(|seconds| *seconds > 0);
        let plan = plan.clone();
        let whereabouts = Arc::clone(residents.whereabouts());
        let (reloader, starting) =
            Reloader::of(kernel.clone(), &data, overrides.clone(), &residents, assembly)?;
        let report = kernel.start(starting, &plan).await;
        let mut running = Self {
            kernel,
            residents,
            data: Arc::new(data),
            whereabouts,
            following: None,
            disabled: report.disabled,
            stop_deadline,
            reloader: Arc::new(reloader),
            watchdog,
            memory_log: memory_log.map(Duration::from_secs),
            telling: None,
        };
        if let Some((plugin, reason)) = vital.failed(&running.disabled) {
            running.stop().await;
            return Err(Refused::NotStarted { plugin, reason });
        }
        running.residents.announce_ready(&running.disabled);
        if vital.has_transports() {
            let opened =
                tokio::time::timeout(OPEN_DEADLINE, running.whereabouts.known(&vital.transports)).await;
            if opened.is_err() {
                running.stop().await;
                let limit = OPEN_DEADLINE.as_secs();
                return Err(Refused::Host(format!(
                    "no transport began to listen within {limit} s; the log says why"
                )));
            }
        }
        let told = running.whereabouts.tell(&running.data);
        told.map_err(|error| Refused::Host(format!("the run file cannot be written: {error}")))?;
        running.following = Some(tokio::spawn(Arc::clone(&running.whereabouts).follow_on()));
        Ok(running)
    }

    /// Where it can be reached now, such as `http://127.0.0.1:24203`; `None` when it has no transport.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        self.whereabouts.address()
    }

    /// Whether those who reach it there need a token.
    #[must_use]
    pub fn needs_token(&self) -> bool {
        self.whereabouts.needs_token()
    }

    /// The model that answers when nobody names one.
    pub async fn default_model(&self) -> Option<String> {
        self.residents.models().await["default"].as_str().map(str::to_owned)
    }

    /// How many models can be asked.
    pub async fn model_count(&self) -> usize {
        self.residents.models().await["models"].as_array().map_or(0, Vec::len)
    }

    /// How many plugins run.
    #[must_use]
    pub fn plugin_count(&self) -> usize {
        self.kernel.plugins().len() - self.disabled.len()
    }

    /// What the attendant is to do for this host, whose memory is told in the log from now on.
    pub(crate) fn duty(&mut self) -> Duty {
        let socket = control::bind(self.data.path());
        let socket = socket.inspect_err(|error| {
            let path = self.data.path().display();
            tracing::warn!(
                "no control socket can be made in `{path}`, so nobody can ask for the status: {error}"
            );
        });
        let desk = Desk {
            kernel: self.kernel.clone(),
            reloader: Arc::clone(&self.reloader),
            runtime: tokio::runtime::Handle::current(),
            whereabouts: Arc::clone(&self.whereabouts),
            hampers: Arc::clone(self.residents.hampers()),
            keeping: self.keeping().clone(),
            commands: self.residents.commands().clone(),
            figures: self.residents.figures().clone(),
            memory: MemoryLog::default(),
        };
        self.telling = self.memory_log.map(|period| {
            let Desk { memory, kernel, figures, runtime, .. } = &desk;
            let telling = memory.clone().keep(period, kernel.clone(), figures.clone(), runtime.clone());
            runtime.spawn(telling)
        });
        Duty { desk, socket: socket.ok(), watchdog: self.watchdog, claim: self.data.claim().clone() }
    }

    /// What is told when its data folder is gone.
    pub(crate) fn told_lost(&self) -> String {
        self.data.claim().told_lost()
    }

    /// Where it keeps its data.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The way to whoever keeps conversations.
    pub(crate) const fn keeping(&self) -> &Keeping {
        self.residents.keeping()
    }

    /// Brings plugins to what the manifest and their files say now, while everything else goes on.
    ///
    /// # Errors
    /// Everything that is wrong with what is found now; then nothing has changed. Or why a plugin could not be replaced,
    /// and what runs in its place.
    pub async fn reload(&self, request: &ReloadRequest) -> Result<ReloadOutcome, Refused> {
        self.reloader.reload(request).await
    }

    /// Waits until a required plugin is quarantined; answers which, and why.
    pub async fn required_is_lost(&self) -> (String, String) {
        let mut changes = self.kernel.changes();
        loop {
            let required = self.reloader.required();
            // Asked each time, so that nothing is missed between two changes, or by a reader that is behind.
            let lost = self.kernel.plugins().into_iter().find(|plugin| {
                plugin.state == PluginState::Quarantined && required.iter().any(|id| *id == *plugin.id)
            });
            if let Some(lost) = lost {
                let reason = lost.reason.as_ref().map(ToString::to_string).unwrap_or_default();
                return (lost.id.into(), reason);
            }
            if changes.recv().await == Err(RecvError::Closed) {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Tells nobody any more where it can be reached. Who has found it can go on, and is a guest as long as that lasts.
    pub fn withdraw(&self) {
        self.whereabouts.withdraw();
    }

    /// Whether somebody who found it through its data folder still uses it.
    #[must_use]
    pub fn has_guests(&self) -> bool {
        self.data.has_guests()
    }

    /// Stops everything, within the manifest's deadline or so long, whichever is less.
    pub(crate) async fn stop_within(mut self, at_most: Duration) -> StopReport {
        self.stop_deadline = self.stop_deadline.min(at_most);
        self.stop().await
    }

    /// Stops everything, within the manifest's deadline.
    pub async fn stop(self) -> StopReport {
        [&self.following, &self.telling].into_iter().flatten().for_each(JoinHandle::abort);
        self.residents.announce_stop(self.stop_deadline);
        self.kernel.stop(self.stop_deadline).await
    }
}

/// What a host cannot do without.
struct Vital {
    required: Vec<String>,
    /// Those that serve routes; all of them when none does.
    transports: Vec<String>,
    strict: bool,
}

impl Vital {
    fn of(plugins: &[Assembled], strict: bool) -> Self {
        let ids = |wanted: fn(&&Assembled) -> bool| {
            plugins.iter().filter(wanted).map(|plugin| plugin.entry.id.clone()).collect::<Vec<_>>()
        };
        let with_routes = ids(|plugin| plugin.serves_routes());
        Self {
            required: ids(|plugin| plugin.entry.required),
            transports: if with_routes.is_empty() {
                ids(|plugin| plugin.is_transport())
            } else {
                with_routes
            },
            strict,
        }
    }

    const fn has_transports(&self) -> bool {
        !self.transports.is_empty()
    }

    /// The failure that ends the host, if there is one: of a required plugin, of any with `strict`, or of the last
    /// transport that serves routes, since a host that nobody can reach serves nobody.
    fn failed(&self, disabled: &[(String, String)]) -> Option<(String, String)> {
        let is_down = |id: &String| disabled.iter().any(|(down, _)| down == id);
        let unreachable = self.has_transports() && self.transports.iter().all(is_down);
        let ends = |id: &String| {
            self.strict || self.required.contains(id) || (unreachable && self.transports.contains(id))
        };
        disabled.iter().find(|(id, _)| ends(id)).cloned()
    }
}
