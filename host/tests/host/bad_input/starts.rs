//! Plugins that cannot start: what only shows when they run.

use serde_json::json;

use super::super::support::{Host, Manner, Scene, dylib, linked_and_dylib, text_of};
use super::plugin;

/// How a start fails, and what is said about it.
const FAILURES: [(&str, &str); 4] = [
    ("panic", "panicked: threw a tantrum"),
    ("error", "does not feel like it"),
    ("pend", "its `start` did not return within 1000 ms"),
    ("block", "its `start` did not return within 1000 ms"),
];

/// The bundled plugins, an unruly one and its follower.
fn scene(manner: Manner, behaviour: &str, extra: &str) -> Scene {
    let file = dylib("unruly").display().to_string();
    let tables = format!(
        "{}start_deadline_s = 1\n{extra}\n[plugin.settings]\nmanner = \"{behaviour}\"\n\n{}",
        plugin("unruly", &file),
        plugin("follower", &file)
    );
    Scene::new(manner).with_tables(&tables)
}

async fn a_plugin_that_cannot_start_is_disabled_with_its_dependents_and_the_host_serves(manner: Manner) {
    for (behaviour, reason) in FAILURES {
        let scene = scene(manner, behaviour, "");
        let host = scene.start().await;

        let disabled = host.ready["disabled"].as_array().expect("a list");
        let ids: Vec<_> = disabled.iter().map(|one| one["plugin"].as_str().expect("an id")).collect();
        assert_eq!(ids, ["unruly", "follower"]);
        let told = disabled[0]["reason"].as_str().expect("a reason");
        assert!(told.contains(reason), "{told}");
        let cause = disabled[1]["reason"].as_str().expect("a reason");
        assert!(cause.contains("needs `unruly` for `unruly/order`"), "{cause}");
        check_listings(&host, reason).await;

        let (status, answer) = host.client.ask("/x/unruly").await;
        assert_eq!(status, 404, "a route of a plugin that did not start: {answer}");
        let frames = host.client.turn("c", "hello").await;
        assert!(!text_of(&frames).is_empty(), "it serves: {frames:?}");
        assert!(!host.errors().contains("backtrace"), "{}", host.errors());
        host.stop().await;
    }
}

async fn check_listings(host: &Host, reason: &str) {
    let health = host.client.get("/health").await;
    assert_eq!(health, json!({ "ok": true, "degraded": ["unruly", "follower"] }));
    let plugins = host.client.get("/plugins").await;
    for plugin in plugins["plugins"].as_array().expect("a list") {
        let (id, state) = (plugin["id"].as_str().expect("an id"), plugin["state"].as_str().expect("a state"));
        let told = plugin["reason"].as_str().unwrap_or_default();
        match id {
            "unruly" => assert!(state == "disabled" && told.contains(reason), "{plugin}"),
            "follower" => assert!(state == "disabled" && told.contains("needs `unruly`"), "{plugin}"),
            _ => assert!(state == "running" && told.is_empty(), "{plugin}"),
        }
    }
}

async fn a_required_plugin_that_cannot_start_ends_the_host(manner: Manner) {
    for (behaviour, reason) in FAILURES {
        let scene = scene(manner, behaviour, "required = true");
        check_end(&scene, &[], reason).await;
    }
}

async fn with_strict_any_plugin_that_cannot_start_ends_the_host(manner: Manner) {
    for (behaviour, reason) in FAILURES {
        check_end(&scene(manner, behaviour, ""), &["--strict"], reason).await;
    }
    let scene = scene(manner, "error", "").with_host("strict = true");
    check_end(&scene, &[], "does not feel like it").await;
}

async fn check_end(scene: &Scene, options: &[&str], reason: &str) {
    let mut arguments = vec!["up", "--listen", "127.0.0.1:0"];
    arguments.extend(options);
    let ended = scene.run(&arguments).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(2), ""), "{}", ended.errors);
    let last = ended.errors.lines().last().unwrap_or_default();
    assert!(last.contains("plugin `unruly` did not start") && last.contains(reason), "{}", ended.errors);
    assert!(!scene.data().join("run.json").exists());
}

async fn what_only_shows_when_it_runs_is_no_fault_for_check(manner: Manner) {
    let scene = scene(manner, "error", "");
    let ended = scene.run(&["check"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
}

async fn a_route_that_panics_harms_nobody_else(manner: Manner) {
    let scene = scene(manner, "well", "");
    let host = scene.start().await;
    assert_eq!(host.ready["disabled"], json!([]));
    let (status, answer) = host.client.ask("/x/unruly").await;
    assert_eq!(status, 500);
    assert!(!answer.to_string().contains("slammed"), "a panic's text is for the log: {answer}");
    assert!(host.errors().contains("slammed the door"), "{}", host.errors());
    assert!(!host.errors().contains("backtrace"), "{}", host.errors());
    let frames = host.client.turn("c", "hello").await;
    assert!(!text_of(&frames).is_empty(), "it serves: {frames:?}");
    host.stop().await;
}

linked_and_dylib!(
    a_plugin_that_cannot_start_is_disabled_with_its_dependents_and_the_host_serves,
    a_required_plugin_that_cannot_start_ends_the_host,
    with_strict_any_plugin_that_cannot_start_ends_the_host,
    what_only_shows_when_it_runs_is_no_fault_for_check,
    a_route_that_panics_harms_nobody_else,
);
