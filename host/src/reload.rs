//! `Reloader` brings a running host to what its manifest and plugin files say now.

mod difference;
mod outcome;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use transom_kernel::{Descriptor, Kernel, PluginToStart, ReloadError, ReloadTerms, Reloaded};
use transom_plugin_api::abi::plugin_table::open_header;
use transom_plugin_api::hosting::Attach;
use transom_plugin_api::sabotage::sabotaged;

pub use self::difference::Difference;
pub use self::outcome::ReloadOutcome;

use self::difference::Known;
use crate::assembly::{Assembled, Assembly, Overrides, Source};
use crate::data::DataFolder;
use crate::hampers::{self, Hampers};
use crate::images::{Images, opening};
use crate::lock::Lock;
use crate::manifest::{Fault, Faults, Manifest};
use crate::residents::Residents;
use crate::running::Refused;
use crate::whereabouts::{Said, Whereabouts};

/// What a reload is to do.
#[derive(Clone, Debug, Default)]
pub struct ReloadRequest {
    /// These plugins, whether or not anything of them has changed; none for everything that has.
    pub plugins: Vec<String>,
    /// How long calls under way may go on; 10 s when left out.
    pub drain: Option<Duration>,
    /// Whether nothing is done, and only told what would be.
    pub dry_run: bool,
}

/// Replaces plugins of one host.
pub(crate) struct Reloader {
    kernel: Kernel,
    /// Where private copies of plugin files are made.
    images: PathBuf,
    /// Where plugins keep their files.
    plugins: PathBuf,
    overrides: Overrides,
    /// Where transports listen, which a reload may change.
    whereabouts: Arc<Whereabouts>,
    /// What keeps plugins from their work, which another generation has not said.
    hampers: Arc<Hampers>,
    /// As the host was started with it: what a reload leaves as it was, its own settings, stays different from that.
    manifest: Manifest,
    state: Mutex<State>,
    /// Held while something changes.
    changing: tokio::sync::Mutex<()>,
}

struct State {
    known: Vec<Known>,
    images: Images,
}

/// What is found in the manifest and its files, and what it changes.
struct Found {
    assembly: Assembly,
    difference: Difference,
    taken_along: Vec<String>,
}

impl Reloader {
    /// For a host that is about to start the plugins of `assembly`; they come back ready to be started.
    ///
    /// # Errors
    /// When a plugin's file cannot be opened.
    pub(crate) fn of(
        kernel: Kernel,
        data: &DataFolder,
        overrides: Overrides,
        residents: &Residents,
        assembly: Assembly,
    ) -> Result<(Self, Vec<PluginToStart>), Refused> {
        let Assembly { manifest, plugins, .. } = assembly;
        let known = plugins.iter().map(Known::of).collect();
        let state = Mutex::new(State { known, images: Images::default() });
        let changing = tokio::sync::Mutex::default();
        let reloader = Self {
            kernel,
            images: data.images(),
            plugins: data.plugins(),
            overrides,
            whereabouts: Arc::clone(residents.whereabouts()),
            hampers: Arc::clone(residents.hampers()),
            manifest,
            state,
            changing,
        };
        let opened: Result<Vec<_>, _> =
            plugins.into_iter().map(|plugin| reloader.open(&reloader.manifest, plugin)).collect();
        let starting = opened?;
        starting.iter().for_each(|plugin| reloader.settle(&plugin.descriptor.id, &plugin.attach));
        Ok((reloader, starting))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plugins that the host cannot do without.
    pub(crate) fn required(&self) -> Vec<String> {
        let state = self.state();
        state.known.iter().filter(|known| known.required).map(|known| known.id().to_owned()).collect()
    }

    /// The plugin files that this process has opened.
    pub(crate) fn images(&self) -> Value {
        self.state().images.document()
    }

    /// Opens a plugin that was found.
    fn open(&self, manifest: &Manifest, plugin: Assembled) -> Result<PluginToStart, Refused> {
        let attach = plugin.attach();
        let Assembled { entry, descriptor, settings, grants, source } = plugin;
        let fault = |message: String, help: Option<&str>| {
            Faults::from(manifest.fault_at(&entry, "source", message, help.map(str::to_owned)))
        };
        let table = match source {
            Source::Linked(linked) => open_header(linked.header)
                .map_err(|error| fault(format!("plugin `{}` cannot be entered: {error}", entry.id), None))?,
            Source::File(file) => {
                let loaded = file.load(&entry.id, &self.images, opening(manifest, &self.overrides));
                let loaded = loaded.map_err(|error| fault(error.to_string(), error.help))?;
                if let Some(problem) = &loaded.unsealed {
                    tracing::warn!(
                        "plugin `{}` runs from a private copy, since there is no sealed memory for it: {problem}",
                        entry.id
                    );
                }
                self.state().images.opened(&entry.id, &loaded, file.bytes.len());
                loaded.table
            }
        };
        Ok(PluginToStart {
            table,
            settings: settings.expose().to_owned(),
            attach,
            data_folder: self.plugins.join(&entry.id).display().to_string(),
            start_deadline: Some(manifest.start_deadline(&entry)),
            faults: entry.faults,
            grants,
            descriptor,
        })
    }

    fn settle(&self, plugin: &str, attach: &Attach) {
        self.state().images.settle(plugin, *attach == Attach::Dylib);
    }

    /// Does what `request` says, one request after the other.
    ///
    /// # Errors
    /// Everything that is wrong with what is found now; then nothing has changed. Or why a plugin could not be replaced.
    pub(crate) async fn reload(self: &Arc<Self>, request: &ReloadRequest) -> Result<ReloadOutcome, Refused> {
        let _only = self.changing.lock().await;
        let (finding, wanted) = (Arc::clone(self), request.plugins.clone());
        // It reads and hashes files.
        let found = tokio::task::spawn_blocking(move || finding.find(&wanted)).await;
        let found = found.map_err(|error| Refused::Host(error.to_string()))??;
        let mut outcome = ReloadOutcome {
            difference: found.difference.clone(),
            taken_along: found.taken_along.clone(),
            notes: notes(&found),
            ..ReloadOutcome::default()
        };
        if request.dry_run || found.difference.is_empty() {
            return Ok(outcome);
        }
        let applied = self.apply(found, request, &mut outcome).await;
        self.whereabouts.follow();
        applied.map(|()| outcome)
    }

    fn find(&self, wanted: &[String]) -> Result<Found, Refused> {
        let known = self.state().known.clone();
        let manifest = self.manifest.again()?;
        if wanted.is_empty() {
            let assembly = self.assembly(manifest, None, &known)?;
            let now: Vec<Known> = assembly.plugins.iter().map(Known::of).collect();
            let mut difference = Difference::between(&known, &now);
            difference.note_host(&self.manifest.host, &assembly.manifest.host);
            return Ok(Found { assembly, difference, taken_along: Vec::new() });
        }
        let named: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
        let (assembly, taken_along) = match self.assembly(manifest.clone(), Some(&named), &known) {
            Ok(assembly) => (assembly, Vec::new()),
            Err(faults) => self.with_dependents(manifest, &named, &known, faults)?,
        };
        let now: Vec<Known> = assembly.plugins.iter().map(Known::of).collect();
        let mut difference = Difference::between(&known, &now);
        // Who is named is replaced, changed or not; who is not in this assembly stays.
        difference.removed.clear();
        for known in &now {
            let is_listed = difference.added.iter().any(|id| id == known.id())
                || difference.changed.iter().any(|(id, _)| id == known.id());
            if !is_listed {
                difference.changed.push((known.id().to_owned(), Vec::new()));
            }
        }
        Ok(Found { assembly, difference, taken_along })
    }

    fn assembly(
        &self,
        manifest: Manifest,
        only: Option<&BTreeSet<&str>>,
        known: &[Known],
    ) -> Result<Assembly, Faults> {
        let residents = self.kernel.residents();
        let assembly = match only {
            None => Assembly::of(manifest, &residents, &self.overrides)?,
            Some(only) => {
                let stay = known.iter().filter(|known| !only.contains(known.id()));
                let stay: Vec<Descriptor> = stay.map(|known| known.on_the_bus.clone()).collect();
                Assembly::of_some(manifest, only, &stay, &residents, &self.overrides)?
            }
        };
        if self.overrides.locked {
            Lock::check_some(&assembly.manifest, &assembly.plugins, only.is_none())?;
        }
        Ok(assembly)
    }

    /// A contract may have changed in such a way that its owner fits only to new builds of those who share it: those whose
    /// files have changed are taken along.
    fn with_dependents(
        &self,
        manifest: Manifest,
        named: &BTreeSet<&str>,
        known: &[Known],
        faults: Faults,
    ) -> Result<(Assembly, Vec<String>), Faults> {
        let Ok(all) = self.assembly(manifest.clone(), None, known) else { return Err(faults) };
        let now: Vec<Known> = all.plugins.iter().map(Known::of).collect();
        let changed: Vec<String> =
            Difference::between(known, &now).changed.into_iter().map(|(id, _)| id).collect();
        let along: Vec<String> = changed.into_iter().filter(|id| !named.contains(id.as_str())).collect();
        if along.is_empty() {
            return Err(faults);
        }
        let together = named.iter().copied().chain(along.iter().map(String::as_str)).collect();
        let assembly = self.assembly(manifest, Some(&together), known).map_err(|_| faults)?;
        Ok((assembly, along))
    }

    async fn apply(
        self: &Arc<Self>,
        found: Found,
        request: &ReloadRequest,
        outcome: &mut ReloadOutcome,
    ) -> Result<(), Refused> {
        let Found { assembly, difference, .. } = found;
        let Assembly { manifest, plugins, plan } = assembly;
        self.check_room(&manifest)?;
        let is_changed = |id: &str| difference.changed.iter().any(|(changed, _)| changed == id);
        let is_meant = |id: &str| is_changed(id) || difference.added.iter().any(|added| added == id);
        let meant: Vec<Assembled> = plugins.into_iter().filter(|plugin| is_meant(&plugin.entry.id)).collect();
        let known: Vec<Known> = meant.iter().map(Known::of).collect();
        if sabotaged("take-out-before-opening") {
            self.take_out(&difference.removed, outcome).await;
        }
        // All of them before anything is taken out, so that nothing has changed when one cannot be opened.
        let opened = self.open_all(&manifest, meant).await?;
        self.take_out(&difference.removed, outcome).await;
        let (changed, added): (Vec<_>, Vec<_>) =
            opened.into_iter().partition(|plugin| is_changed(&plugin.descriptor.id));
        let terms = request.drain.map_or_else(ReloadTerms::default, |drain| ReloadTerms { drain });
        let said = self.whereabouts.said();
        let hampered = self.hampers.said();
        // Before the new generation, which may say something while it starts.
        changed.iter().for_each(|plugin| self.hampers.forget(&plugin.descriptor.id));
        let reloaded = match self.kernel.reload(changed, &terms).await {
            Ok(report) => report.reloaded,
            Err(error) => {
                self.note(&error.before, &known);
                for (id, _) in &difference.changed {
                    self.take_back(id, &error, (&said, &hampered));
                }
                return Err(Refused::Host(error.to_string()));
            }
        };
        self.note(&reloaded, &known);
        outcome.reloaded = reloaded;
        if !added.is_empty() {
            let ids: Vec<String> = added.iter().map(|plugin| plugin.descriptor.id.clone()).collect();
            outcome.disabled = self.kernel.start(added, &plan).await.disabled;
            outcome.disabled.iter().for_each(|(id, _)| self.forget(id));
            ids.iter().for_each(|id| self.learn(id, &known));
        }
        Ok(())
    }

    /// Whether more images may be opened.
    fn check_room(&self, manifest: &Manifest) -> Result<(), Refused> {
        let most = manifest.host.retired_images;
        if self.state().images.left_over() < usize::try_from(most).unwrap_or(usize::MAX) {
            return Ok(());
        }
        let message = format!(
            "{most} images of earlier generations are in memory, which is as many as `host.retired_images` allows: nothing was changed"
        );
        Err(Faults::from(Fault {
            file: manifest.file().to_owned(),
            position: None,
            message,
            help: Some("restart the host, or allow more".to_owned()),
            explanation: None,
        })
        .into())
    }

    async fn open_all(
        self: &Arc<Self>,
        manifest: &Manifest,
        plugins: Vec<Assembled>,
    ) -> Result<Vec<PluginToStart>, Refused> {
        let (opening, manifest) = (Arc::clone(self), manifest.clone());
        // Opening runs the constructors of a file.
        let opened = tokio::task::spawn_blocking(move || {
            plugins.into_iter().map(|plugin| opening.open(&manifest, plugin)).collect()
        });
        opened.await.map_err(|error| Refused::Host(error.to_string()))?
    }

    async fn take_out(&self, removed: &[String], outcome: &mut ReloadOutcome) {
        for id in removed {
            if let Err(doing) = self.kernel.remove(id, REMOVE_LIMIT).await {
                outcome.notes.push(format!("plugin `{id}` was cut off: {doing}"));
            }
            self.settle(id, &Attach::Linked);
            self.forget(id);
            self.state().known.retain(|known| known.id() != id);
        }
    }

    /// Takes back what a plugin said of itself, unless it was replaced before `error`.
    fn take_back(&self, id: &str, error: &ReloadError, (said, hampered): (&[Said], &hampers::Said)) {
        if error.before.iter().any(|reloaded| reloaded.plugin == id) {
            return;
        }
        if error.plugin == id && !error.old_runs {
            return self.forget(id);
        }
        self.whereabouts.take_back(id, said);
        self.hampers.take_back(id, hampered);
    }

    /// Forgets what a plugin said of itself that does not run any more.
    fn forget(&self, id: &str) {
        self.whereabouts.take_back(id, &[]);
        self.hampers.forget(id);
    }

    fn note(&self, reloaded: &[Reloaded], known: &[Known]) {
        reloaded.iter().for_each(|reloaded| self.learn(&reloaded.plugin, known));
    }

    /// Notes that a plugin runs as it was found now.
    fn learn(&self, id: &str, found: &[Known]) {
        let Some(now) = found.iter().find(|known| known.id() == id) else { return };
        let mut state = self.state();
        state.known.retain(|known| known.id() != id);
        state.known.push(now.clone());
        state.images.settle(id, now.attach == Attach::Dylib);
    }
}

/// How long a plugin that is taken out may take to stop.
const REMOVE_LIMIT: Duration = Duration::from_secs(10);

fn notes(found: &Found) -> Vec<String> {
    let Found { assembly, difference, .. } = found;
    let mut notes = Vec::new();
    for (id, changes) in &difference.changed {
        let plugin = assembly.plugins.iter().find(|plugin| plugin.entry.id == *id);
        let is_linked = plugin.is_some_and(|plugin| plugin.attach() == Attach::Linked);
        if is_linked && changes.is_empty() {
            notes.push(format!(
                "plugin `{id}` is linked into the program: it is started again, but new code needs a new program"
            ));
        }
    }
    if !difference.host.is_empty() {
        let settings = difference.host.join("`, `host.");
        notes.push(format!("`host.{settings}` changed, which needs a restart of the host"));
    }
    notes
}
