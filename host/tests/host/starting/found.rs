//! A manifest that lies in the folder: whose word it is before the operator has named it, and afterwards.

use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use super::super::support::{Manner, Outcome, Scene, eventually};
use super::ids;

/// A manifest in the folder that would start a program, on a data folder of its own. Where the program leaves its mark.
fn hostile() -> (Scene, std::path::PathBuf) {
    let mark = "servers = { evil = { command = [\"/bin/sh\", \"-c\", \"touch mark\"] } }";
    let scene = Scene::new(Manner::Linked).with_host("data = \"state\"").with("mcp", mark);
    // Writes the manifest.
    drop(scene.command(&[]));
    let mark = scene.work().join("mark");
    (scene, mark)
}

/// The program as a person starts it who has named nothing.
fn found(scene: &Scene, arguments: &[&str]) -> Command {
    let mut command = scene.bare_command(arguments);
    command.env("XDG_STATE_HOME", scene.work().join("../state"));
    command
}

async fn is_refused(scene: &Scene, arguments: &[&str]) {
    let refused = Outcome::of(found(scene, arguments)).await;
    assert_eq!((refused.code, refused.output.as_str()), (Some(2), ""), "{arguments:?}: {refused:?}");
    let reason = "error: nobody has named this manifest as it is now, and one that is found is not run";
    assert!(refused.errors.starts_with(reason), "{arguments:?}: {refused:?}");
    assert!(refused.errors.contains("`--manifest transom.toml`"), "{arguments:?}: {refused:?}");
}

async fn has_left(mark: &Path) {
    eventually("the program is started", async || mark.exists(), |is_there| *is_there).await;
}

#[tokio::test]
async fn a_manifest_that_is_found_is_not_run_before_it_is_named() {
    let (scene, mark) = hostile();
    let before = std::fs::read_dir(scene.work()).expect("it is there").count();
    for arguments in [
        &["up"][..],
        &["chat", "hello"],
        &["list"],
        &["read", "c"],
        &["answer"],
        &["trust"],
        &["status"],
        &["plugins"],
        &["doctor"],
        &["reload"],
        &["up", "--locked"],
    ] {
        is_refused(&scene, arguments).await;
    }
    let with_data = scene.data().display().to_string();
    is_refused(&scene, &["up", "--data", &with_data]).await;
    is_refused(&scene, &["chat", "hello", "--data", &with_data]).await;
    for arguments in [&["check"][..], &["graph"], &["check", "--manifest", "transom.toml"]] {
        let told = Outcome::of(found(&scene, arguments)).await;
        assert_eq!(told.code, Some(0), "who only reads it may: {told:?}");
    }
    is_refused(&scene, &["up"]).await;
    assert_eq!(std::fs::read_dir(scene.work()).expect("it is there").count(), before, "nothing was made");
    assert!(!mark.exists() && !scene.data().exists());
}

#[tokio::test]
async fn a_manifest_that_was_named_is_found_until_it_changes() {
    let (scene, mark) = hostile();
    let said = Outcome::of(found(&scene, &["chat", "hello", "--manifest", "transom.toml"])).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    has_left(&mark).await;
    let said = Outcome::of(found(&scene, &["chat", "hello"])).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let manifest = scene.work().join("transom.toml");
    let text = std::fs::read_to_string(&manifest).expect("it is there");
    std::fs::write(&manifest, format!("{text}\n# another one\n")).expect("written");
    is_refused(&scene, &["chat", "hello"]).await;
    let elsewhere = scene.work().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("made");
    std::fs::write(elsewhere.join("transom.toml"), &text).expect("written");
    let mut copied = found(&scene, &["chat", "hello"]);
    copied.current_dir(elsewhere);
    assert_eq!(Outcome::of(copied).await.code, Some(2), "it was named where it is");
    std::fs::write(&manifest, text).expect("written");
    let said = Outcome::of(found(&scene, &["chat", "hello"])).await;
    assert_eq!(said.code, Some(0), "as it was when it was named: {said:?}");
}

#[tokio::test]
async fn of_several_manifests_the_option_counts_then_the_environment_then_the_folder() {
    let scene = Scene::new(Manner::Linked);
    for (file, plugin) in
        [("transom.toml", "skills"), ("other.toml", "tools-fs"), ("third.toml", "provider-scripted")]
    {
        scene.file(file, &format!("[[plugin]]\nid = \"{plugin}\"\n"));
    }
    let named = ["transom.toml", "other.toml"].map(|file| ["plugins", "--json", "--manifest", file]);
    let third = scene.work().join("third.toml").display().to_string();
    for (arguments, environment, expected) in [
        (&named[0][..], third.as_str(), "skills"),
        (&named[1][..], "", "tools-fs"),
        (&["plugins", "--json"][..], &third, "provider-scripted"),
        (&["plugins", "--json"][..], "", "skills"),
    ] {
        let mut command = found(&scene, arguments);
        command.env("TRANSOM_MANIFEST", environment);
        let listed = Outcome::of(command).await;
        let document: Value = serde_json::from_str(&listed.output).expect("JSON");
        assert_eq!((listed.code, ids(&document)), (Some(0), vec![expected]));
    }
    let mut command = found(&scene, &["plugins"]);
    command.env("TRANSOM_MANIFEST", "transom.toml");
    let refused = Outcome::of(command).await;
    let reason = "error: `TRANSOM_MANIFEST` is a relative path, expected an absolute one";
    assert!(refused.code == Some(2) && refused.errors.starts_with(reason), "{refused:?}");
}
