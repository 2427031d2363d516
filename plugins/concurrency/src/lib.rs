//! Lets only so many requests go to a provider at once.
//!
//! Serves [`SLOT`] and routes below `/concurrency`; hears [`ANSWERED`]; keeps what is set at run time in the store, where there is
//! one. Does not make requests, and never takes a slot away: it lives as long as its stream.
//!
//! # The rule
//!
//! A provider is what stands before the first `/` of a model's name. Without a limit a request is granted at once. With
//! one, at most so many slots are in use, and those that wait are granted in the order in which somebody began to wait for
//! them. A slot that was given back rests, and counts, for a while: the provider may take as long to notice.
//!
//! When a provider says that it had too many requests, nothing is granted for as long as it asks, else for `pause_s`; and where there
//! is a limit, that is lowered by one, for good. Setting a limit over HTTP says that it was seen. Requests that were under way
//! when a pause began lower it no further.
//!
//! What was granted before there was a limit is not counted.
//!
//! # Generations
//!
//! A reload grants no more than the limit: see `handover.rs`. A request that waits is told `Retired`, and asked for again by whoever
//! wants it; since it says since when it waits, it loses no place.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed"))]

mod handover;
mod keep;
mod line;
mod place;
mod routes;
mod slots;
mod terms;

use std::collections::BTreeMap;
use std::future::ready;
use std::num::NonZeroU32;
use std::sync::Arc;

use transom_agent::provider::{ANSWERED, ModelAnswered, SLOT, SlotRequest, SlotState};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest, HttpRoute};
use transom_agent::refusal::shown;
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRead, StorageRows, StorageWrites, StorageWritten,
};
use transom_plugin_api::prelude::*;

use crate::handover::{Left, Predecessor, RELEASED, Released, SUCCEED, Succession};
use crate::keep::Keeper;
use crate::slots::{Rules, Slots};
use crate::terms::is_provider;

/// What an operator may set.
#[derive(Debug, Settings)]
pub struct Concurrency {
    /// How many requests may go to a provider at once, by what stands before the first `/` of its models' names. At least 1
    /// each; no limit for those that are not listed. What is set over HTTP comes before it.
    pub limits: BTreeMap<String, NonZeroU32>,
    /// Milliseconds for which a slot counts as in use after its request. At most 600000.
    #[setting(default = 350, max = 600000)]
    pub cooldown_ms: u64,
    /// Seconds for which no request is made after a provider had too many, unless it says for how long. At least 1.
    #[setting(default = 30, min = 1, max = 3600)]
    pub pause_s: u64,
}

/// The points this plugin touches.
#[derive(Clone, Debug, Ports)]
pub struct ConcurrencyPorts {
    #[serves(SLOT)]
    slot: StreamServer<SlotRequest, SlotState>,
    #[hears(ANSWERED)]
    answered: Listener<ModelAnswered>,
    #[calls(STORAGE_READ, optional)]
    read: Caller<StorageRead, StorageRows>,
    #[calls(STORAGE_WRITE, optional)]
    write: Caller<StorageWrites, StorageWritten>,
    #[serves(SUCCEED)]
    succeed: Server<Maybe<Left>, u64>,
    #[calls(SUCCEED, optional)]
    next: Caller<Maybe<Left>, u64>,
    #[says(RELEASED)]
    releases: Emitter<Released>,
    #[hears(RELEASED)]
    released: Listener<Released>,
    #[serves(HTTP_ROUTE, names = [
        "GET /concurrency/limits",
        "GET /concurrency/limits/:provider",
        "PUT /concurrency/limits/:provider",
        "DELETE /concurrency/limits/:provider",
        "GET /concurrency/cooldown/:provider",
        "PUT /concurrency/cooldown/:provider",
        "GET /concurrency/status",
    ])]
    routes: Server<HttpRequest, HttpReply, HttpRoute>,
}

impl Plugin for Concurrency {
    type Ports = ConcurrencyPorts;

    async fn start(self, ports: ConcurrencyPorts, host: Host) -> Result<(), StartError> {
        let rules = rules(self)?;
        let before = host.handed_over::<Succession>()?.map_or(0, |before| before.generation);
        let generation = before + 1;
        let said = keep::said(&ports.read).await?;
        let slots = Slots::new(host.clone(), ports.releases.clone(), rules, said, generation);
        let keeper = Keeper::new(Arc::clone(&slots), ports.write.clone());
        serve(&slots, &ports, &host)?;
        be_succeeded(&slots, &keeper, &ports, (&host, generation))?;
        routes::register(&slots, &keeper, &ports.routes)?;
        host.spawn(Arc::clone(&keeper).run(host.clone()));
        host.on_stop(async move { keeper.flush().await });
        Ok(())
    }
}

fn rules(settings: Concurrency) -> Result<Rules, StartError> {
    if let Some(name) = settings.limits.keys().find(|name| !is_provider(name)) {
        let problem = format!("`{}` in setting `limits` is no name of a provider", shown(name, 80));
        return Err(StartError::new(problem).help("use 1 to 64 characters of `A–Z a–z 0–9 - _ .`"));
    }
    Ok(Rules {
        limits: settings.limits.into_iter().map(|(name, limit)| (name, limit.get())).collect(),
        cooldown_ms: settings.cooldown_ms,
        pause_ms: settings.pause_s.saturating_mul(1_000),
    })
}

fn serve(slots: &Arc<Slots>, ports: &ConcurrencyPorts, host: &Host) -> Result<(), StartError> {
    let (asked, clock) = (Arc::clone(slots), host.clone());
    ports
        .slot
        .serve(move |request, items, _| place::serve(Arc::clone(&asked), clock.clone(), request, items))?;
    let heard = Arc::clone(slots);
    ports.answered.inline(move |answer, _| heard.answered(answer))?;
    let (heard, id) = (Arc::clone(slots), host.id().to_owned());
    ports.released.inline(move |released, context| {
        if context.caller() == id {
            heard.released(released);
        }
    })
}

fn be_succeeded(
    slots: &Arc<Slots>,
    keeper: &Arc<Keeper>,
    ports: &ConcurrencyPorts,
    (host, generation): (&Host, u64),
) -> Result<(), StartError> {
    let (told, myself) = (Arc::clone(slots), host.clone());
    ports.succeed.serve(move |left, context| {
        ready(handover::succeed(&told, left, context.caller(), &myself).map(|()| generation))
    })?;
    let (slots, keeper) = (Arc::clone(slots), Arc::clone(keeper));
    let leaving = Predecessor { generation, slots, keeper, next: ports.next.clone(), host: host.clone() };
    let drained = leaving.clone();
    host.hand_over(move || {
        leaving.watch();
        ready(Ok(Succession { generation }))
    });
    host.on_drain(move |_| {
        let drained = drained.clone();
        async move { drained.stand_back().await }
    });
    Ok(())
}

export_plugin!(Concurrency, id = "concurrency");
