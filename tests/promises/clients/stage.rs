//! A kernel with the plugins that clients meet, from their files, and whoever stands in for the host.

use std::collections::HashMap;
use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::watch;
use transom_kernel::{FaultBudget, Grants, Kernel, KernelConfig, Lender, Plan, PluginToStart, Sockets};
use transom_loader::{PluginFile, load};
use transom_plugin_api::hosting::{Attach, LISTENING, Listening, PLUGINS, PluginList, Ready, STARTED_UP};
use transom_plugin_api::prelude::*;

/// How long a test waits for something that is certain to come.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

const ANYWHERE: &str = r#"{"listen":"127.0.0.1:0"}"#;

/// The plugins, and what is set for them.
const PLAYERS: [(&str, &str); 9] = [
    ("conversation-store", "{}"),
    ("provider-scripted", r#"{"pace_ms":0}"#),
    ("tools-fs", r#"{"write":true}"#),
    // Asks a person before a tool of its own runs, which none of the bundled plugins does.
    ("foreman", "{}"),
    ("session-orchestrator", "{}"),
    ("message-queue", "{}"),
    ("surface-registry", "{}"),
    ("transport-http", ANYWHERE),
    ("transport-ws", ANYWHERE),
];

/// More of them, for the pages of plugins.
const FURTHER: [(&str, &str); 6] = [
    ("permissions", "{}"),
    ("mcp", r#"{"servers":{"files":{"command":["mcp-server-files","/tmp"]}}}"#),
    ("hook-commands", "{}"),
    ("todo", "{}"),
    ("tool-shell", "{}"),
    ("trust", "{}"),
];

/// Hooks of the folder, which nobody trusts.
const HOOKS: &str = r#"{"hooks": {"PreToolUse": [{"matcher": "Edit|Write", "hooks": [{"type": "command", "command": "./guard.sh", "timeout": 10}]}]}}"#;

/// Whoever stands in for the host.
#[derive(Ports)]
struct HostPorts {
    #[serves(STARTED_UP)]
    started_up: Server<(), Ready>,
    #[serves(PLUGINS)]
    plugins: Server<(), PluginList>,
    #[hears(LISTENING)]
    listening: Listener<Listening>,
}

pub(super) struct Stage {
    kernel: Kernel,
    /// Addresses by protocol.
    listening: watch::Receiver<HashMap<String, String>>,
    folder: TempDir,
}

impl Stage {
    pub(super) async fn new() -> Self {
        Self::of(&PLAYERS).await
    }

    /// One with further plugins.
    pub(super) async fn with_further() -> Self {
        Self::of(&[&PLAYERS[..], &FURTHER[..]].concat()).await
    }

    async fn of(players: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        std::fs::write(folder.path().join("notes.txt"), "one\ntwo\n").expect("it can be written");
        std::fs::create_dir(folder.path().join(".transom")).expect("it can be made");
        std::fs::write(folder.path().join(".transom/hooks.json"), HOOKS).expect("it can be written");
        let config = KernelConfig {
            roots: vec![folder.path().display().to_string()],
            start_deadline: PATIENCE,
            sockets: Lender::of(Arc::new(Lent)),
            ..KernelConfig::default()
        };
        let kernel = Kernel::new(config, Handle::current());
        let (_, host) = kernel.resident::<HostPorts>("host").expect("the ports agree");
        let stage = Self { listening: play(&host), kernel, folder };
        let plugins = players.iter().map(|(id, settings)| stage.plugin(id, settings)).collect();
        let report = stage.kernel.start(plugins, &Plan::default()).await;
        assert!(report.disabled.is_empty(), "{report:?}");
        stage
    }

    /// A plugin from an image of its own.
    fn plugin(&self, id: &str, settings: &str) -> PluginToStart {
        let file = file_of(id);
        let images = self.folder.path().join("images");
        std::fs::create_dir_all(&images).expect("the temporary folder can be written");
        let table = load(&file.bytes, id, &images).expect("it loads").table;
        std::fs::remove_dir_all(&images).expect("what is mapped needs no name");
        PluginToStart {
            descriptor: file.contents.descriptor(id).expect("the file holds the plugin").clone(),
            table,
            settings: settings.to_owned(),
            attach: Attach::Dylib,
            data_folder: self.folder.path().join(id).display().to_string(),
            start_deadline: None,
            faults: FaultBudget::default(),
            grants: Grants::default(),
        }
    }

    /// The folder in which turns work.
    pub(super) fn folder(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// Where clients are let in that speak this protocol.
    pub(super) async fn address(&self, protocol: &str) -> String {
        let mut listening = self.listening.clone();
        let said = listening.wait_for(|said| said.contains_key(protocol));
        let said =
            tokio::time::timeout(PATIENCE, said).await.expect("it opens in time").expect("it is heard");
        let (_, address) = said[protocol].split_once("://").expect("an address has a scheme");
        address.to_owned()
    }

    pub(super) async fn stop(self) {
        let report = self.kernel.stop(PATIENCE).await;
        assert!(report.cut_off.is_empty(), "{report:?}");
    }
}

/// The file of a plugin.
fn file_of(id: &str) -> PluginFile {
    // Cargo leaves the dylibs of dependencies beside the test itself.
    let beside = std::env::current_exe().expect("a running program has a path");
    let path = beside.with_file_name(format!("libtransom_{}.so", id.replace('-', "_")));
    PluginFile::read(&path).expect("it was built with the test")
}

/// What the further plugins and the surfaces serve over HTTP, and the questions.
pub(super) fn routes_of_further() -> Vec<String> {
    let plugins = FURTHER.map(|(id, _)| id).into_iter().chain(["surface-registry"]);
    let served = plugins.flat_map(|id| {
        let file = file_of(id);
        let ports = file.contents.descriptor(id).expect("the file holds the plugin").ports.clone();
        let routes = ports.into_iter().filter(|port| port.point.starts_with("http/"));
        routes.flat_map(|port| port.names).collect::<Vec<_>>()
    });
    served.chain(["GET /questions", "POST /conversations/:id/answer"].map(str::to_owned)).collect()
}

fn play(host: &HostPorts) -> watch::Receiver<HashMap<String, String>> {
    host.started_up.serve(|(), _| ready(Ok(Ready { disabled: List::new() }))).expect("nobody else serves it");
    host.plugins
        .serve(|(), _| ready(Ok(PluginList { plugins: List::new() })))
        .expect("nobody else serves it");
    let (heard, listening) = watch::channel(HashMap::new());
    let hear = move |said: &Listening, _: &CallContext| {
        heard.send_modify(|all| drop(all.insert(said.protocol.to_string(), said.address.to_string())));
    };
    host.listening.inline(hear).expect("it is attached");
    listening
}

struct Lent;

impl Sockets for Lent {
    fn lend(&self, _: &str, _: u32, address: &str) -> io::Result<OwnedFd> {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    }

    fn take_back(&self, _: &str, _: u32) {}
}
