//! The host's own seat on the bus: what it serves to plugins, and what it wants to hear.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use transom_agent::log::{BACKUP, Backup, BackupProgress, DOCTOR, Diagnosis, Doctor};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute, Verb,
};
use transom_kernel::Kernel;
use transom_plugin_api::hosting::{
    FIGURES, Figures, HAMPERED, Hampered, LISTENING, Listening, PLUGIN_CHANGED, PLUGINS, PluginChange,
    PluginList, Ready, STARTED_UP, STOPPING, Stopping,
};
use transom_plugin_api::{
    CallError, Caller, Emitter, Host, Listener, Ports, Server, StartError, StreamCaller,
};

use crate::commands::Commands;
use crate::hampers::Hampers;
use crate::keeping::Keeping;
use crate::whereabouts::Whereabouts;

#[derive(Ports)]
struct HostPorts {
    #[serves(PLUGINS)]
    plugins: Server<(), PluginList>,
    #[serves(STARTED_UP)]
    started_up: Server<(), Ready>,
    #[hears(LISTENING)]
    listening: Listener<Listening>,
    #[hears(HAMPERED)]
    hampered: Listener<Hampered>,
    #[says(STOPPING)]
    stopping: Emitter<Stopping>,
    #[says(PLUGIN_CHANGED)]
    changed: Emitter<PluginChange>,
    #[calls(HTTP_ROUTE, optional)]
    routes: Caller<HttpRequest, HttpReply, HttpRoute>,
    #[calls(CLI_COMMAND, optional)]
    commands: Caller<CliCall, CliOutcome, Verb>,
    #[calls(DOCTOR, optional)]
    doctor: Caller<Doctor, Diagnosis>,
    #[calls(BACKUP, optional)]
    backup: StreamCaller<Backup, BackupProgress>,
    #[calls(FIGURES, optional)]
    figures: Caller<(), Figures, ()>,
}

/// The host on its own bus.
pub(crate) struct Residents {
    /// Tells the bus about plugins.
    changes: JoinHandle<()>,
    _host: Host,
    ready: watch::Sender<Option<Ready>>,
    whereabouts: Arc<Whereabouts>,
    hampers: Arc<Hampers>,
    keeping: Keeping,
    commands: Commands,
    stopping: Emitter<Stopping>,
    routes: Caller<HttpRequest, HttpReply, HttpRoute>,
    figures: Caller<(), Figures, ()>,
}

impl Residents {
    pub(crate) fn seat(kernel: &Kernel) -> Result<Self, StartError> {
        let (host, ports) = kernel.resident::<HostPorts>("host")?;
        // The kernel holds this closure and the closure the kernel, until the kernel is stopped.
        ports
            .plugins
            .serve_with(kernel, async |kernel, (), _| Ok(PluginList { plugins: kernel.plugins().into() }))?;
        let (ready, is_ready) = watch::channel(None::<Ready>);
        ports.started_up.serve(move |(), _| {
            let mut is_ready = is_ready.clone();
            async move {
                let ready = is_ready.wait_for(Option::is_some).await;
                let ready = ready.map_err(|_| CallError::unavailable("the host is stopping"))?;
                ready.clone().ok_or_else(|| CallError::unavailable("the host is stopping"))
            }
        })?;
        let whereabouts = Arc::new(Whereabouts::default());
        let heard = Arc::clone(&whereabouts);
        ports.listening.inline(move |said, context| heard.hear(context.caller(), said))?;
        let hampers = Arc::new(Hampers::default());
        let heard = Arc::clone(&hampers);
        ports.hampered.inline(move |said, context| heard.hear(context.caller(), said))?;
        let changes = tell_changes(kernel.changes(), ports.changed);
        let commands = Commands(ports.commands);
        let keeping = Keeping { doctor: ports.doctor, backup: ports.backup };
        let (stopping, routes, figures) = (ports.stopping, ports.routes, ports.figures);
        Ok(Self {
            changes,
            _host: host,
            ready,
            whereabouts,
            hampers,
            keeping,
            commands,
            stopping,
            routes,
            figures,
        })
    }

    /// Says that start-up is over.
    pub(crate) fn announce_ready(&self, disabled: &[(String, String)]) {
        let disabled = disabled.iter().map(|(id, _)| id.as_str().into()).collect();
        self.ready.send_replace(Some(Ready { disabled }));
    }

    /// Says that the host is about to stop.
    pub(crate) fn announce_stop(&self, deadline: Duration) {
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        self.stopping.emit(&Stopping { deadline_ms });
    }

    /// Where transports listen.
    pub(crate) const fn whereabouts(&self) -> &Arc<Whereabouts> {
        &self.whereabouts
    }

    /// What keeps plugins from their work.
    pub(crate) const fn hampers(&self) -> &Arc<Hampers> {
        &self.hampers
    }

    /// The way to whoever keeps conversations.
    pub(crate) const fn keeping(&self) -> &Keeping {
        &self.keeping
    }

    /// The commands of plugins.
    pub(crate) const fn commands(&self) -> &Commands {
        &self.commands
    }

    /// Asks plugins for their figures.
    pub(crate) const fn figures(&self) -> &Caller<(), Figures, ()> {
        &self.figures
    }

    /// The models that can be asked, as the route `GET /models` tells them; `null` where it does not.
    pub(crate) async fn models(&self) -> Value {
        let request = HttpRequest::new("GET", "/models");
        let reply = self.routes.call_named("GET /models", request).await;
        reply.map(|reply| reply.body.value()).unwrap_or_default()
    }
}

impl Drop for Residents {
    fn drop(&mut self) {
        self.changes.abort();
    }
}

fn tell_changes(
    mut changes: broadcast::Receiver<PluginChange>,
    changed: Emitter<PluginChange>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            match changes.recv().await {
                Ok(change) => changed.emit(&change),
                Err(RecvError::Lagged(count)) => tracing::warn!("{count} changes of plugins were not told"),
                Err(RecvError::Closed) => return,
            }
        }
    })
}
