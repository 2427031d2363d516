//! The program as an operator runs it, with its data in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::provider::Provider;

/// How long it may take to speak WebSocket.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bundled plugins that a turn can do without.
pub(crate) const FURTHER: [&str; 17] = [
    "cache-explainer",
    "cache-warming",
    "compaction",
    "concurrency",
    "credentials",
    "hook-commands",
    "mcp",
    "model-catalogue",
    "permissions",
    "provider-scripted",
    "skills",
    "surface-registry",
    "system-prompt",
    "todo",
    "tool-shell",
    "transport-ws",
    "trust",
];

/// The plugins that each host of this bench has, besides its provider and the orchestrator.
const NEEDED: [&str; 4] = ["conversation-store", "message-queue", "tools-fs", "transport-http"];

/// What a plugin asks its operator for.
fn capabilities(plugin: &str) -> &'static [&'static str] {
    match plugin {
        "permissions" | "skills" | "tools-fs" | "trust" => &["fs"],
        "mcp" => &["fs", "net", "process"],
        "hook-commands" | "system-prompt" | "tool-shell" => &["fs", "process"],
        "provider-openai" | "transport-http" | "transport-ws" => &["net"],
        _ => &[],
    }
}

/// Where plugins come from.
#[derive(Clone, Copy)]
pub(crate) enum Attached {
    /// Out of the program.
    Linked,
    /// Out of files of their own.
    Dylib,
}

impl Attached {
    /// A plugin's table in a manifest. A file is granted what the plugin asks for; what is linked needs no grant.
    fn table(self, plugin: &str, settings: &str) -> String {
        let source = match self {
            Self::Linked => String::new(),
            Self::Dylib => {
                format!("source = {:?}\ncapabilities = {:?}\n", beside(plugin), capabilities(plugin))
            }
        };
        format!("[[plugin]]\nid = \"{plugin}\"\n{source}[plugin.settings]\n{settings}\n")
    }
}

/// A running host.
pub(crate) struct Host {
    pub(crate) address: String,
    process: Child,
    folder: TempDir,
}

impl Host {
    pub(crate) async fn start(provider: &Provider) -> Self {
        Self::start_with(provider, "full").await
    }

    /// One whose log is as durable as that.
    pub(crate) async fn start_with(provider: &Provider, durability: &str) -> Self {
        Self::with(durability, Attached::Linked, &asking(provider, Attached::Linked)).await
    }

    /// One with these of the plugins that a turn can do without, and with a folder of skills if there is one.
    pub(crate) async fn with_further(
        provider: &Provider,
        further: &[&str],
        skills: Option<&Path>,
        attached: Attached,
    ) -> Self {
        let plugins = asking(provider, attached) + &with(further, skills, attached);
        Self::with("full", attached, &plugins).await
    }

    /// One with a plugin that turns pass by, out of a file, and with these of the plugins that a turn can do without.
    pub(crate) async fn with_bystander(
        provider: &Provider,
        further: &[&str],
        bystander: &str,
        settings: &str,
    ) -> Self {
        let file = beside("bystanders");
        let table =
            format!("[[plugin]]\nid = {bystander:?}\nsource = {file:?}\n[plugin.settings]\n{settings}\n");
        let plugins = asking(provider, Attached::Linked) + &with(further, None, Attached::Linked) + &table;
        Self::with("full", Attached::Linked, &plugins).await
    }

    /// One whose model says what it was told, word by word.
    pub(crate) async fn scripted(pace: Duration) -> Self {
        let plugins = [
            ("provider-scripted", format!("pace_ms = {}\n", pace.as_millis())),
            ("session-orchestrator", "default_model = \"scripted/echo\"\n".to_owned()),
            ("transport-ws", "listen = \"127.0.0.1:0\"\n".to_owned()),
        ];
        let tables: String =
            plugins.iter().map(|(id, settings)| Attached::Linked.table(id, settings)).collect();
        Self::with("full", Attached::Linked, &tables).await
    }

    async fn with(durability: &str, attached: Attached, plugins: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut manifest = format!("[host]\ndata = \"data\"\nlog = \"warn\"\n\n{plugins}");
        for id in NEEDED {
            let settings = match id {
                "conversation-store" => format!("durability = \"{durability}\"\n"),
                "transport-http" => "listen = \"127.0.0.1:0\"\n".to_owned(),
                _ => String::new(),
            };
            manifest += &attached.table(id, &settings);
        }
        std::fs::write(folder.path().join("transom.toml"), manifest).expect("a manifest");
        let mut process = Command::new(env!("CARGO_BIN_EXE_transom"))
            .args(["up", "--json", "--manifest", "transom.toml"])
            .current_dir(folder.path())
            .env_remove("ANTHROPIC_API_KEY")
            .env_remove("OPENAI_API_KEY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program can be run");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let line = lines.next_line().await.expect("text").expect("it becomes ready");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        Self { address: ready["address"].as_str().expect("an address").to_owned(), process, folder }
    }

    /// Where it speaks WebSocket.
    pub(crate) async fn web_socket(&self) -> String {
        let found = tokio::time::timeout(PATIENCE, self.find_web_socket()).await;
        found.expect("it speaks WebSocket")
    }

    async fn find_web_socket(&self) -> String {
        loop {
            let asked = Command::new(env!("CARGO_BIN_EXE_transom"))
                .args(["status", "--json"])
                .current_dir(self.folder.path())
                .output();
            let status = asked.await.expect("the program can be run").stdout;
            let status: Value = serde_json::from_slice(&status).expect("JSON");
            let listening = status["host"]["listening"].as_array().expect("transports");
            if let Some(found) = listening.iter().find(|transport| transport["plugin"] == "transport-ws") {
                return found["address"].as_str().expect("an address").to_owned();
            }
        }
    }

    /// Its memory, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
    }

    /// Processor time so far, in clock ticks of 10 ms.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("it runs");
        let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
        let field =
            |index: usize| fields.split_whitespace().nth(index).and_then(|word| word.parse::<u64>().ok());
        field(11).expect("user time") + field(12).expect("system time")
    }

    fn pid(&self) -> u32 {
        self.process.id().expect("it runs")
    }

    /// Bytes of its database, with what is not folded in yet.
    pub(crate) fn stored(&self) -> u64 {
        fn bytes(folder: PathBuf) -> u64 {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries
                .map(|entry| match entry.metadata() {
                    Ok(about) if about.is_dir() => bytes(entry.path()),
                    Ok(about) if entry.file_name().to_string_lossy().ends_with(".db") => about.len(),
                    _ => 0,
                })
                .sum()
        }
        bytes(self.folder.path().join("data"))
    }

    /// Has it stop in order, which folds everything into its database.
    pub(crate) async fn stop(mut self) -> u64 {
        let pid = self.pid().to_string();
        let signalled = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(signalled.expect("`kill`").success());
        self.process.wait().await.expect("it ends");
        self.stored()
    }
}

/// Plugins that a turn can do without.
fn with(further: &[&str], skills: Option<&Path>, attached: Attached) -> String {
    let settings = |id: &str| match id {
        "skills" => format!("folders = [{}]\n", skills.map_or(String::new(), |at| format!("{at:?}"))),
        "transport-ws" => "listen = \"127.0.0.1:0\"\n".to_owned(),
        _ => String::new(),
    };
    further.iter().map(|id| attached.table(id, &settings(id))).collect()
}

/// The file of a plugin, where cargo has left it.
fn beside(plugin: &str) -> PathBuf {
    let program = std::env::current_exe().expect("a bench knows its program");
    program.with_file_name(format!("libtransom_{}.so", plugin.replace('-', "_")))
}

/// The plugins that ask the bench's provider.
fn asking(provider: &Provider, attached: Attached) -> String {
    let at = provider.address;
    let model = format!("base_url = \"http://{at}/v1\"\nmodel = \"bench\"\nlist_models = false\n");
    attached.table("provider-openai", &model)
        + &attached.table("session-orchestrator", "default_model = \"openai/bench\"\n")
}
