//! The plugin from outside: what a turn's tools look like behind its filter, what its tools answer, and what becomes of servers that
//! behave badly.

#[path = "plugin/attacks.rs"]
mod attacks;
#[path = "plugin/folders.rs"]
mod folders;
#[path = "plugin/http.rs"]
mod http;
#[path = "plugin/python.rs"]
mod python;
#[path = "plugin/server.rs"]
mod server;
#[path = "plugin/world.rs"]
mod world;

use transom_agent::tool::{Effect, PRINTED, TOOL};
use transom_mcp::Mcp;
use transom_plugin_api::{List, Maybe};
use transom_testkit::{both_ways, contract_check, json};

use crate::world::{call, names, server, tools, with};

#[test]
fn a_server_of_the_operators_lists_its_tools_and_answers_calls() {
    both_ways(async |stand| {
        let stand = with(stand, json!({"real": server("real")})).await;
        let tools = tools(&stand).await;
        assert!(names(&tools).is_sorted());
        let echo = tools.iter().find(|tool| tool.name == "real__echo").expect("it is offered");
        assert_eq!(echo.description, "[real] It is echo.");
        assert_eq!(echo.effects, Maybe::Some(List::from([Effect::Reaches { whom: "real".into() }])));
        let side_by_side: Vec<_> =
            tools.iter().filter(|tool| tool.concurrency_safe).map(|tool| tool.name.as_str()).collect();
        assert_eq!(side_by_side, ["real__peek"]);
        let answer = call(&stand, "real__echo", json!({"text": "hello"})).await;
        assert_eq!((answer.content.as_str(), answer.is_error), ("real: hello", false));
        let answer = call(&stand, "real__fail", json!({})).await;
        assert_eq!((answer.content.as_str(), answer.is_error), ("it did not work", true));
        let cwd = call(&stand, "real__where", json!({})).await.content;
        assert_eq!(cwd, stand.root().to_str().expect("text"));
        stand.stop().await;
    });
}

#[test]
fn a_list_that_changes_counts_from_the_next_turn_on_and_its_bytes_are_stable_until_then() {
    both_ways(async |stand| {
        let stand = with(stand, json!({"real": server("real")})).await;
        let before = tools(&stand).await;
        assert_eq!(tools(&stand).await, before);
        call(&stand, "real__grow", json!({})).await;
        let served = stand.caller(TOOL);
        stand.until(|| served.names().iter().any(|name| name.name == "real__grown")).await;
        let behind = tools(&stand).await;
        assert!(names(&behind).contains(&"real__grown") && behind.len() == before.len() + 1);
        assert_eq!(call(&stand, "real__grown", json!({})).await.content, "real is grown");
        stand.stop().await;
    });
}

#[test]
fn how_a_call_goes_on_is_printed() {
    both_ways(async |stand| {
        let stand = with(stand, json!({"real": server("real")})).await;
        let printed = stand.record(PRINTED);
        tools(&stand).await;
        assert_eq!(call(&stand, "real__work", json!({})).await.content, "worked");
        let mut told = vec![printed.next().await.data, printed.next().await.data];
        told.sort();
        assert_eq!(told, ["1 of 2: half\n", "sawing\n"]);
        stand.stop().await;
    });
}

#[test]
fn only_tools_that_the_operator_chose_are_offered_and_answer() {
    both_ways(async |stand| {
        let mut real = server("real");
        (real["tools"], real["without"]) = (json!(["e*", "b*", "w*"]), json!(["big", "*ork"]));
        let stand = with(stand, json!({"real": real})).await;
        assert_eq!(names(&tools(&stand).await), ["real__echo", "real__where"]);
        assert!(stand.caller(TOOL).names().iter().all(|name| name.name != "real__crash"));
        stand.stop().await;
    });
}

#[test]
fn a_server_that_asks_for_a_model_or_a_folder_is_answered_at_once() {
    both_ways(async |stand| {
        let stand = with(stand, json!({"real": server("real")})).await;
        tools(&stand).await;
        assert_eq!(call(&stand, "real__ask", json!({})).await.content, "0 roots, refused");
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<Mcp>(json!({}));
}
