//! The life of plugins: planned, started, stopped, and what a failed start leaves behind.

use std::time::Duration;

use transom_kernel::{Descriptor, FaultBudget, Grants, Kernel, Plan, PluginToStart, plan};
use transom_plugin_api::abi::plugin_table::open_header;
use transom_plugin_api::hosting::{Attach, PluginState};
use transom_plugin_api::plugin::linked_plugins;
use transom_plugin_api::prelude::*;

use super::support::{Diary, Parcel, kernel};

const PING: Service<Text, Text> = Service::new("pinger/ping");
const DONE: Event<Text> = Event::new("pinger/done");

/// Serves, and behaves as it is told.
#[derive(Settings)]
struct Pinger {
    /// How its start goes.
    #[setting(default = "well")]
    start: Manner,
}

#[derive(Settings)]
enum Manner {
    Well,
    Error,
    Panic,
    Hang,
    HalfWay,
}

#[derive(Ports)]
struct PingerPorts {
    #[serves(PING)]
    ping: Server<Text, Text>,
    #[says(DONE)]
    done: Emitter<Text>,
}

impl Plugin for Pinger {
    type Ports = PingerPorts;
    async fn start(self, ports: PingerPorts, host: Host) -> Result<(), StartError> {
        if matches!(self.start, Manner::HalfWay) {
            ports.ping.serve(|text, _| async move { Ok(text) })?;
        }
        match self.start {
            Manner::Error => return Err(StartError::new("no ball").help("buy one")),
            Manner::Panic => panic!("lost the ball"),
            Manner::Hang => std::future::pending().await,
            Manner::HalfWay => return Err(StartError::new("the net broke")),
            Manner::Well => {}
        }
        host.on_stop(async move { ports.done.emit(&"stopped".into()) });
        ports.ping.serve(|text, _| async move { Ok(Text::from(format!("pong {text}"))) })
    }
}

export_plugin!(Pinger, id = "pinger");

mod caller {
    use super::{PING, Parcel};
    use transom_plugin_api::prelude::*;

    /// Needs the other one.
    #[derive(Settings)]
    struct Needy;

    #[derive(Ports)]
    struct NeedyPorts {
        #[calls(PING)]
        ping: Caller<Text, Text>,
        #[says(super::super::lifecycle::ANSWERED)]
        answered: Emitter<Parcel>,
    }

    impl Plugin for Needy {
        type Ports = NeedyPorts;
        async fn start(self, ports: NeedyPorts, _: Host) -> Result<(), StartError> {
            let label = ports.ping.call("from start".into()).await?;
            ports.answered.emit(&Parcel { label, ..Parcel::default() });
            Ok(())
        }
    }

    export_plugin!(Needy, id = "a-needy");
}

const ANSWERED: Event<Parcel> = Event::new("a-needy/answered");

#[derive(Ports)]
struct Probe {
    #[calls(PING, optional)]
    ping: Caller<Text, Text>,
    #[hears(ANSWERED)]
    answered: Listener<Parcel>,
    #[hears(DONE)]
    done: Listener<Text>,
}

async fn started(settings: &str, answers: &Diary) -> (Kernel, Probe, Vec<(String, String)>) {
    let kernel = kernel();
    let (_, probe) = kernel.resident::<Probe>("probe").expect("seats");
    let written = answers.clone();
    probe.answered.inline(move |parcel, _| written.write(parcel.label.as_str())).expect("attaches");
    let (descriptors, plan, mut plugins) = described(&kernel, settings);
    assert_eq!(descriptors.len(), 2);
    let ordered = plan.order.iter().map(|id| {
        let index = plugins.iter().position(|plugin| plugin.descriptor.id == *id).expect("planned");
        plugins.swap_remove(index)
    });
    let ordered: Vec<_> = ordered.collect();
    let report = kernel.start(ordered, &plan).await;
    (kernel, probe, report.disabled)
}

fn described(kernel: &Kernel, settings: &str) -> (Vec<Descriptor>, Plan, Vec<PluginToStart>) {
    let plugins: Vec<PluginToStart> = linked_plugins()
        .map(|linked| {
            let table = open_header(linked.header).expect("the tables agree");
            let descriptor: Descriptor =
                serde_json::from_str(table.describe()().as_str()).expect("the record is JSON");
            let settings = if descriptor.id == "pinger" { settings } else { "{}" };
            PluginToStart {
                descriptor,
                table,
                settings: settings.to_owned(),
                attach: Attach::Linked,
                data_folder: String::new(),
                start_deadline: Some(Duration::from_millis(300)),
                faults: FaultBudget::default(),
                grants: Grants::default(),
            }
        })
        .filter(|plugin| ["pinger", "a-needy"].contains(&plugin.descriptor.id.as_str()))
        .collect();
    let descriptors: Vec<Descriptor> = plugins.iter().map(|plugin| plugin.descriptor.clone()).collect();
    let plan = plan(&kernel.residents(), &descriptors).expect("nothing is wrong with them");
    (descriptors, plan, plugins)
}

#[tokio::test]
async fn plugins_start_after_those_they_call_and_stop_before_them() {
    let answers = Diary::default();
    let (kernel, probe, disabled) = started("{}", &answers).await;
    assert!(disabled.is_empty(), "{disabled:?}");
    assert_eq!(answers.lines(), ["pong from start"]);
    let order: Vec<String> = kernel.plugins().iter().map(|plugin| String::from(&plugin.id)).collect();
    assert_eq!(order, ["pinger", "a-needy"]);
    assert_eq!(probe.ping.call("me".into()).await, Ok("pong me".into()));
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    probe.done.inline(move |text, _| drop(sender.send(text.clone()))).expect("attaches");
    let report = kernel.stop(Duration::from_secs(5)).await;
    assert!(report.cut_off.is_empty(), "{report:?}");
    assert_eq!(heard.recv().await, Some("stopped".into()));
    assert!(kernel.plugins().iter().all(|plugin| plugin.state == PluginState::Stopped));
}

#[tokio::test]
async fn a_plugin_that_cannot_start_leaves_nothing_behind_and_takes_its_dependents_along() {
    for (settings, words) in [
        (r#"{"start":"error"}"#, "no ball\n  help: buy one"),
        (r#"{"start":"panic"}"#, "panicked: lost the ball"),
        (r#"{"start":"hang"}"#, "did not return within 300 ms"),
        (r#"{"start":"half-way"}"#, "the net broke"),
    ] {
        let (kernel, probe, disabled) = started(settings, &Diary::default()).await;
        assert_eq!(disabled.len(), 2, "{disabled:?}");
        assert!(disabled[0].0 == "pinger" && disabled[0].1.contains(words), "{disabled:?}");
        assert!(disabled[1].1.contains("needs `pinger` for `pinger/ping`"), "{disabled:?}");
        let error = probe.ping.call("me".into()).await.expect_err("nobody is there");
        assert_eq!(error.kind, CallErrorKind::NoProvider);
        assert!(kernel.plugins().iter().all(|plugin| plugin.state == PluginState::Disabled));
    }
}

#[tokio::test]
async fn the_plan_finds_all_faults_at_once() {
    let kernel = kernel();
    let (mut descriptors, ..) = described(&kernel, "{}");
    descriptors.retain(|plugin| plugin.id == "a-needy");
    let mut twice = descriptors[0].clone();
    twice.ports[1].deadline_ms += 1;
    descriptors.push(twice);
    let faults = plan(&[], &descriptors).expect_err("much is wrong");
    let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let text = text.join("\n");
    for words in ["is there twice", "needs the service `pinger/ping`", "another kind of `a-needy/answered`"] {
        assert!(text.contains(words), "`{words}` is missing in\n{text}");
    }
}
