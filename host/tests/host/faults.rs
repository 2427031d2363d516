//! A plugin that keeps failing leaves the bus, and the host serves on; or ends, when it cannot do without.

use serde_json::json;

use super::support::{Host, Manner, Scene, dylib, eventually, linked_and_dylib, text_of};

linked_and_dylib![
    a_plugin_that_panics_five_times_is_quarantined_and_harms_nobody_else,
    a_required_plugin_that_is_quarantined_ends_the_host,
    a_required_plugin_is_put_into_quarantine_only_where_the_end_of_the_host_is_meant,
    a_budget_in_the_manifest_is_kept,
];

/// A scene with a plugin whose route panics, and what its table in the manifest says besides.
fn scene(manner: Manner, table: &str) -> Scene {
    let source = dylib("unruly").display().to_string();
    Scene::new(manner).with_tables(&format!("[[plugin]]\nid = \"unruly\"\nsource = \"{source}\"\n{table}"))
}

async fn panic_once(host: &Host) {
    let (status, answer) = host.client.ask("/x/unruly").await;
    assert_eq!(status, 500, "{answer}");
}

async fn a_plugin_that_panics_five_times_is_quarantined_and_harms_nobody_else(manner: Manner) {
    let scene = scene(manner, "");
    let host = scene.start().await;
    for _ in 0..5 {
        panic_once(&host).await;
    }
    let degraded = async || host.client.get("/health").await["degraded"].clone();
    eventually("the quarantine", degraded, |degraded| *degraded == json!(["unruly"])).await;
    let (status, answer) = host.client.ask("/x/unruly").await;
    let told = "`GET /x/unruly` is served by `unruly`, which is quarantined: `GET /plugins` says why, and `transom release unruly` puts it back";
    assert_eq!((status, &answer["error"]), (503, &json!(told)), "its route has left with it");
    let listed = host.client.get("/plugins").await;
    let unruly = listed["plugins"].as_array().expect("a list").iter().find(|plugin| plugin["id"] == "unruly");
    let unruly = unruly.expect("it is listed");
    assert_eq!(unruly["state"], "quarantined");
    let reason = unruly["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("5 faults within 60 s, the last at `http/route`: "), "{reason}");
    assert_eq!(
        (&unruly["faults"][0]["point"], &unruly["faults"][0]["count"]),
        (&json!("http/route"), &json!(5))
    );
    let frames = host.client.turn("c", "[[say: undisturbed]]").await;
    assert_eq!(text_of(&frames), "undisturbed", "{frames:?}");
    host.stop().await;
}

async fn a_required_plugin_that_is_quarantined_ends_the_host(manner: Manner) {
    let scene = scene(manner, "required = true\n");
    let host = scene.start().await;
    for _ in 0..5 {
        panic_once(&host).await;
    }
    let (status, errors) = host.ended().await;
    assert_eq!(status.code(), Some(1), "{errors}");
    let last = errors.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("error: plugin `unruly`, which is required, was quarantined: 5 faults"),
        "{errors}"
    );
}

async fn a_required_plugin_is_put_into_quarantine_only_where_the_end_of_the_host_is_meant(manner: Manner) {
    let scene = scene(manner, "required = true\n");
    let host = scene.start().await;
    let refused = scene.run(&["quarantine", "unruly"]).await;
    assert_eq!((refused.code, refused.output.as_str()), (Some(1), ""), "{refused:?}");
    assert_eq!(
        refused.errors,
        "error: plugin `unruly` is `required`: without it the host would end, with exit code 1\n  \
         help: take `required` out of its table in the manifest and `transom reload unruly`, then this can be done; or add \
         `--even-required` to end the host with it\n"
    );
    panic_once(&host).await;
    let done = scene.run(&["quarantine", "--even-required", "unruly"]).await;
    assert_eq!(
        done.output, "plugin `unruly` is quarantined; the host ends, since it is `required`\n",
        "{done:?}"
    );
    let (status, errors) = host.ended().await;
    assert_eq!(status.code(), Some(1), "{errors}");
    assert!(errors.trim_end().ends_with("was quarantined: the operator asked for it"), "{errors}");
}

async fn a_budget_in_the_manifest_is_kept(manner: Manner) {
    let scene = scene(manner, "faults = { limit = 2 }\n");
    let host = scene.start().await;
    panic_once(&host).await;
    assert_eq!(host.client.get("/health").await["degraded"], json!([]));
    panic_once(&host).await;
    let degraded = async || host.client.get("/health").await["degraded"].clone();
    eventually("the quarantine", degraded, |degraded| *degraded == json!(["unruly"])).await;
    host.stop().await;
}
