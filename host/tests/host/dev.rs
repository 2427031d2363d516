//! `transom dev` follows the manifest; that it follows sources is shown by `tests/new-plugin`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::support::{Host, Manner, Scene, dylib, eventually, leash};

/// A plugin's crate whose build is a file that lies there already, and the manifest beside it.
fn scene() -> Scene {
    let scene = Scene::new(Manner::Linked);
    let library = dylib("word-count");
    scene.file("Cargo.toml", "");
    let crate_file = scene.work().join("Cargo.toml");
    let made = serde_json::json!({
        "reason": "compiler-artifact", "manifest_path": crate_file, "filenames": [library],
    });
    let cargo = scene.file("cargo", &format!("#!/bin/sh\nprintf '%s\\n' '{made}'\n"));
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("it is ours");
    write(&scene, "");
    scene
}

fn write(scene: &Scene, more: &str) {
    let words = format!("[[plugin]]\nid = \"word-count\"\nsource = \"{}\"\n", dylib("word-count").display());
    let rest = ["conversation-store", "provider-scripted", "session-orchestrator", "transport-http"];
    let rest: String = rest.iter().map(|id| format!("[[plugin]]\nid = \"{id}\"\n")).collect();
    // In one step, as editors do.
    scene.file("new.toml", &format!("{words}{rest}{more}"));
    fs::rename(scene.work().join("new.toml"), scene.work().join("transom.toml")).expect("it is put in place");
}

async fn runs(host: &Host, plugin: &str) -> bool {
    let listed = host.client.get("/plugins").await;
    let mut plugins = listed["plugins"].as_array().expect("a list").iter();
    plugins.any(|one| one["id"] == plugin && one["state"] == "running")
}

#[tokio::test]
async fn a_change_of_the_manifest_is_followed() {
    let scene = scene();
    let mut command = scene.bare_command(&["dev", "--listen", "127.0.0.1:0", "--json", "--data"]);
    command.arg(scene.data()).env("CARGO", scene.work().join("cargo"));
    let dev = Host::start(command).await;
    let status = async || {
        let mut asked = scene.bare_command(&["status", "--json", "--data"]);
        asked.arg(scene.data());
        let told = asked.output().await.expect("it runs").stdout;
        serde_json::from_slice::<Value>(&told).ok()
    };
    let told = eventually("the host", status, Option::is_some).await.expect("it is told");
    // The host is a process of its own, which must not outlive a test that fails.
    let _leash = leash(told["host"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a pid"));
    let watching = async || dev.errors().contains("files and the manifest");
    eventually("the watch", watching, |watching| *watching).await;

    write(&scene, "[[plugin]]\nid = \"skills\"\n");
    eventually("the plugin that was added", async || runs(&dev, "skills").await, |runs| *runs).await;
    // What is faulty changes nothing, and is no end.
    write(&scene, "[plugin]\n");
    write(&scene, "[[plugin]]\nid = \"tools-fs\"\n");
    eventually("the other that was added", async || runs(&dev, "tools-fs").await, |runs| *runs).await;
    eventually("the plugin that left", async || runs(&dev, "skills").await, |runs| !*runs).await;

    dev.signal("TERM").await;
    let (ended, errors) = dev.ended().await;
    assert_eq!(ended.code(), Some(130), "{errors}");
}
