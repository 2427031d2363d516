//! `transom dev`: builds a plugin, runs a host with it, and reloads it whenever its sources change; and whatever is different
//! when the manifest does.

mod build;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::process::{Pid, Signal as Kill, kill_process};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use transom_loader::PluginFile;
use transom_plugin_api::sabotage::sabotaged;

use self::build::{Built, Watched, build};
use super::refuse;
use super::reload::{is_nothing, tell};
use crate::control::{Question, ask};
use crate::data::running_host;
use crate::manifest::{Fault, Faults, Manifest};
use crate::program::{Common, FAILED, INTERRUPTED};
use crate::running::Refused;
use crate::terminal::{complain, note, print};

/// How often it looks whether a source has changed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a host may take to start.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Build a plugin, run it, and reload it whenever its sources or the manifest change
#[derive(Args)]
#[command(after_help = "Example:\n  transom dev --path plugins/parrot\n\n\
                  The manifest must list the plugin with the file that cargo builds as its `source`.")]
pub(crate) struct Arguments {
    /// The plugin's crate [default: this folder]
    #[arg(long, value_name = "FOLDER", default_value = ".", hide_default_value = true)]
    path: PathBuf,
    /// Build with optimisation
    #[arg(long)]
    release: bool,
    /// Where to listen, in place of the manifest's
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> u8 {
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate)] = signals else {
        complain("error: signals cannot be heard");
        return FAILED;
    };
    let mut host = None;
    tokio::select! {
        code = develop(common, arguments, &mut host) => return code,
        () = either(&mut interrupt, &mut terminate) => {}
    }
    if let Some(host) = host {
        stop(host, &mut interrupt, &mut terminate).await;
    }
    INTERRUPTED
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Stops the host, which says itself how that goes; at once when it is asked for again.
async fn stop(mut host: Child, interrupt: &mut Signal, terminate: &mut Signal) {
    let id = host.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    loop {
        if let Some(id) = id {
            // It may have ended by itself.
            let _ = kill_process(id, Kill::TERM);
        }
        tokio::select! {
            _ = host.wait() => return,
            () = either(interrupt, terminate) => {}
        }
    }
}

async fn develop(common: &Common, arguments: &Arguments, host: &mut Option<Child>) -> u8 {
    let mut workshop = match Workshop::open(common, arguments, host).await {
        Ok(workshop) => workshop,
        Err(refused) => return refuse(&refused, common.json),
    };
    loop {
        tokio::select! {
            code = workshop.host_ended() => return code,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if workshop.built.has_changed() {
            workshop.rebuild().await;
        }
        if workshop.manifest.has_changed() && !sabotaged("overlook-the-manifest") {
            workshop.follow_manifest();
        }
    }
}

/// What is being developed, and the host that runs it.
struct Workshop<'a> {
    common: Common,
    folder: PathBuf,
    release: bool,
    built: Built,
    /// The manifest's file.
    manifest: Watched,
    plugins: Vec<String>,
    data: PathBuf,
    /// The host, when it was started here.
    host: &'a mut Option<Child>,
}

impl<'a> Workshop<'a> {
    async fn open(
        common: &Common,
        arguments: &Arguments,
        host: &'a mut Option<Child>,
    ) -> Result<Self, Refused> {
        let folder = std::path::absolute(&arguments.path).unwrap_or_else(|_| arguments.path.clone());
        let built = build(&folder, arguments.release).await.map_err(Refused::Host)?;
        let plugins = plugins_in(&built.library)?;
        let manifest = manifest_of(common, &folder)?;
        // Before the host reads it, so that what is saved meanwhile is seen.
        let watched =
            Watched::now(std::path::absolute(manifest.file()).unwrap_or_else(|_| manifest.file().into()));
        listed(&manifest, &plugins, &built.library)?;
        let data = common.data_folder(&manifest)?;
        let (common, release) = (common.clone(), arguments.release);
        let mut workshop = Self { common, release, built, manifest: watched, plugins, host, data, folder };
        if running_host(&workshop.data).is_some() {
            note("a host runs here already: its plugin is reloaded");
            workshop.reload();
        } else {
            workshop.start(manifest.file(), arguments.listen.as_deref()).await?;
        }
        Ok(workshop)
    }

    async fn start(&mut self, manifest: &str, listen: Option<&str>) -> Result<(), Refused> {
        let failed = |problem: String| Refused::Host(format!("the host cannot be started: {problem}"));
        let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(program);
        command.args(["up", "--manifest", manifest, "--data"]).arg(&self.data);
        if let Some(listen) = listen {
            command.args(["--listen", listen]);
        }
        if self.common.json {
            command.arg("--json");
        }
        // Of a group of its own, so that a terminal leaves it to this process to stop it.
        command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        let mut host = command.spawn().map_err(|error| failed(error.to_string()))?;
        let began = Instant::now();
        while ask(&self.data, &Question::Status).is_err() {
            if let Ok(Some(ended)) = host.try_wait() {
                return Err(failed(format!("it ended with {ended}")));
            }
            if began.elapsed() > START_LIMIT {
                return Err(failed(format!("it was not there after {} s", START_LIMIT.as_secs())));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        *self.host = Some(host);
        note(&format!("watching {} files and the manifest; save one to reload", self.built.sources()));
        Ok(())
    }

    /// Ends when the host does.
    async fn host_ended(&mut self) -> u8 {
        match self.host.as_mut() {
            Some(host) => match host.wait().await {
                Ok(ended) => ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED),
                Err(error) => {
                    complain(&format!("error: the host cannot be waited for: {error}"));
                    FAILED
                }
            },
            None => std::future::pending().await,
        }
    }

    async fn rebuild(&mut self) {
        match build(&self.folder, self.release).await {
            Ok(built) => {
                self.built = built;
                self.reload();
            }
            Err(problem) => {
                self.built.seen();
                complain(&format!("{problem}; what ran goes on"));
            }
        }
    }

    fn reload(&self) {
        if let Some(answer) = self.asked(self.plugins.clone(), false) {
            tell(&self.common, &answer, false);
        }
    }

    /// Shows what is different by the manifest, and does it.
    fn follow_manifest(&self) {
        let Some(planned) = self.asked(Vec::new(), true) else { return };
        tell(&self.common, &planned, true);
        if is_nothing(&planned) {
            return;
        }
        if let Some(answer) = self.asked(Vec::new(), false) {
            tell(&self.common, &answer, false);
        }
    }

    /// What the host says to a reload; a refusal is told.
    fn asked(&self, plugins: Vec<String>, dry_run: bool) -> Option<Value> {
        match ask(&self.data, &Question::Reload { plugins, drain_ms: None, dry_run }) {
            Ok(answer) => return Some(answer),
            Err(unanswered) if self.common.json => {
                print(&format!("{}\n", json!({ "error": unanswered.message })));
            }
            Err(unanswered) => complain(&format!("error: {}", unanswered.message)),
        }
        None
    }
}

/// The manifest that was named, else the one beside the crate.
fn manifest_of(common: &Common, folder: &Path) -> Result<Manifest, Faults> {
    let beside = folder.join("transom.toml");
    let is_named = common.manifest_was_named();
    let manifest =
        if is_named || !beside.exists() { common.manifest()? } else { Manifest::salvage(&beside)? };
    Faults::of(manifest.faults().to_vec()).map_or(Ok(manifest), Err)
}

/// The ids of the plugins in a library.
fn plugins_in(library: &Path) -> Result<Vec<String>, Refused> {
    let file = PluginFile::read(library).map_err(|error| {
        Refused::Host(format!("what cargo built is no plugin: {error}\n  help: {}", error.flaw.help()))
    })?;
    Ok(file.contents.descriptors.iter().map(|plugin| plugin.id.clone()).collect())
}

/// Whether the manifest runs the plugins from that library.
fn listed(manifest: &Manifest, plugins: &[String], library: &Path) -> Result<(), Faults> {
    let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let faults = plugins.iter().filter_map(|id| {
        let entry = manifest.plugins.iter().find(|entry| entry.id == *id);
        let table = format!("[[plugin]]\nid = \"{id}\"\nsource = \"{}\"", library.display());
        match entry {
            None => Some(Fault {
                file: manifest.file().to_owned(),
                position: None,
                message: format!("plugin `{id}` is not in the manifest"),
                help: Some(format!("add it:\n{table}")),
                explanation: None,
            }),
            Some(entry) if entry.source.as_deref().map(resolved) != Some(resolved(library)) => {
                let message = format!("plugin `{id}` is not the one that is built here");
                let help = format!("write `source = \"{}\"`", library.display());
                Some(manifest.fault_at(entry, "source", message, Some(help)))
            }
            Some(_) => None,
        }
    });
    Faults::of(faults.collect()).map_or(Ok(()), Err)
}
