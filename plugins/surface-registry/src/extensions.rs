//! The surface `loaded-extensions`: the plugins of this host, and how they are.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::surface::{Field, SurfaceAbout, SurfaceChanged, SurfaceSpec};
use transom_plugin_api::hosting::{Attach, PluginState, PluginStatus};
use transom_plugin_api::{CallError, List, Mailbox, StartError};

use crate::SurfaceRegistryPorts;
use crate::desk::Desk;

/// The surface's id.
const ID: &str = "loaded-extensions";

/// Puts the surface on the bus, and says when it changes: with the plugins there may be other surfaces, too.
pub(crate) fn register(desk: &Arc<Desk>, ports: &SurfaceRegistryPorts) -> Result<(), StartError> {
    ports.own.serve_named_with(ID, about(), desk, async |desk, _, _| show(&desk).await)?;
    ports.plugin_changed.queued_with(desk, Mailbox::coalesce(), async |desk, _, _| {
        desk.ports.change.emit(&SurfaceChanged::of_all(ID));
        desk.hub().catalogue_changed();
    })
}

fn about() -> SurfaceAbout {
    SurfaceAbout::global("settings", "Plugins")
}

async fn show(desk: &Desk) -> Result<SurfaceSpec, CallError> {
    let plugins = desk.ports.plugins.call(()).await?.plugins;
    let running = plugins.iter().filter(|plugin| plugin.state == PluginState::Running).count();
    let count =
        Field::Stat { label: "Running".into(), value: format!("{running} of {}", plugins.len()).into() };
    Ok(about().showing(ID, List::from([count, table(&plugins)])))
}

fn table(plugins: &[PluginStatus]) -> Field {
    let rows: Vec<Value> = plugins.iter().map(row).collect();
    let payload = json!({ "columns": ["Name", "Version", "State", "Attachment"], "rows": rows });
    Field::Custom { renderer: "table".into(), payload: payload.into() }
}

fn row(plugin: &PluginStatus) -> Value {
    json!([plugin.id, plugin.version, state(&plugin.state), attachment(&plugin.attach)])
}

fn state(state: &PluginState) -> &str {
    match state {
        PluginState::Waiting => "waiting",
        PluginState::Starting => "starting",
        PluginState::Running => "running",
        PluginState::Disabled => "disabled",
        PluginState::Quarantined => "quarantined",
        PluginState::Stopped => "stopped",
        PluginState::Unknown(other) => other.tag(),
    }
}

fn attachment(attach: &Attach) -> &str {
    match attach {
        Attach::Linked => "linked",
        Attach::Dylib => "dylib",
        Attach::Unknown(other) => other.tag(),
    }
}
