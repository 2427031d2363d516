//! [`Stage`]: a folder with a manifest, a file to work on and a data folder, and the program that runs in it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use crate::acts::hook;
use crate::lookout;
use crate::options::Options;
use crate::shore::{MODEL, PROVIDER, Shore};

/// Each bundled plugin, what it is granted, and its settings. What stands in braces is filled in.
const BUNDLED: [(&str, &str, &str); 24] = [
    ("cache-explainer", "", ""),
    ("cache-warming", "", ""),
    ("compaction", "", ""),
    ("concurrency", "", ""),
    ("conversation-store", "", ""),
    ("credentials", "", ""),
    ("hook-commands", "fs process", "file = \"~/hooks.json\""),
    ("mcp", "fs net process", "servers.lookout.command = {lookout}"),
    ("message-queue", "", ""),
    ("model-catalogue", "", ""),
    ("permissions", "fs", "allow = [\"lookout__*\", \"run_shell(sh paint.sh *)\", \"write_file(noon.txt)\"]"),
    ("provider-anthropic", "net", "list_models = false"),
    ("provider-openai", "net", "list_models = false\n{shore}"),
    ("provider-scripted", "", "pace_ms = 2"),
    ("session-orchestrator", "", ""),
    ("skills", "fs", ""),
    ("surface-registry", "", ""),
    ("system-prompt", "fs process", ""),
    ("todo", "", ""),
    ("tool-shell", "fs process", ""),
    ("tools-fs", "fs", "write = true"),
    ("transport-http", "net", ""),
    ("transport-ws", "net", ""),
    ("trust", "fs", ""),
];

/// The plugin of this example.
pub(crate) const FOREMAN: &str = "foreman";

/// Panics that quarantine it.
pub(crate) const PANICS: u64 = 3;

/// Variables that would lead the host elsewhere than into the folder.
const FOREIGN: [&str; 8] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_MODEL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "TRANSOM_TOKEN",
    "XDG_DATA_HOME",
];

/// Where the night happens.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: TempDir,
    program: PathBuf,
    /// A model outside of it.
    pub(crate) shore: Shore,
}

impl Stage {
    /// Finds the program and the plugins, and makes the folder.
    ///
    /// # Errors
    /// When one of them is missing, with the command that builds it.
    pub(crate) fn set(options: &Options) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| format!("this program has no place: {error}"))?;
        let beside = own.parent().unwrap_or(Path::new("."));
        let program = present(options.program.clone().unwrap_or_else(|| beside.join("transom")))?;
        let plugins = options.plugins.clone().unwrap_or_else(|| beside.to_owned());
        let folder = tempfile::Builder::new().prefix("night-shift-").disable_cleanup(options.keep).tempdir();
        let folder = folder.map_err(|error| format!("no folder for the night: {error}"))?;
        let shore = Shore::open().map_err(|error| format!("no port for a model: {error}"))?;
        let stage = Self { folder, program, shore };
        let manifest = stage.filled(&manifest(&plugins)?, &own);
        stage.furnish(&manifest).map_err(|error| format!("the folder of the night: {error}"))?;
        Ok(stage)
    }

    /// The manifest with what only this night knows.
    fn filled(&self, manifest: &str, own: &Path) -> String {
        let lookout = format!("{:?}", lookout::command(own, self.path()));
        let shore =
            format!("name = \"{PROVIDER}\"\nmodel = \"{MODEL}\"\nbase_url = \"{}\"", self.shore.base_url());
        manifest.replace("{lookout}", &lookout).replace("{shore}", &shore)
    }

    fn furnish(&self, manifest: &str) -> std::io::Result<()> {
        for name in ["home", "work"] {
            std::fs::create_dir(self.path().join(name))?;
        }
        std::fs::write(self.work().join("chart.txt"), "here be dragons\n".repeat(20))?;
        std::fs::write(self.path().join("home").join("hooks.json"), hook::file().to_string())?;
        std::fs::write(self.work().join("transom.toml"), manifest)
    }

    /// The program with these arguments, in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--data").arg(self.path().join("data")).current_dir(self.work());
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .env("HOME", self.path().join("home"))
            .env("TRANSOM_MANIFEST", self.work().join("transom.toml"))
            .kill_on_drop(true);
        command
    }

    /// The host.
    pub(crate) fn host(&self) -> Command {
        self.command(&["up", "--listen", "127.0.0.1:0", "--json"])
    }

    /// Ids of the plugins that are reloaded: all of them.
    pub(crate) fn plugins() -> impl Iterator<Item = &'static str> {
        BUNDLED.into_iter().map(|(id, ..)| id).chain([FOREMAN])
    }

    /// Where the host's standard error is kept.
    pub(crate) fn host_log(&self) -> PathBuf {
        self.path().join("host.log")
    }

    /// The whole folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where turns work, the root of all of them.
    pub(crate) fn work(&self) -> PathBuf {
        self.path().join("work")
    }
}

fn manifest(plugins: &Path) -> Result<String, String> {
    let mut text = "[host]\nroots = [\".\"]\n".to_owned();
    for (id, granted, settings) in BUNDLED {
        table(&mut text, plugins, id)?;
        if !granted.is_empty() {
            let granted: Vec<String> = granted.split(' ').map(|one| format!("\"{one}\"")).collect();
            let _ = writeln!(text, "capabilities = [{}]", granted.join(", "));
        }
        let _ = write!(text, "[plugin.settings]\n{settings}\n");
    }
    table(&mut text, plugins, FOREMAN)?;
    let _ = writeln!(text, "faults = {{ limit = {PANICS}, within_s = 60 }}");
    Ok(text)
}

fn table(text: &mut String, plugins: &Path, id: &str) -> Result<(), String> {
    let file = present(plugins.join(format!("libtransom_{}.so", id.replace('-', "_"))))?;
    let _ = write!(text, "\n[[plugin]]\nid = \"{id}\"\nsource = \"{}\"\n", file.display());
    Ok(())
}

fn present(path: PathBuf) -> Result<PathBuf, String> {
    let path = std::path::absolute(&path).unwrap_or(path);
    if path.is_file() {
        return Ok(path);
    }
    let kind = if path.to_string_lossy().contains("/release/") { " --release" } else { "" };
    Err(format!("`{}` is missing\n  help: build it by `cargo build{kind}`", path.display()))
}
