//! Serves over HTTP whatever routes are registered.
//!
//! Says [`LISTENING`](hosting::LISTENING) and [`ENDED`]; hears the host's [`STOPPING`](hosting::STOPPING), and tells it
//! [`FIGURES`](hosting::FIGURES). Asks whoever registered at [`HTTP_ROUTE`] and [`HTTP_STREAM`], and the host's
//! [`STARTED_UP`](hosting::STARTED_UP) and [`PLUGINS`](hosting::PLUGINS).
//! Does not know what it serves, keep anything between two requests, or speak TLS.
//!
//! Where it listens, who is let in and how connections are served is the crate `transom-entrance`, which transports share.
//!
//! The socket is the host's. When the plugin is reloaded the next generation accepts from it before this one stops to, and
//! this one serves what it has accepted; a client notices nothing unless its request takes longer than a reload waits.
//!
//! | file | subject |
//! |---|---|
//! | `door` | what opens when start-up is over |
//! | `app` | one request, from the guard to the answer |
//! | `cross_origin` | what a page of another origin is told, where such pages are served |
//! | `pattern`, `table` | names of routes, and the route of a path |
//! | `past`, `missing` | routes that are not served any more; what is told of those that are not there |
//! | `own`, `openapi` | the transport's own routes, and what is served, written as OpenAPI |
//! | `decode`, `body` | what a client sent, checked and read |
//! | `reply`, `frames`, `format` | what it gets: one document, or a stream of them as NDJSON or SSE |
//! | `viewings` | streams of conversations that are open, and what is told when they end |
//! | `follow`, `untaken` | a stream that goes on with the documents of another request; one that nobody takes |
//! | `failure` | what it gets instead |
//! | `routes`, `bus` | the far side as the server sees it, and that side's bus |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking"))]

mod app;
mod body;
mod bus;
mod cross_origin;
mod decode;
mod door;
mod failure;
mod follow;
mod format;
mod frames;
mod missing;
mod openapi;
mod own;
mod past;
mod pattern;
mod reply;
mod routes;
mod table;
#[cfg(test)]
mod tests;
mod untaken;
mod viewings;

use std::sync::Arc;
use std::time::Duration;

use transom_agent::reach::{HTTP_ROUTE, HTTP_STREAM, HttpFrame, HttpReply, HttpRequest, HttpRoute};
use transom_agent::stream::{ENDED, StreamEnd, StreamEnded};
use transom_entrance::{Origins, Times, address, start_up};
use transom_plugin_api::hosting::{self, Figures, Listening, PluginList, Ready, Stopping};
use transom_plugin_api::{
    Caller, Emitter, Host, Listener, Map, Plugin, Ports, Secret, Server, Settings, StartError, StreamCaller,
    export_plugin,
};

use crate::app::Limits;
use crate::bus::Bus;
use crate::door::Door;
use crate::viewings::Viewings;

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
    /// Other origins whose pages may ask, such as `https://app.example`. Left out, only pages from here may.
    origins: Vec<String>,
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
    #[hears(hosting::STOPPING)]
    stopping: Listener<Stopping>,
    #[says(ENDED)]
    ended: Emitter<StreamEnded>,
    #[serves(hosting::FIGURES, names = ["transport-http"])]
    figures: Server<(), Figures, ()>,
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
        let TransportHttpPorts { started_up, listening, stopping, ended, figures, plugins, route, stream } =
            ports;
        let wanted = address::parse(&self.listen)?;
        address::permit(wanted, self.token.as_ref())?;
        let origins = Origins::parse(&self.origins)?;
        let limits = Limits {
            body_bytes: usize::try_from(self.body_limit_bytes)?,
            body_time: Duration::from_secs(self.body_timeout_s),
        };
        let times = Times { head: Duration::from_secs(self.header_timeout_s), grace: GRACE };
        let server = Arc::new(transom_entrance::Server::new(times));
        let clock = host.clone();
        let viewings = Viewings::new(move |stream| ended.emit(stream), move || clock.now_ms());
        let stops = Arc::clone(&viewings);
        stopping.inline(move |_, _| stops.leave(StreamEnd::HostStopped))?;
        figures.serve_named_with("transport-http", (), &viewings, async |viewings, (), _| {
            Ok(Figures { figures: Map::from_iter([("viewers", viewings.open())]) })
        })?;
        let door = Door {
            host: host.clone(),
            server: server.clone(),
            bus: Bus::new(plugins, route, stream),
            address: wanted,
            token: self.token,
            origins,
            limits,
            listening,
            viewings: Arc::clone(&viewings),
        };
        if start_up::is_over(&started_up).await {
            // A later generation: it takes over while the one before still serves, or leaves it where it is.
            door.open()?;
        } else {
            address::probe(wanted)?;
            host.spawn(start_up::open_after(started_up, move || door.open()));
        }
        let retiring = server.clone();
        host.on_drain(move |patience| {
            let server = retiring.clone();
            viewings.leave(StreamEnd::Reloaded);
            // Its successor has its place by now, and accepts from the same socket.
            async move { server.retire(patience).await }
        });
        host.on_stop(async move { server.stop().await });
        Ok(())
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
