//! Rings when somebody is at the door.
//!
//! Says [`RUNG`]; serves the route `GET /x/door-bell/:who`. Does not open the door.

use std::future::ready;

use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::prelude::*;

/// Somebody rang.
#[contract]
pub struct Rung {
    /// Who it was.
    pub who: Text,
    /// What the bell said.
    pub sound: Text,
}

/// Somebody rang. Said before the request is answered; nobody can refuse it.
pub const RUNG: Event<Rung> = Event::new("door-bell/rung");

/// What an operator may set.
#[derive(Settings)]
pub struct DoorBell {
    /// What the bell says.
    #[setting(default = "ding-dong")]
    sound: String,
}

/// The points it touches; nothing else is within its reach.
#[derive(Ports)]
pub struct DoorBellPorts {
    #[says(RUNG)]
    rung: Emitter<Rung>,
    #[serves(HTTP_ROUTE, names = ["GET /x/door-bell/:who"])]
    route: Server<HttpRequest, HttpReply, HttpRoute>,
}

impl Plugin for DoorBell {
    type Ports = DoorBellPorts;

    async fn start(self, ports: DoorBellPorts, _host: Host) -> Result<(), StartError> {
        let DoorBellPorts { rung, route } = ports;
        let about = HttpRoute::new("Rings the bell");
        route.serve_named("GET /x/door-bell/:who", about, move |request, _| {
            let ring = ring(request.param("who"), &self.sound);
            rung.emit(&ring);
            ready(HttpReply::json(&ring))
        })
    }
}

export_plugin!(DoorBell, id = "door-bell");

/// The rule: what the bell says, and to whom.
fn ring(who: &str, sound: &str) -> Rung {
    Rung { who: who.into(), sound: format!("{sound}, {who}").into() }
}
