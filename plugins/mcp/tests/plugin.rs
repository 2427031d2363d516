//! The plugin from outside: what a turn's tools look like behind its filter, what its tools answer, and what becomes of servers that
//! behave badly.

#[path = "plugin/server.rs"]
mod server;
#[path = "plugin/world.rs"]
mod world;

use transom_agent::tool::{Effect, PRINTED};
use transom_mcp::Mcp;
use transom_plugin_api::{List, Maybe};
use transom_testkit::{both_ways, contract_check, json};

use crate::world::{World, call, cli, get, names, server, tools, until, until_it_is, with};

#[test]
fn a_server_of_the_operators_lists_its_tools_and_answers_calls() {
    both_ways(async |stand| {
        let stand = with(stand, json!({"real": server("real")})).await;
        let tools = tools(&stand).await;
        assert_eq!(names(&tools)[..3], ["real__big", "real__crash", "real__echo"]);
        let echo = &tools[2];
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
fn it_keeps_the_contract_of_plugins() {
    contract_check::<Mcp>(json!({}));
}
