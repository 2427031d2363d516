//! The plugin from outside, between an orchestrator and a store that the test plays.

#[path = "plugin/world.rs"]
mod world;

use tokio::task::yield_now;
use transom_agent::conversation::CHANGED;
use transom_agent::queue::{DELIVERED, Delivered, Delivery, ENQUEUE, QUEUE, REQUEUE, Requeue, TAKE};
use transom_agent::reach::{HTTP_ROUTE, HttpRequest};
use transom_agent::surface::{Field, SURFACE, SURFACE_ACTION, SURFACE_CHANGED, SurfaceAct, SurfaceOf};
use transom_agent::turn::{EndReason, SETTLED};
use transom_message_queue::MessageQueue;
use transom_plugin_api::{CallErrorKind, Json, Maybe};
use transom_testkit::{Stand, both_ways, contract_check, json};

use crate::world::{World, message, settled};

/// A queue in front of an orchestrator.
async fn started(stand: Stand, world: &World) -> Stand {
    let stand = stand.plugin::<MessageQueue>(json!({}));
    world.put_on(&stand);
    stand.start().await.expect("it starts");
    stand
}

/// Waits until it is so; `both_ways` bounds it.
async fn eventually(is_so: impl AsyncFn() -> bool) {
    while !is_so().await {
        yield_now().await;
    }
}

#[test]
fn a_message_begins_a_turn_and_the_next_one_waits_for_its_end() {
    both_ways(async |stand| {
        let world = World::default();
        let stand = started(stand, &world).await;
        let (enqueue, ended) = (stand.caller(ENQUEUE), stand.emitter(SETTLED));
        let first = enqueue.call(message("a", Delivery::Queue)).await.expect("it is taken");
        assert_eq!((first.started_turn, first.turn_id.as_deref()), (true, Some("turn-1")));
        for text in ["b", "c"] {
            let next = enqueue.call(message(text, Delivery::Queue)).await.expect("it is taken");
            assert!(!next.started_turn && !next.queue.queue.is_empty());
        }
        world.end();
        ended.emit(&settled(EndReason::Stop));
        stand.until(|| world.said() == ["a", "b\n\nc"]).await;
        let list = stand.caller(QUEUE);
        eventually(async || list.call("c".into()).await.expect("it answers").queue.is_empty()).await;
        stand.stop().await;
    });
}

#[test]
fn what_steers_is_given_out_until_it_is_delivered_and_the_rest_can_be_changed() {
    both_ways(async |stand| {
        let world = World::default();
        world.begin("other", "other").expect("none runs");
        let stand = started(stand, &world).await;
        let (enqueue, take) = (stand.caller(ENQUEUE), stand.caller(TAKE));
        enqueue.call(message("left", Delivery::Steer)).await.expect("it is taken");
        let queued = enqueue.call(message("later", Delivery::Queue)).await.expect("it is taken");
        let given =
            take.call("c".into()).await.expect("it answers").steering.into_option().expect("it steers");
        assert_eq!(given.text, "left");
        assert_eq!(take.call("c".into()).await.expect("it answers").steering, Some(given.clone()));
        let delivered = Delivered { conversation_id: "c".into(), message_id: given.message_id };
        let left = stand.caller(DELIVERED).call(delivered).await.expect("it answers");
        assert_eq!(left.queue.len(), 1);
        let change =
            Requeue { conversation_id: "c".into(), message_id: queued.message_id, text: Maybe::None };
        let changed = stand.caller(REQUEUE).call(change).await.expect("it answers");
        assert!(changed.found && changed.queue.queue.is_empty());
        stand.stop().await;
    });
}

#[test]
fn what_waits_outlives_a_restart_and_goes_when_everything_has_started() {
    both_ways(async |stand| {
        let world = World::default();
        world.begin("other", "other").expect("none runs");
        let stand = started(stand, &world).await;
        let sent = stand.caller(ENQUEUE).call(message("a", Delivery::Queue)).await.expect("it is taken");
        let stopped = stand.stop().await;
        world.end();
        let stand = started(stopped.stand(), &world).await;
        stand.until(|| world.said() == ["other", "a"]).await;
        assert_eq!(world.last_id(), sent.message_id);
        stand.stop().await;
    });
}

#[test]
fn what_waits_is_a_surface_with_a_button_to_take_it_out() {
    both_ways(async |stand| {
        let world = World::default();
        world.begin("other", "other").expect("none runs");
        let stand = started(stand, &world).await;
        let changed = stand.record(SURFACE_CHANGED);
        stand.caller(ENQUEUE).call(message("hello", Delivery::Queue)).await.expect("it is taken");
        assert_eq!(changed.all().last().expect("it is said").conversation_id.as_deref(), Some("c"));
        let (show, act) = (stand.caller(SURFACE), stand.caller(SURFACE_ACTION));
        let shown = async || {
            let of = SurfaceOf { conversation_id: "c".into() };
            show.call_named("message-queue", of).await.expect("it is there").fields
        };
        let fields = shown().await;
        assert_eq!(fields[0], Field::Stat { label: "Waiting".into(), value: "1".into() });
        assert_eq!(fields[1], Field::Stat { label: "1, behind the turn".into(), value: "hello".into() });
        let press = async |action: &str| {
            let (payload, conversation_id) = (Json::default(), "c".into());
            let pressed = SurfaceAct { action: action.into(), payload, conversation_id };
            act.call_named("message-queue", pressed).await.map(drop).map_err(|error| error.kind)
        };
        let action = fields[2].action().expect("it is a button");
        let said = changed.all().len();
        assert_eq!(press(action).await, Ok(()));
        assert!(changed.all().len() > said);
        assert_eq!(shown().await.len(), 1);
        for action in [action.as_str(), "cancel.", "fly"] {
            assert_eq!(press(action).await, Err(CallErrorKind::NotFound), "{action}");
        }
        stand.stop().await;
    });
}

#[test]
fn a_close_holds_what_waits_until_somebody_speaks() {
    both_ways(async |stand| {
        let world = World::default();
        world.begin("other", "other").expect("none runs");
        let stand = started(stand, &world).await;
        let (enqueue, list) = (stand.caller(ENQUEUE), stand.caller(QUEUE));
        let (changed, ended) = (stand.emitter(CHANGED), stand.emitter(SETTLED));
        enqueue.call(message("a", Delivery::Queue)).await.expect("it is taken");
        world.close();
        changed.emit(&world.conversation());
        ended.emit(&settled(EndReason::Aborted));
        eventually(async || list.call("c".into()).await.expect("it answers").held).await;
        assert_eq!(world.said(), ["other"]);
        let sent = enqueue.call(message("b", Delivery::Queue)).await.expect("it is taken");
        assert!(sent.started_turn && !sent.queue.held);
        assert_eq!(world.said(), ["other", "a\n\nb"]);
        stand.stop().await;
    });
}

#[test]
fn the_routes_say_what_the_services_say() {
    both_ways(async |stand| {
        let world = World::default();
        world.begin("other", "other").expect("none runs");
        let stand = started(stand, &world).await;
        let routes = stand.caller(HTTP_ROUTE);
        let ask = async |route: &str, message_id: &str, body: serde_json::Value| {
            let request = HttpRequest::new("", "").with_param("id", "c").with_param("messageId", message_id);
            routes.call_named(route, HttpRequest { body: Json::from(body), ..request }).await
        };
        let posted =
            ask("POST /conversations/:id/queue", "", json!({"text": "a"})).await.expect("it is taken");
        let posted = posted.body.value();
        let id = posted["messageId"].as_str().expect("text");
        let one = "PUT /conversations/:id/queue/:messageId";
        ask(one, id, json!({"text": "b"})).await.expect("it waits");
        let unknown = ask(one, "nobody", json!({"text": "b"})).await.expect_err("nobody waits");
        assert_eq!(unknown.kind, CallErrorKind::NotFound);
        let listed = ask("GET /conversations/:id/queue", "", json!(null)).await.expect("it answers");
        assert_eq!(listed.body.value()["queue"][0]["text"], "b");
        let gone =
            ask("DELETE /conversations/:id/queue/:messageId", id, json!(null)).await.expect("it waits");
        assert_eq!(
            gone.body.value(),
            json!({"conversationId": "c", "cancelled": true, "queue": [], "held": false})
        );
        let wrong = ask("POST /conversations/:id/queue", "", json!({"txt": "a"})).await.expect_err("a typo");
        assert_eq!(wrong.kind, CallErrorKind::InvalidInput);
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<MessageQueue>(json!({}));
}
