//! Every surface there is.

use serde_json::{Value, json as value};
use transom_agent::queue::{Delivery, ENQUEUE, Enqueue};
use transom_agent::tool::{TOOL, ToolCall};
use transom_cache_warming::CacheWarming;
use transom_message_queue::MessageQueue;
use transom_plugin_api::{CallErrorKind, Maybe};
use transom_surface_registry::SurfaceRegistry;
use transom_testkit::{Stand, both_ways, json};
use transom_todo::TodoLists;

use super::client::{Events, act, drawn, show, surfaces};
use super::world::{ID, put_on};

async fn started(stand: Stand) -> Stand {
    let stand = stand.plugin::<SurfaceRegistry>(json!({})).plugin::<TodoLists>(json!({}));
    let stand = stand.plugin::<MessageQueue>(json!({})).plugin::<CacheWarming>(json!({}));
    put_on(&stand);
    stand.start().await.expect("they start");
    stand
}

/// Something to do, and a message that waits.
async fn furnish(stand: &Stand) {
    let input = value!({"todos": [{"content": "look", "status": "completed"}]}).into();
    let [tool_call_id, turn_id, cwd] = ["call", "turn", "/"].map(Into::into);
    let call = ToolCall { tool_call_id, input, conversation_id: ID.into(), turn_id, cwd };
    stand.caller(TOOL).call_named("todo_write", call).await.expect("it is written");
    let [conversation_id, text] = [ID, "hello"].map(Into::into);
    let workspace_id = Maybe::None;
    let message = Enqueue { conversation_id, text, delivery: Delivery::Queue, workspace_id };
    stand.caller(ENQUEUE).call(message).await.expect("it waits");
}

#[test]
fn who_knows_only_the_kinds_of_fields_draws_and_uses_every_surface_of_the_bundled_plugins() {
    both_ways(async |stand| {
        let stand = started(stand).await;
        furnish(&stand).await;
        let mut seen = Vec::new();
        for id in surfaces(&stand).await {
            let mut events = Events::of(&stand);
            events.until(|told| told["surfaceId"] == id.as_str()).await;
            let before = show(&stand, &id).await;
            for field in before["fields"].as_array().expect("fields") {
                let (drawing, used) = drawn(field);
                seen.push(format!("{id}: {drawing}"));
                let Some((action, payload)) = used else { continue };
                act(&stand, &id, &action, &payload).await.unwrap_or_else(|error| panic!("{id}: {error}"));
                let wrong = act(&stand, &id, &action, &value!({"not": "this"})).await;
                let kind = wrong.expect_err("no field takes that").kind;
                assert!(matches!(kind, CallErrorKind::InvalidInput | CallErrorKind::NotFound), "{kind:?}");
            }
            if before["fields"].as_array().into_iter().flatten().any(|field| !field["action"].is_null()) {
                let is_new = |told: &Value| told["surfaceId"] == id.as_str() && told["spec"] != before;
                events.until(is_new).await;
            }
        }
        let expected = [
            "cache-warming: Keep it in the cache",
            "cache-warming: Asked again: never",
            "cache-warming: Ask now",
            "loaded-extensions: Running: 4 of 4",
            "loaded-extensions: <table>",
            "message-queue: Waiting: 1",
            "message-queue: 1, behind the turn: hello",
            "message-queue: Take out 1",
            "todo: Done: 1 of 1",
            "todo: <todo>",
        ];
        assert_eq!(seen, expected);
        stand.stop().await;
    });
}

#[test]
fn a_surface_goes_with_its_plugin_and_that_is_told() {
    both_ways(async |stand| {
        let stand = started(stand).await;
        let mut events = Events::of(&stand);
        let has_todo = |told: &Value| {
            told["surfaces"].as_array().is_some_and(|all| all.iter().any(|one| one["id"] == "todo"))
        };
        events.until(|told| told["type"] == "catalog" && has_todo(told)).await;
        stand.kernel().remove("todo", std::time::Duration::from_secs(5)).await.expect("it is taken out");
        events.until(|told| told["type"] == "catalog" && !has_todo(told)).await;
        drop(events);
        stand.stop().await;
    });
}
