//! A [`Scene`]: a folder with a manifest, files to work on and a data folder, in which hosts can be started.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::process::Command;

use super::dylib;
use super::process::{Host, Outcome};

/// Where the plugins of a manifest come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// All of them are inside the program.
    Linked,
    /// All of them come from files, into the program that has none inside.
    Dylib,
    /// Some come from files although the program has all of them inside.
    Mixed,
}

impl Manner {
    /// The program as cargo built it for this test; the one without plugins may be another one, which
    /// `TRANSOM_TEST_HOST` names (see `tests/layouts`).
    pub(crate) fn program(self) -> OsString {
        match self {
            Self::Linked | Self::Mixed => env!("CARGO_BIN_EXE_transom").into(),
            Self::Dylib => std::env::var_os("TRANSOM_TEST_HOST")
                .unwrap_or_else(|| env!("CARGO_BIN_EXE_transom-bare").into()),
        }
    }

    /// How `plugin` is attached, in the word of `GET /plugins`.
    pub(crate) fn attach(self, plugin: &str) -> &'static str {
        let from_file = match self {
            // No program has it inside.
            _ if plugin == "word-count" => true,
            Self::Linked => false,
            Self::Dylib => true,
            Self::Mixed => ["provider-scripted", "session-orchestrator", "tools-fs"].contains(&plugin),
        };
        if from_file { "dylib" } else { "linked" }
    }
}

/// Variables that do reach the host: the break that a sabotaged build is to commit, and how its memory is checked.
const PASSED_ON: [&str; 3] = ["TRANSOM_SABOTAGE", "LD_PRELOAD", "GLIBC_TUNABLES"];

/// The plugins of every scene, with settings that make a turn as fast as it can be.
const PLUGINS: [(&str, &str); 8] = [
    ("conversation-store", ""),
    ("message-queue", ""),
    ("provider-scripted", "pace_ms = 0"),
    ("session-orchestrator", ""),
    ("skills", ""),
    ("tools-fs", ""),
    ("transport-http", ""),
    ("transport-ws", ""),
];

/// What a bundled plugin has to be granted when it comes from a file.
pub(crate) fn granted(plugin: &str) -> &'static str {
    match plugin {
        "provider-anthropic" | "provider-openai" | "transport-http" | "transport-ws" => {
            "capabilities = [\"net\"]\n"
        }
        "mcp" => "capabilities = [\"fs\", \"net\", \"process\"]\n",
        "permissions" | "skills" | "tools-fs" | "trust" => "capabilities = [\"fs\"]\n",
        "hook-commands" | "system-prompt" | "tool-shell" => "capabilities = [\"fs\", \"process\"]\n",
        _ => "",
    }
}

/// A folder in which hosts can be started, one after the other or side by side.
pub(crate) struct Scene {
    manner: Manner,
    folder: TempDir,
    host: String,
    plugins: BTreeMap<&'static str, String>,
    variables: Vec<(&'static str, String)>,
    tables: String,
    /// What the program is started by, where that is not the test itself.
    starter: Vec<OsString>,
}

impl Scene {
    pub(crate) fn new(manner: Manner) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        for name in ["home", "work"] {
            std::fs::create_dir(folder.path().join(name)).expect("a new folder");
        }
        let plugins = PLUGINS.map(|(id, settings)| (id, settings.to_owned()));
        Self {
            manner,
            folder,
            host: String::new(),
            plugins: plugins.into(),
            variables: Vec::new(),
            tables: String::new(),
            starter: Vec::new(),
        }
    }

    /// Adds a plugin, or gives one other settings, in the words of the manifest.
    pub(crate) fn with(mut self, plugin: &'static str, settings: &str) -> Self {
        self.plugins.insert(plugin, settings.to_owned());
        self
    }

    /// Says what stands in the manifest's table `host`.
    pub(crate) fn with_host(mut self, settings: &str) -> Self {
        self.host = settings.to_owned();
        self
    }

    /// Adds tables to the manifest, word for word.
    pub(crate) fn with_tables(mut self, tables: &str) -> Self {
        self.tables = tables.to_owned();
        self
    }

    /// Has the program started by another one, which is followed by its own command line.
    pub(crate) fn behind(mut self, starter: &[&str]) -> Self {
        self.starter = starter.iter().map(OsString::from).collect();
        self
    }

    /// Sets a variable of the host's environment, which is empty otherwise.
    pub(crate) fn with_variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Writes a file for the turns to work on.
    pub(crate) fn file(&self, path: &str, content: &str) -> PathBuf {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().expect("it lies in the working folder")).expect("a folder");
        std::fs::write(&path, content).expect("a file that can be written");
        path
    }

    /// The folder the host is started in: the root of its turns, with the manifest in it.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The home of who runs the host.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Ids of the plugins in the manifest.
    pub(crate) fn plugins(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.plugins.keys().copied()
    }

    /// The program, in the working folder with the manifest in it, on the data folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        std::fs::write(self.work().join("transom.toml"), self.manifest()).expect("a manifest");
        let mut command = self.bare_command(arguments);
        command.arg("--data").arg(self.data());
        command
    }

    /// The program in the working folder, without manifest and data folder.
    pub(crate) fn bare_command(&self, arguments: &[&str]) -> Command {
        let mut words = self.starter.iter().cloned().chain([self.manner.program()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).args(arguments).current_dir(self.work());
        // What the person who runs the tests has in the environment must not reach the host: keys, skills, proxies.
        command.env_clear().env("HOME", self.home()).envs(self.variables.iter().cloned());
        self.name_the_manifest();
        let is_for_hosts = |name: &OsStr| PASSED_ON.iter().any(|wanted| name == *wanted);
        command.envs(std::env::vars_os().filter(|(name, _)| is_for_hosts(name)));
        command
    }

    /// As a person does who has written it: what lies in the folder is one that was named before, as it is now.
    fn name_the_manifest(&self) {
        let manifest = self.work().join("transom.toml");
        let (Ok(path), Ok(text)) = (manifest.canonicalize(), std::fs::read(&manifest)) else { return };
        let list = self.home().join(".local/state/transom");
        std::fs::create_dir_all(&list).expect("a folder");
        let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(list.join("manifests"), format!("{digest}  {}\n", path.display())).expect("a list");
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.command(arguments)).await
    }

    /// Starts a host on a port of its own and waits until it is ready.
    pub(crate) async fn start(&self) -> Host {
        Host::start(self.command(&["up", "--listen", "127.0.0.1:0", "--json"])).await
    }

    /// What the host that runs here tells of itself.
    pub(crate) async fn status(&self) -> Value {
        let outcome = self.run(&["status", "--json"]).await;
        assert_eq!((outcome.code, outcome.errors.as_str()), (Some(0), ""), "{outcome:?}");
        serde_json::from_str(&outcome.output).unwrap_or_else(|_| panic!("not JSON: {outcome:?}"))
    }

    /// Has all conversations examined, with the host that runs here or without one.
    pub(crate) async fn assert_well(&self) {
        let told = self.run(&["doctor"]).await;
        assert!(told.code == Some(0) && told.output.ends_with(", no faults\n"), "{told:?}");
    }

    fn manifest(&self) -> String {
        let mut text = format!("[host]\n{}\n", self.host);
        for (id, settings) in &self.plugins {
            write!(text, "\n[[plugin]]\nid = \"{id}\"\n").expect("a string takes everything");
            if self.manner.attach(id) == "dylib" {
                writeln!(text, "source = \"{}\"", dylib(id).display()).expect("a string takes everything");
                text += granted(id);
            }
            write!(text, "[plugin.settings]\n{settings}\n").expect("a string takes everything");
        }
        text + "\n" + &self.tables
    }
}
