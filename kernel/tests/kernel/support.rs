//! What the tests share: a kernel, and the payload they send around.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use transom_kernel::{Kernel, KernelConfig, PluginToStart};
use transom_plugin_api::plugin::linked_plugins;
use transom_plugin_api::prelude::*;

/// A payload as plugins send it: an id, two integers and some text.
#[contract]
#[derive(Default, Eq)]
pub(crate) struct Parcel {
    pub(crate) id: u64,
    pub(crate) weight: i64,
    pub(crate) shelf: i64,
    pub(crate) label: Text,
}

impl Parcel {
    pub(crate) fn labelled(label: &str) -> Self {
        Self { label: label.into(), ..Self::default() }
    }
}

pub(crate) fn kernel() -> Kernel {
    Kernel::new(KernelConfig::default(), tokio::runtime::Handle::current())
}

/// The plugin with that id, which is linked into this binary.
pub(crate) fn linked(id: &str) -> PluginToStart {
    let found = linked_plugins().find(|linked| linked.id() == id).expect("it is linked in");
    PluginToStart::linked(&found, "{}").expect("the tables agree")
}

/// What happened, in order, told by many.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn write(&self, line: impl Into<String>) {
        self.0.lock().expect("no test panics while it writes").push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no test panics while it writes").clone()
    }
}

/// A plugin of this binary with settings, and the time that it has to start.
pub(crate) fn plugin_to_start(id: &str, settings: &str, deadline: Duration) -> PluginToStart {
    PluginToStart { settings: settings.to_owned(), start_deadline: Some(deadline), ..linked(id) }
}
