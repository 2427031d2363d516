//! The command line.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | it did what was asked |
//! | 1 | it ran, and what was asked failed: a turn ended in an error, a host could not be asked, `doctor` found faults, a plugin had to be cut off while stopping, a host lost a required plugin or its data folder |
//! | 2 | it was refused before anything ran: wrong arguments, a faulty manifest, a required plugin that did not start, no data folder or one in use, a request that the host does not grant |
//! | 70 | the watchdog ended it: a handler kept a thread busy for too long |
//! | 130 | it was interrupted: `chat`, `attach` and `backup` at once, `up` a second time or before it was ready |
//!
//! Native code that crashes ends it by its signal, after one line that names the plugin: see [`crate::crash`].

mod built_in;
mod named;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use transom_plugin_api::abi::guard::install_panic_hook;
use transom_plugin_api::sabotage::sabotaged;

use crate::command::conversation::{attach, delete, fork, list, queue, read, send, show, state, told, word};
use crate::command::{
    backup, brought, chat, check, dev, doctor, explain, graph, inspect, lock, log, models, new, plugins,
    reload, status, up, workspaces,
};
use crate::crash::tell_crashes;
use crate::data::default_folder;
use crate::manifest::{Fault, Faults, Manifest};
use crate::running::Refused;
use crate::terminal::{complain, lost_output};

pub(crate) use built_in::built_in;
use named::{Named, in_environment, unnamed};

/// The manifest that is looked for in the folder where the program is started.
const FOUND: &str = "transom.toml";

/// It did what was asked.
pub(crate) const DONE: u8 = 0;
/// It ran, and what was asked failed.
pub(crate) const FAILED: u8 = 1;
/// It was refused before anything ran.
pub(crate) const REFUSED: u8 = 2;
/// The watchdog ended it; the number is `EX_SOFTWARE` of sysexits.
pub(crate) const STUCK: u8 = 70;
/// It was interrupted.
pub(crate) const INTERRUPTED: u8 = 130;

/// A host for plugins, and an agent runtime made of them.
#[derive(Parser)]
#[command(name = "transom", version, propagate_version = true)]
#[command(
    after_help = "Without a command it is `transom up`. Plugins of a running host may bring further commands: `transom commands`.\n\nExample:\n  transom up\n  transom chat \"hello\""
)]
struct CommandLine {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Clone, Default)]
pub(crate) struct Common {
    /// The manifest [default: $TRANSOM_MANIFEST, else transom.toml in this folder if it was named before, else the built-in one]
    #[arg(long, global = true, value_name = "PATH")]
    manifest: Option<PathBuf>,
    /// The data folder [default: the manifest's, else $XDG_DATA_HOME/transom]
    #[arg(long, global = true, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the host
    Up(up::Arguments),
    /// Find everything that can be known to be wrong without running a plugin
    Check(check::Arguments),
    /// Pin every plugin of the manifest, its file by SHA-256, for `up --locked`
    #[command(after_help = "Example:\n  transom lock --manifest team.toml")]
    Lock,
    /// Tell everything about contracts that `check` finds not to fit
    #[command(after_help = "Example:\n  transom explain --manifest team.toml")]
    Explain,
    /// Show who provides and who uses which point, and in which order
    Graph(graph::Arguments),
    /// Show what a plugin file says of itself, without running it
    Inspect(inspect::Arguments),
    /// Show how the running host is: plugins, faults, traffic, what runs now
    #[command(after_help = "Example:\n  transom status --json")]
    Status,
    /// Take a plugin's handlers off the bus of the running host
    Quarantine(status::Quarantine),
    /// Put the handlers of a quarantined plugin back on the bus
    #[command(after_help = "Example:\n  transom release skills")]
    Release(status::OnePlugin),
    /// Bring the running host to what its manifest and plugin files say now, while it serves
    Reload(reload::Arguments),
    /// Build a plugin, run it, and reload it whenever its sources or the manifest change
    Dev(dev::Arguments),
    /// Show or set who logs at which level in the running host
    Log(log::Arguments),
    /// List the plugins: of the running host, else of the manifest
    #[command(after_help = "Example:\n  transom plugins --json")]
    Plugins,
    /// Send a message to the running host, or to one of its own when none runs
    Chat(chat::Arguments),
    /// List the models that can be asked
    #[command(after_help = "Example:\n  transom models --json")]
    Models,
    /// List conversations, those that are active or idle
    List(list::Arguments),
    /// Show a conversation: its settings, its turns, its last words
    Show(show::Arguments),
    /// Print the last answer of a conversation; a turn that runs is waited for, up to a minute
    Read(read::Arguments),
    /// Show what happens in a conversation, from the beginning of the turn that runs, until Ctrl-C
    Attach(attach::Arguments),
    /// Send a message to a conversation, and do not wait for the answer
    Send(send::Arguments),
    /// List the messages that wait for a conversation, or take one out
    Queue(queue::Arguments),
    /// Have a conversation shown wherever conversations are shown
    #[command(after_help = "Example:\n  transom open 1e1d")]
    Open(state::Arguments),
    /// Stop the turn of a conversation; what was said so far is kept
    #[command(after_help = "Example:\n  transom stop 1e1d")]
    Stop(state::Arguments),
    /// Put a conversation away until somebody sends it a message; its turn is stopped
    #[command(after_help = "Example:\n  transom close 1e1d")]
    Close(state::Arguments),
    /// Delete a conversation, after asking
    Delete(delete::Arguments),
    /// Copy a conversation up to the end of a turn
    Fork(fork::Arguments),
    /// List the workspaces: groups of conversations
    #[command(after_help = "Example:\n  transom workspaces")]
    Workspaces,
    /// Copy all conversations into a file, while the host runs or while it does not
    Backup(backup::Arguments),
    /// Examine all conversations: is each log whole, and does what is known follow from it?
    #[command(after_help = "Examples:\n  transom doctor\n  transom doctor --json")]
    Doctor,
    /// List the commands that plugins of the running host bring
    #[command(after_help = "Example:\n  transom commands")]
    Commands,
    /// Make something new: a plugin
    New(new::Arguments),
    #[command(external_subcommand)]
    Brought(Vec<String>),
}

/// Runs the program and says how it ended. `bundled` are the ids of the plugins that this binary names in its list;
/// one that the linker dropped is reported instead of missed.
#[must_use]
pub fn main(bundled: &[&str]) -> ExitCode {
    let line = CommandLine::parse();
    if let Err(problem) = self_test(bundled) {
        complain(&format!("error: {problem}"));
        return ExitCode::from(REFUSED);
    }
    transom_loader::return_large_memory();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("error: no threads could be made: {error}"));
            return ExitCode::from(REFUSED);
        }
    };
    tell_crashes();
    install_panic_hook(transom_kernel::is_dispatching, |message| complain(&format!("error: {message}")));
    let common = line.common;
    let code = runtime.block_on(async {
        survive_limits();
        match line.command.unwrap_or_else(|| Command::Up(up::Arguments::default())) {
            Command::Up(arguments) => up::run(&common, arguments).await,
            Command::Check(arguments) => check::run(&common, &arguments).await,
            Command::Lock => lock::run(&common).await,
            Command::Explain => explain::run(&common).await,
            Command::Graph(arguments) => graph::run(&common, &arguments).await,
            Command::Inspect(arguments) => inspect::run(&common, &arguments),
            Command::Status => status::status(&common),
            Command::Quarantine(arguments) => status::quarantine(&common, &arguments),
            Command::Release(one) => status::release(&common, &one),
            Command::Reload(arguments) => reload::run(&common, &arguments),
            Command::Dev(arguments) => dev::run(&common, &arguments).await,
            Command::Log(arguments) => log::run(&common, &arguments),
            Command::Plugins => plugins::run(&common).await,
            Command::Chat(arguments) => chat::run(&common, arguments).await,
            Command::Models => told(&common, models::run(&common).await),
            Command::List(arguments) => told(&common, list::run(&common, &arguments).await),
            Command::Show(arguments) => told(&common, show::run(&common, &arguments).await),
            Command::Read(arguments) => told(&common, read::run(&common, &arguments).await),
            Command::Attach(arguments) => told(&common, attach::run(&common, &arguments).await),
            Command::Send(arguments) => told(&common, send::run(&common, &arguments).await),
            Command::Queue(arguments) => told(&common, queue::run(&common, &arguments).await),
            Command::Open(one) => told(&common, state::run(&common, &one, state::Deed::Open).await),
            Command::Stop(one) => told(&common, state::run(&common, &one, state::Deed::Stop).await),
            Command::Close(one) => told(&common, state::run(&common, &one, state::Deed::Close).await),
            Command::Delete(arguments) => told(&common, delete::run(&common, &arguments).await),
            Command::Fork(arguments) => told(&common, fork::run(&common, &arguments).await),
            Command::Workspaces => told(&common, workspaces::run(&common).await),
            Command::Backup(arguments) => told(&common, backup::run(&common, &arguments).await),
            Command::Doctor => told(&common, doctor::run(&common).await),
            Command::Commands => brought::list_all(&common),
            Command::New(arguments) => new::run(&common, arguments),
            Command::Brought(words) => brought::run::<CommandLine>(&common, words),
        }
    });
    crate::log::finish();
    let code = if code == DONE && lost_output() { FAILED } else { code };
    // A plugin's thread that was left behind must not hold up the end; whatever mattered has been stopped by now.
    std::process::exit(i32::from(code))
}

/// Has a write beyond the limit on the size of files fail, instead of ending the process: who wrote is told, and goes on.
fn survive_limits() {
    if sabotaged("die-of-a-limit") {
        return;
    }
    // Who has once listened for a signal is not ended by it any more; nobody has to be told of this one.
    if let Err(error) = signal(SignalKind::from_raw(libc::SIGXFSZ)) {
        complain(&format!("a write beyond the limit on the size of files will end this process: {error}"));
    }
}

/// Compares the plugins named in the binary's list with those that are inside.
fn self_test(bundled: &[&str]) -> Result<(), String> {
    let inside = transom_loader::linked()
        .map_err(|flaw| format!("a plugin inside this program is damaged: {flaw}"))?;
    let missing = bundled.iter().filter(|id| !inside.iter().any(|linked| linked.descriptor.id == **id));
    let missing: Vec<String> = missing.map(|id| format!("`{id}`")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "plugins that should be inside this program are not: {}\n  help: name each crate in host/src/plugins.rs (`use … as _;`)",
        missing.join(", ")
    ))
}

impl Common {
    /// The manifest that was named, or the one in this folder, or the built-in one. It may have faults.
    ///
    /// # Errors
    /// Also when the one in this folder was not named before as it is now.
    pub(crate) fn manifest(&self) -> Result<Manifest, Faults> {
        self.manifest_if(
            |path, text| {
                remember(path, text);
                Ok(())
            },
            |text| unnamed(Path::new(FOUND), text),
        )
    }

    /// The same for who only reads it, and runs nothing of it.
    pub(crate) fn manifest_to_read(&self) -> Result<Manifest, Faults> {
        self.manifest_if(|_, _| Ok(()), |_| Ok(()))
    }

    fn manifest_if(
        &self,
        named: impl FnOnce(&Path, &str) -> Result<(), Fault>,
        found: impl FnOnce(&str) -> Result<(), Fault>,
    ) -> Result<Manifest, Faults> {
        if let Some(path) = &self.manifest {
            let read = Manifest::salvage_if(path, |text| named(path, text));
            return read.map_err(|faults| explain_missing(faults, path));
        }
        if let Some(path) = in_environment()? {
            return Manifest::salvage(&path);
        }
        let here = Path::new(FOUND);
        if here.exists() { Manifest::salvage_if(here, found) } else { built_in() }
    }

    /// Whether a manifest was named.
    pub(crate) const fn manifest_was_named(&self) -> bool {
        self.manifest.is_some()
    }

    /// The data folder: `--data`, else the manifest's, else the user's.
    ///
    /// # Errors
    /// When nobody names one, and the environment has no place for it.
    pub(crate) fn data_folder(&self, manifest: &Manifest) -> Result<PathBuf, Refused> {
        match self.data.as_ref().or(manifest.host.data.as_ref()) {
            Some(named) => Ok(named.clone()),
            None => user_s_folder(),
        }
    }

    /// The same with the options among the words of a command that a plugin brings, and the other words.
    ///
    /// # Errors
    /// When an option lacks its value.
    pub(crate) fn with_options_among(
        &self,
        words: impl IntoIterator<Item = String>,
    ) -> Result<(Self, Vec<String>), String> {
        let (mut common, mut others) = (self.clone(), Vec::new());
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let place = match name {
                "--" => {
                    others.push(word);
                    others.extend(words.by_ref());
                    break;
                }
                "--json" if value.is_none() => {
                    common.json = true;
                    continue;
                }
                "--data" => &mut common.data,
                "--manifest" => &mut common.manifest,
                _ => {
                    others.push(word);
                    continue;
                }
            };
            let value = value.or_else(|| words.next());
            *place = Some(value.ok_or_else(|| format!("`{name}` lacks its value, a path"))?.into());
        }
        Ok((common, others))
    }

    /// A command line for the same host, made of these words.
    pub(crate) fn again(&self, words: &str) -> String {
        let options = [("--manifest", &self.manifest), ("--data", &self.data)];
        let options = options.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?)));
        let option =
            |(name, path): (&str, &PathBuf)| format!(" {name} {}", word(&path.display().to_string()));
        format!("transom {words}{}", options.map(option).collect::<String>())
    }

    /// The data folder of a host that may run already.
    ///
    /// # Errors
    /// When a manifest that was named, or found, does not tell: the host of another folder is not the one that is meant.
    pub(crate) fn data_folder_of_host(&self) -> Result<PathBuf, Refused> {
        if let Some(data) = &self.data {
            return Ok(data.clone());
        }
        let manifest = self.manifest();
        let faults = match &manifest {
            Ok(manifest) => manifest.own_faults(),
            Err(faults) => Some(faults.clone()),
        };
        match faults.filter(|_| !sabotaged("guess-the-data-folder")) {
            Some(faults) => Err(faults.into()),
            None => manifest.map_or_else(|_| user_s_folder(), |manifest| self.data_folder(&manifest)),
        }
    }
}

/// A manifest that was named may be found from now on.
fn remember(path: &Path, text: &str) {
    if let Some(Err(error)) = Named::of_user().map(|named| named.remember(path, text)) {
        complain(&format!("`{}` has to be named again the next time: {error}", path.display()));
    }
}

fn user_s_folder() -> Result<PathBuf, Refused> {
    default_folder().map_err(|none| Refused::Host(none.to_string()))
}

fn explain_missing(faults: Faults, path: &Path) -> Faults {
    if path.exists() {
        return faults;
    }
    let add_help = |fault: &Fault| Fault {
        help: Some(
            "correct the path after `--manifest`, or leave it out to run the built-in default".to_owned(),
        ),
        ..fault.clone()
    };
    Faults::of(faults.as_slice().iter().map(add_help).collect()).unwrap_or(faults)
}
