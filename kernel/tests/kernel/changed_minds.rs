//! A plugin that takes back in its start what it had offered there.

use transom_kernel::plan;
use transom_plugin_api::prelude::*;

use super::support::{kernel, linked};

const COLOUR: Service<(), Text, Text> = Service::named("undecided/colour");

/// Answers under a name, thinks better of it, and answers otherwise.
#[derive(Settings)]
struct Undecided;

#[derive(Ports)]
struct UndecidedPorts {
    #[serves(COLOUR, names = "dynamic")]
    colour: Server<(), Text, Text>,
}

impl Plugin for Undecided {
    type Ports = UndecidedPorts;
    async fn start(self, ports: UndecidedPorts, _: Host) -> Result<(), StartError> {
        for name in ["wall", "door"] {
            ports.colour.serve_named(name, "first".into(), |(), _| async move { Ok("red".into()) })?;
        }
        ports.colour.withdraw("wall");
        ports.colour.withdraw("door");
        ports.colour.serve_named("wall", "second".into(), |(), _| async move { Ok("blue".into()) })
    }
}

export_plugin!(Undecided, id = "undecided");

#[derive(Ports)]
struct Asks {
    #[calls(COLOUR)]
    colour: Caller<(), Text, Text>,
}

#[tokio::test]
async fn what_is_taken_back_before_the_start_is_over_was_never_there() {
    let kernel = kernel();
    let (_, asks) = kernel.resident::<Asks>("probe").expect("seats");
    let plugin = linked("undecided");
    let plan = plan(&kernel.residents(), std::slice::from_ref(&plugin.descriptor)).expect("nothing is wrong");
    kernel.start(vec![plugin], &plan).await;
    let names: Vec<_> = asks.colour.names().into_iter().map(|name| (name.name, name.about)).collect();
    assert_eq!(names, [("wall".into(), "second".into())]);
    assert_eq!(asks.colour.call_named("wall", ()).await, Ok("blue".into()));
}
