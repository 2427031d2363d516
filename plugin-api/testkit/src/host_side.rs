//! [`HostSide`]: what a host serves to its plugins and tells them, so that any plugin finds it on a stand.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use transom_kernel::Kernel;
use transom_plugin_api::hosting::{
    PLUGIN_CHANGED, PLUGINS, PluginChange, PluginList, Ready, STARTED_UP, STOPPING, Stopping,
};
use transom_plugin_api::{CallError, Emitter, Ports, Server, StartError};

#[derive(Ports)]
struct HostPorts {
    #[serves(PLUGINS)]
    plugins: Server<(), PluginList>,
    #[serves(STARTED_UP)]
    started_up: Server<(), Ready>,
    #[says(STOPPING)]
    stopping: Emitter<Stopping>,
    #[says(PLUGIN_CHANGED)]
    changed: Emitter<PluginChange>,
}

/// The host's seat on the bus of a stand.
pub(crate) struct HostSide {
    ready: watch::Sender<Option<Ready>>,
    stopping: Emitter<Stopping>,
    changes: JoinHandle<()>,
}

impl HostSide {
    pub(crate) fn seat(kernel: &Kernel) -> Result<Self, StartError> {
        let (_, ports) = kernel.resident::<HostPorts>("host")?;
        // The kernel holds this closure and the closure the kernel, until the kernel is stopped.
        ports
            .plugins
            .serve_with(kernel, async |kernel, (), _| Ok(PluginList { plugins: kernel.plugins().into() }))?;
        let (ready, is_ready) = watch::channel(None::<Ready>);
        ports.started_up.serve(move |(), _| {
            let mut is_ready = is_ready.clone();
            async move {
                let stopping = |_| CallError::unavailable("the host is stopping");
                let ready = is_ready.wait_for(Option::is_some).await.map_err(stopping)?;
                ready.clone().ok_or_else(|| CallError::unavailable("the host is stopping"))
            }
        })?;
        let (mut told, changed) = (kernel.changes(), ports.changed);
        let changes = tokio::spawn(async move {
            loop {
                match told.recv().await {
                    Ok(change) => changed.emit(&change),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Ok(Self { ready, stopping: ports.stopping, changes })
    }

    pub(crate) fn announce_ready(&self, disabled: &[(String, String)]) {
        let disabled = disabled.iter().map(|(id, _)| id.as_str().into()).collect();
        self.ready.send_replace(Some(Ready { disabled }));
    }

    pub(crate) fn announce_stop(&self, deadline: Duration) {
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        self.stopping.emit(&Stopping { deadline_ms });
    }
}

impl Drop for HostSide {
    fn drop(&mut self) {
        self.changes.abort();
    }
}
