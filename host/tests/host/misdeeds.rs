//! A plugin that burdens the process without crashing it: what of it is contained, and what is told.

use serde_json::Value;

use super::support::{Host, Manner, Scene, dylib, eventually, text_of};

async fn started() -> (Scene, Host) {
    let source = dylib("unruly").display().to_string();
    let table = format!("[[plugin]]\nid = \"unruly\"\nsource = \"{source}\"\n");
    let scene = Scene::new(Manner::Linked).with_tables(&table);
    let host = scene.start().await;
    (scene, host)
}

async fn commit(host: &Host, kind: &str) {
    let (status, answer) = host.client.ask(&format!("/x/unruly/misdeed?kind={kind}")).await;
    assert_eq!(status, 200, "{answer}");
}

/// The host still holds a turn.
async fn check_serves(host: Host) {
    assert_eq!(text_of(&host.client.turn("c", "[[say: unmoved]]").await), "unmoved");
    host.stop().await;
}

#[tokio::test]
async fn threads_of_a_plugin_are_in_the_sum_that_the_status_tells() {
    let (scene, host) = started().await;
    let threads = async || scene.status().await["host"]["threads"].as_u64().expect("a number");
    let before = threads().await;
    commit(&host, "threads").await;
    // Some of the host's own may have ended meanwhile; those sixteen do not.
    let after = threads().await;
    assert!(after >= before + 12, "{before} before, {after} after");
    let shown = scene.run(&["status"]).await.output;
    assert!(shown.lines().next().is_some_and(|line| line.contains(" threads, ")), "{shown}");
    check_serves(host).await;
}

#[tokio::test]
async fn memory_that_a_plugin_keeps_is_in_the_sum_that_the_status_tells() {
    let (scene, host) = started().await;
    let resident = async || scene.status().await["host"]["residentBytes"].as_u64().expect("a number");
    let before = resident().await;
    commit(&host, "leak").await;
    let after = resident().await;
    assert!(after >= before + (48 << 20), "{before} before, {after} after");
    check_serves(host).await;
}

#[tokio::test]
async fn what_a_plugin_prints_passes_by_and_harms_nothing() {
    let (_scene, host) = started().await;
    commit(&host, "print").await;
    let printed = async || host.errors();
    eventually("the words", printed, |errors| errors.contains("a plugin prints past the host")).await;
    check_serves(host).await;
}

#[tokio::test]
async fn a_background_task_that_never_lets_go_of_its_thread_is_named() {
    let (scene, host) = started().await;
    commit(&host, "task").await;
    let named = async || {
        let running = scene.status().await["running"].clone();
        let is_it = |one: &Value| one["plugin"] == "unruly" && one["point"] == "a background task";
        running.as_array().is_some_and(|running| running.iter().any(is_it))
    };
    eventually("the name of who blocks", named, |named| *named).await;
    let told = async || host.errors();
    eventually("a line in the log", told, |errors| errors.contains("has kept thread")).await;
    host.kill().await;
}
