//! Shows to clients what plugins have to show, and lets them use it.
//!
//! Asks whoever serves [`SURFACE`] and [`SURFACE_ACTION`]; hears [`SURFACE_CHANGED`] and the host's [`PLUGIN_CHANGED`]. Serves
//! `GET /surfaces`, `GET /surfaces/:id`, `GET /surfaces/events`, `POST /surfaces/:id/actions/:action`, the operations
//! `surfaces.list` and `surfaces.invoke`, the subscription `surfaces` and the command `surfaces`. Has one surface of its own,
//! `loaded-extensions`, and says when that changes.
//! Does not know any other surface, draw one, or keep anything of it.
//!
//! | file | subject |
//! |---|---|
//! | `check` | the rule: what a surface may be |
//! | `payload` | the rule: what may be sent to a field |
//! | `hub` | who looks at what, and what changed for him meanwhile |
//! | `viewing` | what somebody is shown, at a moderate pace |
//! | `desk` | surfaces and actions, asked for and checked |
//! | `wanted` | what requests and messages ask for |
//! | `routes`, `events`, `operations`, `command` | the ways to get at it |
//! | `drawing` | a surface as text |
//! | `extensions` | the surface of its own |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod check;
mod command;
mod desk;
mod drawing;
mod events;
mod extensions;
mod hub;
mod operations;
mod payload;
mod routes;
mod viewing;
mod wanted;

use std::sync::Arc;

use transom_agent::conversation::{Conversation, Conversations, FIND, LIST, Query};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HTTP_STREAM, HttpFrame, HttpReply, HttpRequest, HttpRoute,
    Verb, WS_OPERATION, WS_SUBSCRIPTION, WsPush,
};
use transom_agent::surface::{
    SURFACE, SURFACE_ACTION, SURFACE_CHANGED, SurfaceAbout, SurfaceAct, SurfaceActed, SurfaceChanged,
    SurfaceOf, SurfaceSpec,
};
use transom_plugin_api::hosting::{PLUGIN_CHANGED, PLUGINS, PluginChange, PluginList};
use transom_plugin_api::prelude::*;
use transom_plugin_api::sabotage::sabotaged;

use crate::desk::Desk;

/// What an operator may set: nothing.
#[derive(Debug, Settings)]
pub struct SurfaceRegistry {}

/// The points it touches.
#[derive(Clone, Debug, Ports)]
pub struct SurfaceRegistryPorts {
    #[calls(SURFACE, optional)]
    show: Caller<SurfaceOf, SurfaceSpec, SurfaceAbout>,
    #[calls(SURFACE_ACTION, optional)]
    act: Caller<SurfaceAct, SurfaceActed, SurfaceAbout>,
    #[hears(SURFACE_CHANGED)]
    changed: Listener<SurfaceChanged>,
    #[says(SURFACE_CHANGED)]
    change: Emitter<SurfaceChanged>,
    #[serves(SURFACE, names = ["loaded-extensions"])]
    own: Server<SurfaceOf, SurfaceSpec, SurfaceAbout>,
    #[calls(PLUGINS)]
    plugins: Caller<(), PluginList>,
    #[hears(PLUGIN_CHANGED)]
    plugin_changed: Listener<PluginChange>,
    #[calls(FIND, optional)]
    find: Caller<Text, Conversation>,
    #[calls(LIST, optional)]
    list: Caller<Query, Conversations>,
    #[serves(HTTP_ROUTE, names = ["GET /surfaces", "GET /surfaces/:id", "POST /surfaces/:id/actions/:action"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(HTTP_STREAM, names = ["GET /surfaces/events"])]
    streams: StreamServer<HttpRequest, HttpFrame, HttpRoute>,
    #[serves(WS_OPERATION, names = ["surfaces.invoke", "surfaces.list"])]
    operations: Server<Json, Json, Verb>,
    #[serves(WS_SUBSCRIPTION, names = ["surfaces"])]
    subscriptions: StreamServer<Json, WsPush, Verb>,
    #[serves(CLI_COMMAND, names = ["surfaces"])]
    commands: Server<CliCall, CliOutcome, Verb>,
}

impl Plugin for SurfaceRegistry {
    type Ports = SurfaceRegistryPorts;

    async fn start(self, ports: SurfaceRegistryPorts, host: Host) -> Result<(), StartError> {
        let desk = Arc::new(Desk::new(ports.clone(), host.clone()));
        let hearing = Arc::clone(&desk);
        // It only notes it.
        ports.changed.inline(move |changed, _| {
            hearing.hub().changed(changed);
            if sabotaged("surface-have-who-says-it-wait") {
                // As if it were shown before anybody goes on.
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        })?;
        extensions::register(&desk, &ports)?;
        routes::register(&desk, &ports.routes)?;
        events::register(&desk, &ports.streams)?;
        operations::register(&desk, &ports.operations, &ports.subscriptions)?;
        command::register(&desk, &ports.commands)?;
        host.on_drain(move |_| {
            // Who looks on goes to the next generation.
            desk.hub().send_away();
            std::future::ready(())
        });
        Ok(())
    }
}

export_plugin!(SurfaceRegistry, id = "surface-registry");
