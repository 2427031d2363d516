//! Contracts that change by reloads, there and back again: who is told of what.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event as LogEvent, Level, Metadata, Subscriber};
use transom_kernel::{Plan, PluginToStart, ReloadTerms};
use transom_plugin_api::Contract;
use transom_plugin_api::prelude::*;

use super::support::{kernel, linked};

#[contract(name = "Sheet")]
struct Sheet {
    text: Text,
}

#[contract(name = "Sheet", revision = 2)]
struct NextSheet {
    text: u32,
}

const EDITION: Event<Sheet> = Event::new("press/edition");
const NEXT_EDITION: Event<NextSheet> = Event::new("press/edition");

macro_rules! plugin {
    ($name:ident, $ports:ident, $id:literal, $role:ident($point:expr), $port:ty) => {
        #[derive(Settings)]
        struct $name;

        #[derive(Ports)]
        struct $ports {
            #[$role($point)]
            edition: $port,
        }

        impl Plugin for $name {
            type Ports = $ports;
            async fn start(self, ports: $ports, host: Host) -> Result<(), StartError> {
                Attend::attend(ports.edition, host)
            }
        }

        export_plugin!($name, id = $id);
    };
}

/// What such a plugin does with its port.
trait Attend {
    fn attend(self, host: Host) -> Result<(), StartError>;
}

impl<T: Contract> Attend for Listener<T> {
    fn attend(self, _: Host) -> Result<(), StartError> {
        self.inline(|_, _| {})
    }
}

impl<T: Contract> Attend for Emitter<T> {
    fn attend(self, host: Host) -> Result<(), StartError> {
        // It could speak as long as it is there.
        host.on_stop(async move { drop(self) });
        Ok(())
    }
}

plugin!(Press, PressPorts, "press", says(EDITION), Emitter<Sheet>);
plugin!(NextPress, NextPressPorts, "next-press", says(NEXT_EDITION), Emitter<NextSheet>);
plugin!(Reader, ReaderPorts, "reader", hears(EDITION), Listener<Sheet>);
plugin!(NextReader, NextReaderPorts, "next-reader", hears(NEXT_EDITION), Listener<NextSheet>);
plugin!(Clerk, ClerkPorts, "clerk", hears(EDITION), Listener<Sheet>);

/// Another build of a plugin: what is linked in as `next`, under the id of what it follows.
fn next(next: &str) -> PluginToStart {
    let mut next = linked(next);
    next.descriptor.id = next.descriptor.id.trim_start_matches("next-").to_owned();
    next
}

/// Keeps what is warned of on this thread, which is the one that tells of lanes.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no writer panics"))
    }
}

impl Visit for Warnings {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0.lock().expect("no writer panics").push(format!("{value:?}"));
        }
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &LogEvent<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_contract_that_was_changed_there_and_back_again_is_warned_of_only_where_plugins_that_run_differ() {
    let warnings = Warnings::default();
    let _listening = tracing::subscriber::set_default(warnings.clone());
    let kernel = kernel();
    let start = async |id: &str| {
        let plan = Plan { order: vec![id.to_owned()], ..Plan::default() };
        let report = kernel.start(vec![linked(id)], &plan).await;
        assert!(report.disabled.is_empty(), "{report:?}");
    };
    let reload = async |plugins: Vec<PluginToStart>| {
        let terms = ReloadTerms { drain: Duration::ZERO };
        kernel.reload(plugins, &terms).await.expect("all of them start");
    };
    start("press").await;
    start("reader").await;
    reload(vec![next("next-press"), next("next-reader")]).await;
    reload(vec![linked("press"), linked("reader")]).await;
    start("clerk").await;
    assert_eq!(warnings.take(), [""; 0], "all that run were built with the same");

    reload(vec![next("next-press")]).await;
    let told = |reader: &str| {
        format!(
            "plugin `{reader}` cannot take part in `press/edition`: its `Sheet` and that of `press` cannot be bridged\n  \
             at `text`: `{reader}` expects `Text`, `press` has `u32`: the two are written differently\n  \
             `{reader}` 0.1.0 has revision 1 of `Sheet`, `press` 0.1.0 has revision 2\n  \
             help: build `{reader}` against revision 2 of `Sheet`, that of `press` 0.1.0"
        )
    };
    assert_eq!(warnings.take(), ["reader", "clerk"].map(told));

    reload(vec![linked("press")]).await;
    assert_eq!(warnings.take(), [""; 0], "that is over");
    kernel.stop(Duration::from_secs(5)).await;
}
