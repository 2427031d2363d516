//! [`Registry`]: the names under which tools of servers stand on the bus, and whom a call of one means.
//!
//! Servers of several folders may have one name. Then they share it on the bus, and a call goes to the one of its folder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use transom_agent::tool::{ToolCall, ToolDefinition, ToolOutput};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{Server, Text};

use crate::connection::Connection;
use crate::offer::Offered;

/// The names. Cheap to share.
pub(crate) struct Registry {
    server: Server<ToolCall, ToolOutput, ToolDefinition>,
    names: Mutex<BTreeMap<Text, Name>>,
}

/// A name on the bus.
#[derive(Default)]
struct Name {
    holders: Vec<Holder>,
    /// What the bus is told of it; absent where another plugin has the name.
    served: Option<ToolDefinition>,
}

struct Holder {
    connection: Arc<Connection>,
    offered: Offered,
}

impl Registry {
    pub(crate) fn new(server: Server<ToolCall, ToolOutput, ToolDefinition>) -> Arc<Self> {
        Arc::new(Self { server, names: Mutex::default() })
    }

    fn names(&self) -> MutexGuard<'_, BTreeMap<Text, Name>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a server has these tools, and no others.
    pub(crate) fn put(self: &Arc<Self>, connection: &Arc<Connection>, tools: &[Offered]) {
        let mut names = self.names();
        for name in names.values_mut() {
            name.holders.retain(|holder| !Arc::ptr_eq(&holder.connection, connection));
        }
        for offered in tools {
            let holder = Holder { connection: Arc::clone(connection), offered: offered.clone() };
            names.entry(offered.definition.name.clone()).or_default().holders.push(holder);
        }
        names.retain(|text, name| {
            self.settle(text, name);
            !name.holders.is_empty()
        });
    }

    /// Brings the bus in line with who holds a name.
    fn settle(self: &Arc<Self>, text: &Text, name: &mut Name) {
        let is_current = |served: &ToolDefinition| {
            name.holders.iter().any(|holder| on_the_bus(&holder.offered.definition) == *served)
        };
        if name.served.as_ref().is_some_and(is_current) {
            return;
        }
        if name.served.take().is_some() {
            self.server.withdraw(text);
        }
        let Some(first) = name.holders.first() else { return };
        let about = on_the_bus(&first.offered.definition);
        let registry = Arc::downgrade(self);
        let served = self.server.serve_named(text, about.clone(), {
            let name = text.clone();
            move |call: ToolCall, _| {
                let meant = registry.upgrade().and_then(|registry| registry.route(&name, &call.cwd));
                async move {
                    Ok(match meant {
                        Some((connection, tool)) => connection.call(&tool, &call).await,
                        None => ToolOutput::error("no server of this folder has this tool any more"),
                    })
                }
            }
        });
        match served {
            Ok(()) => name.served = Some(about),
            Err(error) => tracing::warn!("tool `{text}` cannot be offered: {error}"),
        }
    }

    /// Whom a call in a folder means, and what the tool is called there: the operator's server, else that of the folder.
    fn route(&self, name: &Text, cwd: &str) -> Option<(Arc<Connection>, String)> {
        let names = self.names();
        let holders = &names.get(name)?.holders;
        let of = |folder: Option<&str>| {
            holders.iter().find(|holder| {
                holder.connection.folder.as_deref() == folder || sabotaged("call-any-folders-server")
            })
        };
        let holder = of(None).or_else(|| of(Some(cwd)))?;
        Some((Arc::clone(&holder.connection), holder.offered.tool.clone()))
    }

    /// The names that are on the bus.
    pub(crate) fn served(&self) -> BTreeSet<Text> {
        let names = self.names();
        names.iter().filter(|(_, name)| name.served.is_some()).map(|(text, _)| text.clone()).collect()
    }
}

/// What the bus is told of a tool: of several servers that share a name one may want to run alone.
fn on_the_bus(definition: &ToolDefinition) -> ToolDefinition {
    ToolDefinition { concurrency_safe: false, ..definition.clone() }
}
