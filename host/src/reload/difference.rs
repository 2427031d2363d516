//! [`Difference`]: what the manifest and its files say now, against what runs.

use serde_json::{Value, json};
use transom_kernel::{Descriptor, FaultBudget};
use transom_plugin_api::Secret;
use transom_plugin_api::hosting::Attach;

use crate::assembly::{Assembled, Source};
use crate::manifest::{HostSettings, LogLevel};

/// A plugin as it was started.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) descriptor: Descriptor,
    /// The same, as far as it is granted.
    pub(super) on_the_bus: Descriptor,
    pub(super) attach: Attach,
    pub(super) required: bool,
    sha256: Option<String>,
    settings: Secret,
    capabilities: Option<Vec<String>>,
    faults: FaultBudget,
    start_deadline_s: Option<u64>,
    log: Option<LogLevel>,
}

impl Known {
    pub(super) fn of(plugin: &Assembled) -> Self {
        Self {
            descriptor: plugin.descriptor.clone(),
            on_the_bus: plugin.on_the_bus(),
            capabilities: plugin.entry.capabilities.clone(),
            attach: plugin.attach(),
            required: plugin.entry.required,
            sha256: match &plugin.source {
                Source::File(file) => Some(file.sha256().to_owned()),
                Source::Linked(_) => None,
            },
            settings: plugin.settings.clone(),
            faults: plugin.entry.faults,
            start_deadline_s: plugin.entry.start_deadline_s,
            log: plugin.entry.log,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.descriptor.id
    }

    /// What is different now, in words.
    fn changes(&self, now: &Self) -> Vec<String> {
        let (then_version, now_version) = (&self.descriptor.version, &now.descriptor.version);
        let mut changes = Vec::new();
        let mut note = |is_changed: bool, what: String| {
            if is_changed {
                changes.push(what);
            }
        };
        let attached = if now.attach == Attach::Linked { "linked" } else { "a dylib" };
        note(self.attach != now.attach, format!("it is {attached} now"));
        note(then_version != now_version, format!("version {then_version} → {now_version}"));
        note(self.sha256 != now.sha256 && self.attach == now.attach, "its file".to_owned());
        note(self.settings.expose() != now.settings.expose(), "its settings".to_owned());
        note(
            self.required != now.required
                || self.log != now.log
                || self.capabilities != now.capabilities
                || self.on_the_bus != now.on_the_bus && self.descriptor == now.descriptor
                || self.faults != now.faults
                || self.start_deadline_s != now.start_deadline_s,
            "its table in the manifest".to_owned(),
        );
        changes
    }
}

/// What is to be done for the host to run what the manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Plugins that do not run yet.
    pub added: Vec<String>,
    /// Plugins that are not in the manifest any more.
    pub removed: Vec<String>,
    /// Plugins that are to be replaced, with what is different.
    pub changed: Vec<(String, Vec<String>)>,
    /// Settings of the host itself, which only a restart changes.
    pub host: Vec<String>,
}

impl Difference {
    pub(super) fn between(then: &[Known], now: &[Known]) -> Self {
        let find = |among: &'_ [Known], id: &str| among.iter().find(|known| known.id() == id).cloned();
        let mut difference = Self::default();
        for now in now {
            match find(then, now.id()).map(|then| then.changes(now)) {
                None => difference.added.push(now.id().to_owned()),
                Some(changes) if changes.is_empty() => {}
                Some(changes) => difference.changed.push((now.id().to_owned(), changes)),
            }
        }
        let gone = then.iter().filter(|then| find(now, then.id()).is_none());
        difference.removed = gone.map(|then| then.id().to_owned()).collect();
        difference
    }

    /// Notes which of the host's own settings are different.
    pub(super) fn note_host(&mut self, then: &HostSettings, now: &HostSettings) {
        let settings = [
            ("data", then.data != now.data),
            ("roots", then.roots != now.roots),
            ("log", then.log != now.log),
            ("stop_deadline_s", then.stop_deadline_s != now.stop_deadline_s),
            ("start_deadline_s", then.start_deadline_s != now.start_deadline_s),
            ("log_format", then.log_format != now.log_format),
            ("log_limit", then.log_limit != now.log_limit),
            ("traces", then.traces != now.traces),
            ("watchdog_s", then.watchdog_s != now.watchdog_s),
            ("strict", then.strict != now.strict),
        ];
        let changed = settings.into_iter().filter(|(_, is_changed)| *is_changed);
        self.host = changed.map(|(name, _)| name.to_owned()).collect();
    }

    /// Whether a reload has anything to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    pub(super) fn document(&self) -> Value {
        let changed: Vec<Value> =
            self.changed.iter().map(|(plugin, what)| json!({ "plugin": plugin, "what": what })).collect();
        json!({ "added": self.added, "removed": self.removed, "changed": changed, "host": self.host })
    }
}
