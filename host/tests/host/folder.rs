//! A data folder that goes away under its host, is somebody else's, lies deep, or has a host that does not answer.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use rustix::process::geteuid;
use serde_json::{Value, json};

use super::support::{Host, Manner, Outcome, Scene, linked_and_dylib, text_of};

linked_and_dylib![
    a_host_whose_data_folder_is_removed_says_so_and_ends,
    a_host_that_was_stopped_by_a_signal_keeps_nobody_waiting,
];

async fn a_host_whose_data_folder_is_removed_says_so_and_ends(manner: Manner) {
    let scene = Scene::new(manner);
    let first = scene.start().await;
    first.client.turn("c", "[[say: before]]").await;
    let hanging = json!({ "conversationId": "d", "message": "[[say: so far]] [[hang]]" });
    let mut hanging = first.client.chat(&hanging).await;
    hanging.until("text-delta").await;
    std::fs::remove_dir_all(scene.data()).expect("it can be removed");
    // Nobody keeps another host from making it anew.
    let second = scene.start().await;
    let (ended, errors) = first.ended().await;
    assert_eq!(ended.code(), Some(1), "{errors}");
    let last = errors.lines().last().unwrap_or_default();
    let expected = format!(
        "error: the data folder `{}` was removed or replaced while the host ran on it; the host ends, since nothing could be kept",
        scene.data().display()
    );
    assert_eq!(last, expected, "{errors}");
    assert_eq!(scene.status().await["host"]["pid"], json!(second.pid()), "what is the second's stays");
    assert!(scene.data().join("run.json").is_file());
    assert_eq!(text_of(&second.client.turn("c", "[[say: after]]").await), "after");
    second.stop().await;
}

async fn a_host_that_was_stopped_by_a_signal_keeps_nobody_waiting(manner: Manner) {
    let scene = Scene::new(manner);
    let host = scene.start().await;
    host.signal("STOP").await;
    let expected =
        format!("process {}, was stopped by a signal and answers nobody\n  help: `kill -CONT", host.pid());
    let asking: Vec<_> = [
        &["status"][..],
        &["log"],
        &["reload", "--dry-run"],
        &["quarantine", "skills"],
        &["doctor"],
        &["backup", "kept.db"],
        &["list"],
        &["plugins"],
        &["chat", "hello"],
    ]
    .into_iter()
    .map(|arguments| (arguments, tokio::spawn(Outcome::of(scene.command(arguments)))))
    .collect();
    for (arguments, asked) in asking {
        let told = asked.await.expect("it does not panic");
        assert_eq!((told.code, told.output.as_str()), (Some(1), ""), "{arguments:?}: {told:?}");
        assert!(told.errors.contains(&expected), "{arguments:?}: {told:?}");
    }
    host.signal("CONT").await;
    scene.status().await;
    host.stop().await;
}

/// A host with the manifest of the scene, on a data folder of its own.
async fn start_on(scene: &Scene, data: &str) -> Host {
    // Writes the manifest.
    drop(scene.command(&[]));
    Host::start(scene.bare_command(&["up", "--listen", "127.0.0.1:0", "--json", "--data", data])).await
}

#[tokio::test]
async fn a_host_is_asked_in_a_folder_with_a_long_path() {
    let scene = Scene::new(Manner::Linked);
    let data = scene.data().join("far".repeat(60)).join("away".repeat(20)).display().to_string();
    let host = start_on(&scene, &data).await;
    assert_eq!(host.ready["data"], json!(data));
    let asked = async |arguments: &[&str]| {
        Outcome::of(scene.bare_command(&[arguments, &["--data", &data]].concat())).await
    };
    let status = asked(&["status", "--json"]).await;
    assert_eq!((status.code, status.errors.as_str()), (Some(0), ""), "{status:?}");
    let status: Value = serde_json::from_str(&status.output).expect("JSON");
    assert_eq!(status["host"]["pid"], json!(host.pid()));
    assert_eq!(asked(&["backup", "kept.db"]).await.code, Some(0));
    host.stop().await;
    let nobody = asked(&["status"]).await;
    assert!(nobody.errors.starts_with("error: no host runs on the data folder"), "{nobody:?}");
}

#[tokio::test]
async fn data_is_kept_nowhere_when_nobody_says_where() {
    let scene = Scene::new(Manner::Linked);
    // Writes the manifest.
    drop(scene.command(&[]));
    for (home, data_home) in [(None, None), (Some("home"), Some("data")), (Some(""), Some(""))] {
        for arguments in [&["up", "--listen", "127.0.0.1:0"][..], &["status"], &["backup", "kept.db"]] {
            let mut command = scene.bare_command(arguments);
            command.env_remove("HOME").env("TRANSOM_MANIFEST", scene.work().join("transom.toml"));
            for (name, value) in [("HOME", home), ("XDG_DATA_HOME", data_home)] {
                value.map(|value| command.env(name, value));
            }
            let told = Outcome::of(command).await;
            assert_eq!((told.code, told.output.as_str()), (Some(2), ""), "{arguments:?}: {told:?}");
            let expected = "error: there is no place for data: neither `XDG_DATA_HOME` nor `HOME` is set to an absolute path\n  help: set one of them, or name a folder with `--data PATH`";
            assert!(told.errors.starts_with(expected), "{arguments:?}: {told:?}");
        }
    }
}

#[tokio::test]
async fn a_data_folder_of_another_user_is_refused() {
    let scene = Scene::new(Manner::Linked);
    let data = scene.data();
    let foreign = if geteuid().is_root() {
        std::fs::create_dir(&data).expect("a new folder");
        std::fs::set_permissions(&data, Permissions::from_mode(0o777)).expect("it is ours");
        chown(&data, Some(65_534), None).expect("it may be given away");
        data
    } else {
        "/".into()
    };
    let arguments = ["up", "--listen", "127.0.0.1:0", "--data"];
    let mut command = scene.bare_command(&arguments);
    command.arg(&foreign);
    let told = Outcome::of(command).await;
    assert_eq!((told.code, told.output.as_str()), (Some(2), ""), "{told:?}");
    assert!(told.errors.contains(" belongs to another user (number "), "{told:?}");
    assert!(!foreign.join("lock").exists(), "nothing was written there");
}

/// A scene whose programs are stopped by permissions, also where an administrator runs the tests.
fn unprivileged() -> Scene {
    let scene = Scene::new(Manner::Linked);
    if geteuid().is_root() {
        scene.behind(&["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
    } else {
        scene
    }
}

fn change_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

#[tokio::test]
async fn a_host_that_one_may_not_ask_is_not_told_as_none() {
    let scene = unprivileged();
    let host = scene.start().await;
    change_mode(&scene.data(), 0);
    for arguments in [&["status"][..], &["log"], &["list"], &["doctor"], &["backup", "kept.db"]] {
        let told = scene.run(arguments).await;
        assert!(told.code != Some(0) && told.output.is_empty(), "{arguments:?}: {told:?}");
        assert!(told.errors.contains("permission denied"), "{arguments:?}: {told:?}");
        assert!(!told.errors.contains("no host runs"), "{arguments:?}: {told:?}");
    }
    change_mode(&scene.data(), 0o700);
    host.stop().await;
}

#[tokio::test]
async fn who_holds_a_folder_without_answering_is_named() {
    let scene = Scene::new(Manner::Linked);
    let _held = transom_host::data::DataFolder::hold(&scene.data()).expect("nobody has it");
    let told = scene.run(&["status"]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    let expected = format!("error: process {} holds the data folder ", std::process::id());
    assert!(told.errors.starts_with(&expected), "{told:?}");
    let copied = scene.run(&["backup", "kept.db"]).await;
    assert_eq!(copied.code, Some(2), "{copied:?}");
    assert!(copied.errors.contains("is held by another host"), "{copied:?}");
}
