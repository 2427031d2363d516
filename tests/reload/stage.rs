//! A kernel with bundled plugins from their files, and a seat beside them that uses them.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::watch;
use transom_agent::conversation::{Conversation, FIND};
use transom_agent::event::AgentEvent;
use transom_agent::log::{APPEND, Append, Appended, Chunks, READ, Read};
use transom_agent::tool::{PRINTED, TOOL, ToolCall, ToolDefinition, ToolOutput, ToolPrinted};
use transom_agent::turn::{START, StartTurn, TurnStarted, WATCH, Watch};
use transom_kernel::{
    FaultBudget, Grants, Kernel, KernelConfig, Lender, Plan, PluginToStart, ReloadError, ReloadTerms, Sockets,
};
use transom_loader::{PluginFile, load};
use transom_plugin_api::hosting::{Attach, LISTENING, Listening, PLUGINS, PluginList, Ready, STARTED_UP};
use transom_plugin_api::prelude::*;

/// How long a test waits for something that is certain to come.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Whoever uses the plugins, and stands in for the host.
#[derive(Ports)]
pub(super) struct UserPorts {
    #[calls(APPEND)]
    pub(super) append: Caller<Append, Appended>,
    #[calls(READ)]
    pub(super) read: Caller<Read, Chunks>,
    #[calls(FIND)]
    pub(super) find: Caller<Text, Conversation>,
    #[calls(START)]
    pub(super) start: Caller<StartTurn, TurnStarted>,
    #[calls(WATCH)]
    pub(super) watch: StreamCaller<Watch, AgentEvent>,
    #[serves(TOOL, names = ["print"])]
    pub(super) tool: Server<ToolCall, ToolOutput, ToolDefinition>,
    #[says(PRINTED)]
    pub(super) print: Emitter<ToolPrinted>,
    #[serves(STARTED_UP)]
    started_up: Server<(), Ready>,
    #[serves(PLUGINS)]
    plugins: Server<(), PluginList>,
    #[hears(LISTENING)]
    listening: Listener<Listening>,
}

pub(super) struct Stage {
    pub(super) kernel: Kernel,
    pub(super) user: Arc<UserPorts>,
    /// Says that start-up is over.
    pub(super) started_up: watch::Sender<bool>,
    /// Where a transport said that it listens.
    pub(super) listening: watch::Receiver<Option<String>>,
    folder: TempDir,
}

impl Stage {
    /// With these plugins and settings, started in that order.
    pub(super) async fn with(plugins: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let config = KernelConfig {
            roots: vec![folder.path().display().to_string()],
            start_deadline: PATIENCE,
            sockets: Lender::of(Arc::new(Lent::default())),
            ..KernelConfig::default()
        };
        let kernel = Kernel::new(config, Handle::current());
        let (_, user) = kernel.resident::<UserPorts>("user").expect("the ports agree");
        let (started_up, listening) = play_host(&user);
        let stage = Self { kernel, user: Arc::new(user), started_up, listening, folder };
        let starting = plugins.iter().map(|(id, settings)| stage.plugin(id, settings)).collect();
        let report = stage.kernel.start(starting, &Plan::default()).await;
        assert!(report.disabled.is_empty(), "{report:?}");
        stage
    }

    /// A plugin from an image of its own.
    fn plugin(&self, id: &str, settings: &str) -> PluginToStart {
        // Cargo leaves the dylibs of dependencies beside the test itself.
        let beside = std::env::current_exe().expect("a running program has a path");
        let path = beside.with_file_name(format!("libtransom_{}.so", id.replace('-', "_")));
        let file = PluginFile::read(&path).expect("it was built with the test");
        let descriptor = file.contents.descriptor(id).expect("the file holds the plugin").clone();
        let images = self.folder.path().join("images");
        std::fs::create_dir_all(&images).expect("the temporary folder can be written");
        let table = load(&file.bytes, id, &images).expect("it loads").table;
        std::fs::remove_dir_all(&images).expect("what is mapped needs no name");
        PluginToStart {
            descriptor,
            table,
            settings: settings.to_owned(),
            attach: Attach::Dylib,
            data_folder: self.folder.path().join(id).display().to_string(),
            start_deadline: None,
            faults: FaultBudget::default(),
            grants: Grants::default(),
        }
    }

    /// Replaces a plugin; answers what the old generation was doing when it was cut off, if it was.
    pub(super) async fn reload(
        &self,
        id: &str,
        settings: &str,
        drain: Duration,
    ) -> Result<Option<String>, ReloadError> {
        let next = self.plugin(id, settings);
        let report = self.kernel.reload(vec![next], &ReloadTerms { drain }).await?;
        Ok(report.reloaded[0].cut_off.clone())
    }

    pub(super) async fn stop(self) {
        let report = self.kernel.stop(PATIENCE).await;
        assert!(report.cut_off.is_empty(), "{report:?}");
    }
}

/// Waits for `future` under the bound.
pub(super) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes in time")
}

fn play_host(user: &UserPorts) -> (watch::Sender<bool>, watch::Receiver<Option<String>>) {
    let (started_up, is_over) = watch::channel(false);
    let answer = move |(), _| {
        let mut is_over = is_over.clone();
        async move {
            let _ = is_over.wait_for(|over| *over).await;
            Ok(Ready { disabled: List::new() })
        }
    };
    user.started_up.serve(answer).expect("nobody else serves it");
    let nothing = |(), _| std::future::ready(Ok(PluginList { plugins: List::new() }));
    user.plugins.serve(nothing).expect("nobody else serves it");
    let (heard, listening) = watch::channel(None);
    let hear = move |said: &Listening, _: &CallContext| drop(heard.send(Some(said.address.to_string())));
    user.listening.inline(hear).expect("it is attached");
    (started_up, listening)
}

/// Sockets by plugin and address, each kept for good.
#[derive(Default)]
struct Lent(Mutex<HashMap<(String, String), TcpListener>>);

impl Sockets for Lent {
    fn lend(&self, plugin: &str, _: u32, address: &str) -> io::Result<OwnedFd> {
        let mut lent = self.0.lock().expect("nobody panics with it");
        let key = (plugin.to_owned(), address.to_owned());
        if !lent.contains_key(&key) {
            let socket = TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            lent.insert(key.clone(), socket);
        }
        Ok(lent[&key].try_clone()?.into())
    }

    fn take_back(&self, _: &str, _: u32) {}
}
