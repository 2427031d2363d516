//! [`Stand`]: a kernel for one test, the plugins under test on it, and what the test puts around them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::way::Way;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use transom_kernel::{
    Descriptor, FaultBudget, Grants, Kernel, KernelConfig, Lender, PluginToStart, ReloadTerms, StopReport,
    plan,
};
use transom_plugin_api::hosting::{PluginStatus, PointFaults};
use transom_plugin_api::plugin::Exported;

use crate::found::{Found, find};
use crate::host_side::HostSide;
use crate::logbook::Logbook;
use crate::patience::{PATIENCE, within};
use crate::sockets::StandSockets;
use crate::time::{Frozen, clock};
use crate::{LogLine, NotStarted};

/// How long all plugins of a stand may take to stop, as in a host without a manifest.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// A kernel of one test's own, with the plugins under test and whatever the test puts around them.
///
/// Plugins are named by their settings' type and attached as the stand says: linked into the test, or from the file
/// that cargo built beside it. [`both_ways`](crate::both_ways) runs a test on one of each.
///
/// Where the time of the runtime stands still (`#[tokio::test(start_paused = true)]`,
/// [`both_ways_paused`](crate::both_ways_paused)) it does so for the plugins too, for timers and
/// [`Host::now_ms`](transom_plugin_api::Host::now_ms) alike, until [`advance`](Self::advance) moves it: no deadline passes
/// by itself. The tokio of a file keeps its own time, and so does a thread that sleeps: a plugin that is to be tested like
/// this asks its `Host` to sleep.
///
/// ```no_run
/// use transom_plugin_api::prelude::*;
/// use transom_testkit::{Stand, json};
/// # #[derive(Settings)]
/// # struct Counter {}
/// # impl Plugin for Counter {
/// #     type Ports = ();
/// #     async fn start(self, _: (), _: Host) -> Result<(), StartError> { Ok(()) }
/// # }
/// # export_plugin!(Counter, id = "counter");
/// # const COUNT: Service<Text, u64> = Service::new("counter/count");
/// # const COUNTED: Event<u64> = Event::new("counter/counted");
///
/// # async fn test() {
/// let stand = Stand::new().plugin::<Counter>(json!({"least": 2}));
/// let (count, counted) = (stand.caller(COUNT), stand.record(COUNTED));
/// stand.start().await.expect("it starts");
/// assert_eq!(count.call("one two".into()).await, Ok(2));
/// assert_eq!(counted.next().await, 2);
/// stand.stop().await;
/// # }
/// ```
pub struct Stand {
    kernel: Kernel,
    attach: Way,
    folder: Arc<TempDir>,
    waiting: Mutex<Vec<PluginToStart>>,
    host: HostSide,
    log: Arc<Logbook>,
    frozen: tokio::sync::Mutex<Option<Frozen>>,
}

impl Stand {
    /// A stand whose plugins are linked into the test.
    ///
    /// # Panics
    /// Outside of a tokio runtime, whose timers the plugins will use; `#[tokio::test]` makes one.
    #[must_use]
    pub fn new() -> Self {
        Self::attaching(Way::Linked, new_folder())
    }

    /// A stand whose plugins are loaded from the files that cargo built of them.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn of_files() -> Self {
        Self::attaching(Way::Dylib, new_folder())
    }

    pub(crate) fn attaching(attach: Way, folder: Arc<TempDir>) -> Self {
        let runtime = Handle::current();
        let root = folder.path().join("root");
        for made in [&root, &folder.path().join("images")] {
            std::fs::create_dir_all(made).expect("the temporary folder can be written");
        }
        let root = root.canonicalize().expect("it was just made");
        let config = KernelConfig {
            roots: vec![root.display().to_string()],
            clock: clock(runtime.clone()),
            sockets: Lender::of(Arc::new(StandSockets::default())),
            ..KernelConfig::default()
        };
        let log = Logbook::open(&runtime);
        let kernel = Kernel::new(config, runtime);
        let host = HostSide::seat(&kernel).expect("nothing else is on the bus");
        let (waiting, frozen) = (Mutex::default(), tokio::sync::Mutex::new(Frozen::found()));
        Self { kernel, attach, folder, waiting, host, log, frozen }
    }

    /// Adds the plugin with these settings, as the stand attaches plugins.
    ///
    /// # Panics
    /// When there is no file of it, or it is older than its sources.
    #[must_use]
    #[track_caller]
    pub fn plugin<P: Exported>(self, settings: Value) -> Self {
        match find::<P>(self.attach, &self.folder.path().join("images")) {
            Ok(found) => self.with(found, &settings, None),
            Err(problem) => panic!("{problem}"),
        }
    }

    pub(crate) fn with(self, found: Found, settings: &Value, start_deadline: Option<Duration>) -> Self {
        let waiting = self.to_start(found, settings, start_deadline);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(waiting);
        self
    }

    fn to_start(&self, found: Found, settings: &Value, start_deadline: Option<Duration>) -> PluginToStart {
        PluginToStart {
            data_folder: self.data_folder(&found.descriptor.id).display().to_string(),
            descriptor: found.descriptor,
            table: found.table,
            settings: settings.to_string(),
            attach: found.attach.into(),
            start_deadline,
            faults: FaultBudget::default(),
            grants: Grants::default(),
        }
    }

    /// Starts the plugins, as a host does: planned, in order, their contributions visible in one step each. Afterwards the
    /// host's [`STARTED_UP`](transom_plugin_api::hosting::STARTED_UP) answers.
    ///
    /// # Errors
    /// When the plan has faults, such as a service that nobody provides, or a plugin did not start.
    ///
    /// # Panics
    /// When the clock stands still and a `start` takes longer than 10 s.
    pub async fn start(&self) -> Result<(), NotStarted> {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let descriptors: Vec<Descriptor> = waiting.iter().map(|plugin| plugin.descriptor.clone()).collect();
        let plan = plan(&self.kernel.residents(), &descriptors).map_err(NotStarted::from)?;
        let mut ordered = waiting;
        ordered.sort_by_key(|plugin| plan.order.iter().position(|id| *id == plugin.descriptor.id));
        let starting = self.kernel.start(ordered, &plan);
        let report = if self.frozen.lock().await.is_some() {
            let limit = KernelConfig::default().start_deadline;
            within(limit, starting).await.expect("every `start` returns within 10 s")
        } else {
            starting.await
        };
        self.host.announce_ready(&report.disabled);
        if report.disabled.is_empty() { Ok(()) } else { Err(NotStarted { reasons: report.disabled }) }
    }

    /// Replaces a running plugin by itself with these settings, as `transom reload` does: from its file, that is another
    /// image of it. Calls and streams under way may go on for `drain`, which passes only when time does.
    ///
    /// # Errors
    /// Why it was refused, or which calls had to be cut off.
    ///
    /// # Panics
    /// As [`plugin`](Self::plugin).
    pub async fn reload<P: Exported>(&self, settings: Value, drain: Duration) -> Result<(), String> {
        let found = match find::<P>(self.attach, &self.folder.path().join("images")) {
            Ok(found) => found,
            Err(problem) => panic!("{problem}"),
        };
        let plugin = self.to_start(found, &settings, None);
        let report = self.kernel.reload(vec![plugin], &ReloadTerms { drain }).await;
        let report = report.map_err(|error| error.to_string())?;
        report.reloaded.into_iter().find_map(|one| one.cut_off).map_or(Ok(()), Err)
    }

    /// Lets time pass where it stands still: every timer within `span` fires at its own time, in order, and what it sets off
    /// has its turn.
    ///
    /// # Panics
    /// Where time passes by itself.
    pub async fn advance(&self, span: Duration) {
        let mut frozen = self.frozen.lock().await;
        let frozen = frozen.as_mut().expect(
            "time stands still: on a runtime of `#[tokio::test(start_paused = true)]` or `both_ways_paused`",
        );
        frozen.advance(span).await;
    }

    /// Waits until `is_so`, which is asked again and again.
    ///
    /// # Panics
    /// When it is not so within 10 s.
    pub async fn until(&self, is_so: impl Fn() -> bool) {
        let waiting = async {
            while !is_so() {
                yield_now().await;
            }
        };
        let limit = PATIENCE.as_secs();
        within(PATIENCE, waiting).await.unwrap_or_else(|| panic!("it was not so within {limit} s"));
    }

    /// Stops the plugins, as a host does, and gives what they kept. Time that stands still passes meanwhile.
    ///
    /// # Panics
    /// When one does not stop in its time.
    pub async fn stop(self) -> Stopped {
        let report = self.stop_and_report().await;
        let told: Vec<String> =
            report.cut_off.iter().map(|(id, doing)| format!("plugin `{id}` was cut off: {doing}")).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
        Stopped { attach: self.attach, folder: self.folder }
    }

    pub(crate) async fn stop_and_report(&self) -> StopReport {
        self.host.announce_stop(STOP_DEADLINE);
        let stopping = self.kernel.stop(STOP_DEADLINE);
        match self.frozen.lock().await.take() {
            Some(frozen) => frozen.thawed_for(stopping).await,
            None => stopping.await,
        }
    }

    /// How a plugin is.
    ///
    /// # Panics
    /// When no plugin of that id was started.
    #[must_use]
    #[track_caller]
    pub fn status(&self, id: &str) -> PluginStatus {
        let found = self.kernel.plugins().into_iter().find(|plugin| plugin.id == id);
        found.unwrap_or_else(|| panic!("no plugin `{id}` was started on this stand"))
    }

    /// What was counted against a plugin, by point: panics, passed deadlines, values that did not get over, errors of links.
    ///
    /// # Panics
    /// As [`status`](Self::status).
    #[must_use]
    #[track_caller]
    pub fn faults(&self, id: &str) -> Vec<PointFaults> {
        self.status(id).faults.into_iter().collect()
    }

    /// What was logged on this stand so far. Lines of a thread that a plugin made for itself reach all stands of the process.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        self.log.lines()
    }

    /// The folder that plugins are told agents may work in; empty at first.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        let root = self.folder.path().join("root");
        root.canonicalize().expect("it was made with the stand")
    }

    /// The folder for the own files of a plugin, made when that asks for it.
    #[must_use]
    pub fn data_folder(&self, id: &str) -> PathBuf {
        self.folder.path().join("data").join(id)
    }

    /// The kernel below it all.
    #[must_use]
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }
}

impl Default for Stand {
    fn default() -> Self {
        Self::new()
    }
}

/// What is left of a stand: the folders of its plugins, which go when this does.
#[derive(Debug)]
pub struct Stopped {
    attach: Way,
    folder: Arc<TempDir>,
}

impl Stopped {
    /// A new stand on the same folders: what a plugin finds after a restart of its host.
    ///
    /// # Panics
    /// As [`Stand::new`].
    #[must_use]
    pub fn stand(self) -> Stand {
        Stand::attaching(self.attach, self.folder)
    }

    /// Where the folders lie: `data/<id>` for each plugin, and `root`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

pub(crate) fn new_folder() -> Arc<TempDir> {
    let folder = tempfile::Builder::new().prefix("transom-stand-").tempdir();
    Arc::new(folder.expect("the folder for temporary files can be written"))
}
