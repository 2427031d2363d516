//! A secret is where it was granted, and nowhere else: not in the log, in what commands print, or in a file.
//!
//! What a plugin itself writes of its secrets is its own affair; the keeper writes none, and is as clumsy as it can be.

use std::path::Path;

use super::support::{Manner, Outcome, Scene, dylib, eventually, linked_and_dylib};

linked_and_dylib![a_secret_shows_nowhere, a_secret_does_not_show_when_its_plugin_cannot_start];

/// One comes from the environment, and one from a file outside of the data folder.
const KEY: &str = "canary-8d1f-of-the-settings";
const HARBOUR: &str = "canary-77b0-of-the-secrets";

fn scene(manner: Manner, settings: &str) -> Scene {
    let source = dylib("unruly").display().to_string();
    let tables = format!(
        "[secrets]\nharbour = \"file:harbour.key\"\n\n\
         [[plugin]]\nid = \"keeper\"\nsource = \"{source}\"\ncapabilities = [\"secrets:harbour\"]\n\
         [plugin.settings]\nkey = \"env:KEEPER_KEY\"\n{settings}"
    );
    let scene = Scene::new(manner).with_host("log = \"trace\"").with_tables(&tables);
    scene.file("harbour.key", &format!("{HARBOUR}\n"));
    scene.with_variable("KEEPER_KEY", KEY)
}

#[track_caller]
fn check(place: &str, text: &str) {
    for canary in [KEY, HARBOUR] {
        assert!(!text.contains(canary), "`{canary}` is in {place}:\n{text}");
    }
}

async fn check_commands(scene: &Scene) {
    let file = dylib("unruly").display().to_string();
    let commands: [&[&str]; 8] = [
        &["status"],
        &["graph"],
        &["graph", "--dot"],
        &["check"],
        &["plugins"],
        &["explain"],
        &["lock"],
        &["inspect", &file],
    ];
    for command in commands {
        for json in [&[][..], &["--json"]] {
            let Outcome { code, output, errors, .. } = scene.run(&[command, json].concat()).await;
            // A host that did not start has no status, and that is told without a secret too.
            assert!(code == Some(0) || command == ["status"], "{command:?}: {errors}");
            check(&format!("the output of {command:?}"), &(output + &errors));
        }
    }
}

/// Looks for the canaries in every file, whatever it is.
fn check_files(folder: &Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("it can be read to its end").path();
        if path.is_dir() {
            count += check_files(&path);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let holds = |canary: &str| memchr::memmem::find(&bytes, canary.as_bytes()).is_some();
            assert!(!holds(KEY) && !holds(HARBOUR), "a secret is in `{}`", path.display());
            count += 1;
        }
    }
    count
}

async fn a_secret_shows_nowhere(manner: Manner) {
    let scene = scene(manner, "");
    let host = scene.start().await;
    check("the ready line", &host.ready.to_string());
    let kept = host.client.get("/x/keeper").await;
    let backwards = |text: &str| text.chars().rev().collect::<String>();
    assert_eq!(kept["backwards"], serde_json::json!([backwards(KEY), backwards(HARBOUR)]), "it has both");
    check("an answer", &kept.to_string());
    for (route, status) in [("/x/keeper/fail", 500), ("/x/keeper/panic", 500)] {
        let (found, answer) = host.client.ask(route).await;
        assert_eq!(found, status, "{answer}");
        check("an error", &answer.to_string());
    }
    host.client.turn("c", "what do you keep?").await;
    for route in ["/plugins", "/health", "/conversations/c"] {
        check(route, &host.client.get(route).await.to_string());
    }
    let logged = async || host.errors();
    let log = eventually("the panic in the log", logged, |log| log.contains("dropped Kept")).await;
    assert!(log.contains("keeps what it was given") && log.contains("was asked how it is"), "{log}");
    check_commands(&scene).await;
    host.signal("TERM").await;
    let (status, log) = host.ended().await;
    assert!(status.success(), "{log}");
    check("the log", &log);
    assert!(check_files(&scene.data()) > 2, "the store has a file, and so have the host and the images");
}

async fn a_secret_does_not_show_when_its_plugin_cannot_start(manner: Manner) {
    let scene = scene(manner, "fails = true\n");
    let host = scene.start().await;
    let ready = host.ready.to_string();
    assert!(ready.contains("cannot keep Kept"), "{ready}");
    check("the ready line", &ready);
    check("a listing", &host.client.get("/plugins").await.to_string());
    check_commands(&scene).await;
    host.signal("TERM").await;
    let (_, log) = host.ended().await;
    check("the log", &log);
    check_files(&scene.data());
}
