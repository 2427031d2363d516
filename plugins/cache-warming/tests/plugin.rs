//! The plugin from outside, between an orchestrator and a store that the test plays.

#[path = "plugin/doors.rs"]
mod doors;
#[path = "plugin/gain.rs"]
mod gain;
#[path = "plugin/surface.rs"]
mod surface;
#[path = "plugin/timers.rs"]
mod timers;
#[path = "plugin/trouble.rs"]
mod trouble;
#[path = "plugin/world.rs"]
mod world;

use std::time::Duration;

use serde_json::{Value, json as value};
use transom_agent::reach::{HTTP_ROUTE, HttpReply, HttpRequest};
use transom_cache_warming::CacheWarming;
use transom_plugin_api::{CallErrorKind, Json};
use transom_testkit::{Stand, contract_check, json};

use crate::world::World;

async fn started(stand: Stand, world: &World) -> Stand {
    let stand = stand.plugin::<CacheWarming>(json!({}));
    world.put_on(&stand);
    stand.start().await.expect("it starts");
    stand
}

/// A stand with a conversation `c` that is opted in by a choice, and whose last turn has just ended.
async fn opted_in(stand: Stand, world: &World, choice: Value) -> Stand {
    let stand = started(stand, world).await;
    choose(&stand, "c", choice).await;
    world.turn(&stand, "c");
    stand.advance(Duration::ZERO).await;
    stand
}

async fn request(stand: &Stand, name: &str, id: &str, body: Value) -> Result<Value, (CallErrorKind, String)> {
    let (method, path) = name.split_once(' ').expect("a name has a method");
    let mut request = HttpRequest::new(method, path).with_param("id", id);
    request.body = Json::from(body);
    let reply: Result<HttpReply, _> = stand.caller(HTTP_ROUTE).call_named(name, request).await;
    reply.map(|reply| reply.body.value()).map_err(|error| (error.kind, error.message.into_string()))
}

async fn try_to_choose(stand: &Stand, id: &str, choice: Value) -> Result<Value, (CallErrorKind, String)> {
    request(stand, "PUT /conversations/:id/cache-warming", id, choice).await
}

async fn choose(stand: &Stand, id: &str, choice: Value) -> Value {
    try_to_choose(stand, id, choice).await.expect("chosen")
}

async fn standing(stand: &Stand, id: &str) -> Value {
    request(stand, "GET /conversations/:id/cache-warming", id, Value::Null).await.expect("told")
}

async fn by_hand(stand: &Stand, id: &str) -> Result<Value, (CallErrorKind, String)> {
    request(stand, "POST /chat/warm", "", value!({"conversationId": id})).await
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn it_keeps_what_it_owes_its_host() {
    contract_check::<CacheWarming>(json!({}));
}
