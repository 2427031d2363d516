//! Asks prompts again before their provider forgets them.
//!
//! Providers keep what a request begins with for some minutes behind its last use. This plugin makes the request of a conversation's
//! next turn before that ends, with a probe behind it and room for one token, so that what a person says next finds the rest of its
//! prompt in the cache. Only for conversations that somebody has opted in; by hand for any.
//!
//! Hears [`STARTED`], [`SETTLED`], [`ANSWERED`], [`CHANGED`] and [`COMPACTED`]; says [`WARMED`] and [`SURFACE_CHANGED`]; answers [`WARM`]; asks models by
//! [`BESIDE`], and the conversation store for the rest. Serves `POST /chat/warm`, `GET` and `PUT /conversations/:id/cache-warming`,
//! the command `warm` and the surface `cache-warming`.
//! Does not know what a provider has in its cache: it believes what that tells. Adds nothing to a conversation.
//!
//! | file | subject |
//! |---|---|
//! | `book` | the rule: who is opted in, and what is due when |
//! | `gain` | the rule: whether and when a prompt is worth asking again |
//! | `money` | the rule: what requests cost and save, and the percentages |
//! | `record`, `shelf` | what is kept of a conversation, and where |
//! | `request` | one request |
//! | `flights` | the requests that are under way |
//! | `warmer` | timers, requests, storage: what becomes of the rules |
//! | `choice`, `routes`, `command`, `surface` | what somebody may choose, over HTTP, from a terminal and where clients draw it |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod book;
mod choice;
mod command;
mod flights;
mod gain;
mod money;
mod record;
mod request;
mod routes;
mod shelf;
mod surface;
mod warmer;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use transom_agent::cache::{WARM, WARMED, Warmed};
use transom_agent::compaction::{COMPACTED, Compacted};
use transom_agent::conversation::{CHANGED, Conversation, Conversations, FIND, LIST, Query};
use transom_agent::provider::{ANSWERED, FACTS, ModelAnswered, ModelFacts, ProviderEvent};
use transom_agent::reach::{
    CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute, Verb,
};
use transom_agent::refusal::check_conversation_id;
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_agent::surface::{
    SURFACE, SURFACE_ACTION, SURFACE_CHANGED, SurfaceAbout, SurfaceAct, SurfaceActed, SurfaceChanged,
    SurfaceOf, SurfaceSpec,
};
use transom_agent::turn::{AskBeside, BESIDE, SETTLED, STARTED, TurnSettled, TurnStarted};
use transom_plugin_api::prelude::*;

use crate::warmer::Warmer;

/// How long a stop, or another generation, waits until what came of requests is stored.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// What an operator may set.
#[derive(Clone, Debug, Settings)]
pub struct CacheWarming {
    /// Milliseconds between two requests of the mode `interval`, where nobody chose another time for the conversation. At least
    /// 1000, at most a day.
    #[setting(default = 240_000, min = 1_000, max = 86_400_000)]
    interval_ms: u64,
    /// How probable it is that somebody goes on with a conversation while its cache lasts once more, for the mode `gain`: 0 to 1.
    #[setting(default = 0.15, min = 0.0, max = 1.0)]
    chance: f64,
    /// US dollars that the mode `gain` expects of a request, at least.
    #[setting(default = 0.05, min = 0.0)]
    floor_usd: f64,
    /// Seconds behind the last turn after which the mode `gain` expects nobody any more.
    #[setting(default = 1_800)]
    stop_after_s: u32,
    /// Seconds that the answer to a request may take. At least 1.
    #[setting(default = 60, min = 1, max = 3_600)]
    timeout_s: u64,
}

/// The points it touches.
#[derive(Clone, Debug, Ports)]
pub struct CacheWarmingPorts {
    #[hears(STARTED)]
    started: Listener<TurnStarted>,
    #[hears(SETTLED)]
    settled: Listener<TurnSettled>,
    #[hears(ANSWERED)]
    answered: Listener<ModelAnswered>,
    #[hears(CHANGED)]
    changed: Listener<Conversation>,
    #[hears(COMPACTED)]
    compacted: Listener<Compacted>,
    #[says(WARMED)]
    warmed: Emitter<Warmed>,
    #[serves(SURFACE, names = ["cache-warming"])]
    surface: Server<SurfaceOf, SurfaceSpec, SurfaceAbout>,
    #[serves(SURFACE_ACTION, names = ["cache-warming"])]
    act: Server<SurfaceAct, SurfaceActed, SurfaceAbout>,
    #[says(SURFACE_CHANGED)]
    surface_changed: Emitter<SurfaceChanged>,
    #[serves(WARM)]
    warm: Server<Text, Warmed>,
    #[calls(BESIDE)]
    beside: StreamCaller<AskBeside, ProviderEvent>,
    #[calls(LIST)]
    list: Caller<Query, Conversations>,
    #[calls(FIND)]
    find: Caller<Text, Conversation>,
    #[calls(FACTS, optional)]
    facts: Caller<Text, ModelFacts>,
    #[calls(STORAGE_WRITE, optional)]
    write: Caller<StorageWrites, StorageWritten>,
    #[calls(STORAGE_READ, optional)]
    read: Caller<StorageRead, StorageRows>,
    #[serves(HTTP_ROUTE, names = ["GET /conversations/:id/cache-warming", "POST /chat/warm", "PUT /conversations/:id/cache-warming"])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
    #[serves(CLI_COMMAND, names = ["warm"])]
    commands: Server<CliCall, CliOutcome, Verb>,
}

impl Plugin for CacheWarming {
    type Ports = CacheWarmingPorts;

    async fn start(self, ports: CacheWarmingPorts, host: Host) -> Result<(), StartError> {
        let warmer = Arc::new(Warmer::new(&self, ports.clone(), host.clone()));
        listen(&warmer, &ports)?;
        ports.warm.serve_with(&warmer, async |warmer, id, _| {
            check_conversation_id("conversationId", &id)?;
            warmer.warm(&id).await
        })?;
        command::register(&warmer, &ports.commands)?;
        routes::register(&warmer, &ports.routes)?;
        surface::register(&warmer, &ports.surface, &ports.act)?;
        host.spawn(Arc::clone(&warmer).run());
        host.spawn(Arc::clone(&warmer).keep());
        host.spawn(Arc::clone(&warmer).restore());
        leave(&warmer, &host);
        Ok(())
    }
}

/// What is not stored yet is stored before another generation reads it, and before a stop. What could not be in time is reckoned anew
/// behind the next turn, but for its money.
fn leave(warmer: &Arc<Warmer>, host: &Host) {
    let leaving = Arc::clone(warmer);
    host.hand_over(move || {
        let leaving = Arc::clone(&leaving);
        async move {
            leaving.write_last(LAST_WRITE).await;
            Ok(())
        }
    });
    let leaving = Arc::clone(warmer);
    host.on_drain(move |_| {
        leaving.leave();
        ready(())
    });
    let leaving = Arc::clone(warmer);
    host.on_stop(async move { leaving.write_last(LAST_WRITE).await });
}

/// Hears what happens in the order in which it does, without a mailbox that could lose some of it.
fn listen(warmer: &Arc<Warmer>, ports: &CacheWarmingPorts) -> Result<(), StartError> {
    let told = Arc::clone(warmer);
    ports.started.inline(move |turn, _| told.turn_started(&turn.conversation_id))?;
    let told = Arc::clone(warmer);
    ports.settled.inline(move |turn, _| {
        told.change_of(&turn.conversation_id, |book, now_ms| book.turn_ended(&turn.conversation_id, now_ms));
    })?;
    let told = Arc::clone(warmer);
    ports.answered.inline(move |answered, _| told.answered(answered))?;
    let told = Arc::clone(warmer);
    ports
        .changed
        .inline(move |known, _| told.change_of(&known.id, |book, now_ms| book.changed(known, now_ms)))?;
    let told = Arc::clone(warmer);
    ports.compacted.inline(move |compacted, _| {
        let id = &compacted.conversation_id;
        told.change_of(id, |book, now_ms| book.summed_up(id, now_ms));
    })
}

export_plugin!(CacheWarming, id = "cache-warming");
