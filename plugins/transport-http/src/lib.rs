//! Serves over HTTP whatever routes are registered.
//!
//! Says [`LISTENING`](hosting::LISTENING); asks whoever registered at [`HTTP_ROUTE`] and [`HTTP_STREAM`], and the host's
//! [`STARTED_UP`](hosting::STARTED_UP) and [`PLUGINS`](hosting::PLUGINS).
//! Does not know what it serves, keep anything between two requests, or speak TLS.
//!
//! | file | subject |
//! |---|---|
//! | `address` | where it may listen, and the socket that is bound at once but opened later |
//! | `server` | connections: accepted, served, brought to an end |
//! | `app` | one request, from the guard to the answer |
//! | `guard` | who is let in: `Host`, `Origin`, token |
//! | `pattern`, `table` | names of routes, and the route of a path |
//! | `decode`, `body` | what a client sent, checked and read |
//! | `reply`, `frames`, `format` | what it gets: one document, or a stream of them as NDJSON or SSE |
//! | `failure` | what it gets instead |
//! | `routes`, `bus` | the far side as the server sees it, and that side's bus |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking"))]

mod address;
mod app;
mod body;
mod bus;
mod decode;
mod failure;
mod format;
mod frames;
mod guard;
mod pattern;
mod reply;
mod routes;
mod server;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use transom_agent::reach::{HTTP_ROUTE, HTTP_STREAM, HttpFrame, HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::hosting::{self, Listening, PluginList, Ready};
use transom_plugin_api::{
    CallErrorKind, Caller, Emitter, Host, Plugin, Ports, Secret, Settings, StartError, StreamCaller,
    export_plugin,
};

use crate::app::{Desk, Limits};
use crate::bus::Bus;
use crate::guard::Guard;
use crate::server::{Server, Times};

/// For requests under way when the plugin is stopped: less than the 5 s that all of its stopping may take.
const GRACE: Duration = Duration::from_secs(4);

/// Where HTTP is served, to whom, and how much of it.
#[derive(Settings)]
pub struct TransportHttp {
    /// IP address and port. Anything but a loopback address needs `token`; port 0 picks a free one.
    #[setting(default = "127.0.0.1:24203")]
    listen: String,
    /// What clients send as `Authorization: Bearer …`. Left out, everybody on this machine may ask.
    token: Option<Secret>,
    /// Bytes the body of a request may have.
    #[setting(default = 8_388_608, min = 1, max = 1_073_741_824)]
    body_limit_bytes: u64,
    /// Seconds the head of a request may take to arrive; also how long a connection is kept without a request.
    #[setting(default = 30, min = 1, max = 3_600)]
    header_timeout_s: u64,
    /// Seconds the body of a request may take to arrive.
    #[setting(default = 60, min = 1, max = 3_600)]
    body_timeout_s: u64,
}

/// The points it touches.
#[derive(Ports)]
pub struct TransportHttpPorts {
    #[calls(hosting::STARTED_UP)]
    started_up: Caller<(), Ready>,
    #[says(hosting::LISTENING)]
    listening: Emitter<Listening>,
    #[calls(hosting::PLUGINS)]
    plugins: Caller<(), PluginList>,
    #[calls(HTTP_ROUTE, optional)]
    route: Caller<HttpRequest, HttpReply, HttpRoute>,
    #[calls(HTTP_STREAM, optional)]
    stream: StreamCaller<HttpRequest, HttpFrame, HttpRoute>,
}

impl Plugin for TransportHttp {
    type Ports = TransportHttpPorts;

    async fn start(self, ports: TransportHttpPorts, host: Host) -> Result<(), StartError> {
        let TransportHttpPorts { started_up, listening, plugins, route, stream } = ports;
        let wanted = address::parse(&self.listen)?;
        address::permit(wanted, self.token.as_ref())?;
        let socket = address::bind(wanted)?;
        let bound = socket.local_addr()?;

        let limits = Limits {
            body_bytes: usize::try_from(self.body_limit_bytes)?,
            body_time: Duration::from_secs(self.body_timeout_s),
        };
        let needs_token = self.token.is_some();
        let guard = Guard::new(bound, self.token);
        let desk = Arc::new(Desk::new(Bus::new(plugins, route, stream), guard, limits));
        let times = Times { head: Duration::from_secs(self.header_timeout_s), grace: GRACE };
        let server = Arc::new(Server::new(socket, app::app(desk.clone()), times));

        let (opening, opened) = (server.clone(), desk.clone());
        let said =
            Listening { protocol: "http".into(), address: format!("http://{bound}").into(), needs_token };
        host.spawn(async move {
            match started_up.call(()).await {
                Ok(_) => open(&opening, &opened, &said, &listening),
                // It ends before it was up, and whoever ended it says why.
                Err(error) if error.kind == CallErrorKind::Unavailable => {
                    tracing::debug!("the port stays closed: {error}");
                }
                Err(error) => tracing::error!("the port stays closed: {error}"),
            }
        });
        host.on_stop(async move {
            desk.set_ready(false);
            server.stop().await;
        });
        Ok(())
    }
}

/// Runs when start-up is over: until then a client finds the port closed instead of half the routes.
fn open(server: &Server, desk: &Desk<Bus>, said: &Listening, listening: &Emitter<Listening>) {
    // First, so that nobody who gets in is told to wait.
    desk.set_ready(true);
    match server.open() {
        Ok(true) => listening.emit(said),
        Ok(false) => {}
        Err(error) => tracing::error!("address `{}` cannot be opened: {error}", said.address),
    }
}

export_plugin!(TransportHttp, id = "transport-http", runtime = "tokio", capabilities = ["net"]);

#[cfg(test)]
mod setting_tests {
    use super::*;

    #[test]
    fn without_settings_it_is_for_this_machine_only() {
        let settings = TransportHttp::from_json("{}").unwrap();
        assert!(address::is_loopback(address::parse(&settings.listen).unwrap()));
        assert_eq!(settings.token, None);
        assert_eq!(settings.body_limit_bytes, 8 * 1024 * 1024);
    }

    #[test]
    fn limits_have_limits() {
        for settings in
            [r#"{"body_limit_bytes":0}"#, r#"{"header_timeout_s":0}"#, r#"{"body_timeout_s":3601}"#]
        {
            assert!(TransportHttp::from_json(settings).is_err(), "{settings}");
        }
    }
}
