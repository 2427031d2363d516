//! Serves conversations over WebSocket: any number of them on one connection.
//!
//! Says [`LISTENING`](hosting::LISTENING) and [`ENDED`]; hears [`OPENED`], [`CHANGED`], [`COMPACTED`] and the host's
//! [`STOPPING`](hosting::STOPPING), and tells it [`FIGURES`](hosting::FIGURES); asks whoever answers [`START`], [`STOP`],
//! [`WATCH`] and [`ANSWER`], if they are there [`ENQUEUE`], [`REQUEUE`] and [`FIND`], and whoever registered at
//! [`WS_OPERATION`] and [`WS_SUBSCRIPTION`].
//! Does not keep anything of a conversation, decide what a viewer is shown, or speak TLS.
//!
//! # Shared frames
//!
//! Every viewer has a stream of its own from the orchestrator, with its own cursor and at its own pace: one that is slow is
//! shown joined pieces, and one that comes back reads what it missed. So viewers of one conversation may be at different places
//! and see the same text cut differently, and one stream for all of them would have to do again, here, what the
//! orchestrator does for each. What they do have in common, frame by frame, is written once: what was written last is
//! kept, up to a bound, and a frame that is *equal* to one of those is sent as the same bytes. Equality is looked at, not
//! only place and length, so this can cost time when it misses, but never show anything wrong.
//!
//! # A connection
//!
//! It is one task with everything in it: dropping it ends every stream and every call. What goes out waits in one queue that is
//! bounded in bytes; while that is full no stream is read, so a client that reads slowly holds up only its own streams,
//! and the orchestrator joins what waits there. Operations on one conversation are done one after the other, as they
//! came; those on different ones side by side.
//!
//! | file | subject |
//! |---|---|
//! | `door` | what opens when start-up is over |
//! | `app` | one request: let in and upgraded, or refused |
//! | `handshake` | what makes a request one for a WebSocket, and what it is answered |
//! | `connections` | how many there may be, and how they end |
//! | `connection` | one of them: what it was asked, what runs for it |
//! | `end` | why it ends |
//! | `asked`, `fields` | what a client says, checked and read |
//! | `lanes` | what waits behind what |
//! | `perform` | one operation, from the call to the reply |
//! | `view` | one conversation on one connection, through reloads of the orchestrator |
//! | `subscriptions`, `push` | what plugins push to a connection, and one stream of it |
//! | `viewings` | what is watched, and what is told when that ends |
//! | `encoded` | frames, written once for all viewers |
//! | `board` | news for everybody: the latest of each conversation |
//! | `said` | what clients are told |
//! | `outbox`, `wire`, `pulse` | on its way out; the socket; whether the other end lives |
//! | `conversations`, `bus` | the far side as a connection sees it, and that side's bus |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking"))]

mod app;
mod asked;
mod board;
mod bus;
mod connection;
mod connections;
mod conversations;
mod door;
mod encoded;
mod end;
mod fields;
mod handshake;
mod lanes;
mod outbox;
mod perform;
mod pulse;
mod push;
mod said;
mod subscriptions;
#[cfg(test)]
mod tests;
mod view;
mod viewings;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use transom_agent::compaction::{COMPACTED, Compacted};
use transom_agent::conversation::{CHANGED, Conversation, FIND, OPENED, Opened};
use transom_agent::event::AgentEvent;
use transom_agent::question::{ANSWER, AnswerQuestion, Answered};
use transom_agent::queue::{ENQUEUE, Enqueue, Enqueued, REQUEUE, Requeue, Requeued};
use transom_agent::reach::{Verb, WS_OPERATION, WS_SUBSCRIPTION, WsPush};
use transom_agent::stream::{ENDED, StreamEnd, StreamEnded};
use transom_agent::turn::{START, STOP, StartTurn, Stopped, TurnStarted, WATCH, Watch};
use transom_entrance::{Origins, Times, address, start_up};
use transom_plugin_api::hosting::{self, Figures, Listening, Ready, Stopping};
use transom_plugin_api::{
    Caller, Emitter, Host, Json, Listener, Map, Plugin, Ports, Secret, Server, Settings, StartError,
    StreamCaller, Text, export_plugin,
};

use crate::board::Board;
use crate::bus::Bus;
use crate::connection::{Limits, Shared};
use crate::connections::{Connections, Leave};
use crate::door::Door;
use crate::encoded::Encoder;
use crate::viewings::Viewings;

/// For what is under way when the plugin is stopped: less than the 5 s that all of its stopping may take.
const GRACE: Duration = Duration::from_secs(4);

/// Where WebSockets are served, to whom, and how much of it.
#[derive(Settings)]
pub struct TransportWs {
    /// IP address and port. Anything but a loopback address needs `token`; port 0 picks a free one.
    #[setting(default = "127.0.0.1:24205")]
    listen: String,
    /// What clients send as `Authorization: Bearer …`, or a page as the protocol `transom.bearer.…`. Left out, everybody on
    /// this machine may ask.
    token: Option<Secret>,
    /// Other origins whose pages may connect, such as `https://app.example`. Left out, only pages from here may.
    origins: Vec<String>,
    /// Bytes a message of a client may have.
    #[setting(default = 1_048_576, min = 1_024, max = 67_108_864)]
    message_limit_bytes: u32,
    /// Connections there may be.
    #[setting(default = 1_024, min = 1, max = 65_535)]
    connections: u32,
    /// Conversations that one connection may watch.
    #[setting(default = 256, min = 1, max = 10_000)]
    subscriptions: u32,
    /// Bytes that may wait for one client.
    #[setting(default = 1_048_576, min = 65_536, max = 268_435_456)]
    outbound_limit_bytes: u32,
    /// Seconds between two pings; a client that answers neither is gone.
    #[setting(default = 15, min = 1, max = 3_600)]
    ping_s: u32,
    /// Seconds for which a client may take nothing while something waits for it.
    #[setting(default = 60, min = 1, max = 3_600)]
    stall_s: u32,
    /// Seconds a request may take to arrive.
    #[setting(default = 30, min = 1, max = 3_600)]
    header_timeout_s: u32,
}

/// The points it touches.
#[derive(Ports)]
pub struct TransportWsPorts {
    #[calls(hosting::STARTED_UP)]
    started_up: Caller<(), Ready>,
    #[says(hosting::LISTENING)]
    listening: Emitter<Listening>,
    #[hears(hosting::STOPPING)]
    stopping: Listener<Stopping>,
    #[says(ENDED)]
    ended: Emitter<StreamEnded>,
    #[serves(hosting::FIGURES, names = ["transport-ws"])]
    figures: Server<(), Figures, ()>,
    #[hears(OPENED)]
    opened: Listener<Opened>,
    #[hears(COMPACTED)]
    compacted: Listener<Compacted>,
    #[hears(CHANGED)]
    changed: Listener<Conversation>,
    #[calls(START)]
    start: Caller<StartTurn, TurnStarted>,
    #[calls(STOP)]
    stop: Caller<Text, Stopped>,
    #[calls(WATCH)]
    watch: StreamCaller<Watch, AgentEvent>,
    #[calls(ANSWER)]
    answer: Caller<AnswerQuestion, Answered>,
    #[calls(ENQUEUE, optional)]
    enqueue: Caller<Enqueue, Enqueued>,
    #[calls(REQUEUE, optional)]
    requeue: Caller<Requeue, Requeued>,
    #[calls(FIND, optional)]
    find: Caller<Text, Conversation>,
    #[calls(WS_OPERATION, optional)]
    operation: Caller<Json, Json, Verb>,
    #[calls(WS_SUBSCRIPTION, optional)]
    subscription: StreamCaller<Json, WsPush, Verb>,
}

impl TransportWs {
    fn limits(&self) -> Limits {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Limits {
            message_bytes: self.message_limit_bytes as usize,
            subscriptions: self.subscriptions as usize,
            outbound_bytes: self.outbound_limit_bytes,
            ping: seconds(self.ping_s),
            stall: seconds(self.stall_s),
        }
    }
}

impl Plugin for TransportWs {
    type Ports = TransportWsPorts;

    async fn start(self, ports: TransportWsPorts, host: Host) -> Result<(), StartError> {
        let wanted = address::parse(&self.listen)?;
        address::permit(wanted, self.token.as_ref())?;
        let origins = Origins::parse(&self.origins)?;
        let board = Arc::new(Board::default());
        let (opened, changed, compacted) = (board.clone(), board.clone(), board.clone());
        // They only put a short text into a map.
        ports.opened.inline(move |event, _| opened.post_opened(event))?;
        ports.compacted.inline(move |event, _| compacted.post_compacted(event))?;
        ports.changed.inline(move |conversation, _| changed.post_status(conversation))?;
        let times = Times { head: Duration::from_secs(self.header_timeout_s.into()), grace: GRACE };
        let server = Arc::new(transom_entrance::Server::new(times));
        let connections = Arc::new(Connections::new(self.connections));
        let (clock, ended) = (host.clone(), ports.ended);
        let viewings = Arc::new(Viewings::new(move |view| ended.emit(view), move || clock.now_ms()));
        let stops = viewings.clone();
        ports.stopping.inline(move |_, _| stops.leave(StreamEnd::HostStopped))?;
        let counted = (viewings.clone(), connections.clone());
        ports.figures.serve_named_with(
            "transport-ws",
            (),
            &counted,
            async |(viewings, connections), (), _| {
                let figures = [("viewers", viewings.open()), ("connections", connections.count())];
                Ok(Figures { figures: Map::from_iter(figures) })
            },
        )?;
        let limits = self.limits();
        let bus = Bus {
            start: ports.start,
            stop: ports.stop,
            watch: ports.watch,
            answer: ports.answer,
            enqueue: ports.enqueue,
            requeue: ports.requeue,
            find: ports.find,
            operation: ports.operation,
            subscription: ports.subscription,
        };
        let door = Door {
            host: host.clone(),
            server: server.clone(),
            connections: connections.clone(),
            shared: Arc::new(Shared {
                far: bus,
                encoder: Encoder::default(),
                board,
                limits,
                viewings: viewings.clone(),
            }),
            address: wanted,
            token: self.token,
            origins,
            listening: ports.listening,
        };
        if start_up::is_over(&ports.started_up).await {
            // A later generation: it takes over while the one before still serves, or leaves it where it is.
            door.open()?;
        } else {
            address::probe(wanted)?;
            host.spawn(start_up::open_after(ports.started_up, move || door.open()));
        }
        let retiring = (server.clone(), connections.clone());
        host.on_drain(move |patience| {
            let (server, connections) = retiring.clone();
            viewings.leave(StreamEnd::Reloaded);
            async move {
                // Its successor accepts from the same socket by now, and clients come back to that with their cursors.
                tokio::join!(server.retire(patience), connections.dismiss(Leave::Replaced, patience));
            }
        });
        host.on_stop(async move {
            tokio::join!(server.stop(), connections.dismiss(Leave::Stopping, GRACE));
        });
        Ok(())
    }
}

export_plugin!(TransportWs, id = "transport-ws", runtime = "tokio", capabilities = ["net"]);

#[cfg(test)]
mod setting_tests {
    use super::*;

    #[test]
    fn without_settings_it_is_for_this_machine_only() {
        let settings = TransportWs::from_json("{}").unwrap();
        assert!(address::is_loopback(address::parse(&settings.listen).unwrap()));
        assert!(settings.token.is_none() && settings.origins.is_empty());
        let limits = settings.limits();
        assert_eq!((limits.message_bytes, limits.subscriptions), (1 << 20, 256));
        assert_eq!((limits.ping.as_secs(), limits.stall.as_secs()), (15, 60));
    }

    #[test]
    fn limits_have_limits() {
        for settings in [
            r#"{"message_limit_bytes":0}"#,
            r#"{"connections":0}"#,
            r#"{"subscriptions":100000}"#,
            r#"{"outbound_limit_bytes":1}"#,
            r#"{"ping_s":0}"#,
            r#"{"stall_s":3601}"#,
        ] {
            assert!(TransportWs::from_json(settings).is_err(), "{settings}");
        }
    }
}
