//! `transom new plugin`: what it writes, and what it refuses to. That the crate builds and runs is shown by
//! `tests/new-plugin`.

use std::fs;

use serde_json::Value;

use super::support::{Manner, Outcome, Scene};

async fn made(scene: &Scene, arguments: &[&str]) -> Outcome {
    Outcome::of(scene.bare_command(&[&["new", "plugin"], arguments].concat())).await
}

#[tokio::test]
async fn a_new_plugin_is_written_under_its_name() {
    let scene = Scene::new(Manner::Linked);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("somewhere/owl");
    let path = path.to_str().expect("text");
    let outcome = made(&scene, &["night-owl", "--path", path, "--json"]).await;
    assert_eq!((outcome.code, outcome.errors.as_str()), (Some(0), ""));
    let document: Value = serde_json::from_str(&outcome.output).expect("JSON");
    assert_eq!(
        (&document["ok"], &document["id"], &document["folder"]),
        (&true.into(), &"night-owl".into(), &path.into())
    );
    for file in document["files"].as_array().expect("a list") {
        let text =
            fs::read_to_string(format!("{path}/{}", file.as_str().expect("text"))).expect("it was written");
        assert!(!text.is_empty());
    }
    let code = fs::read_to_string(format!("{path}/src/lib.rs")).expect("it has code");
    assert!(code.contains("export_plugin!(NightOwl, id = \"night-owl\");"), "{code}");
    let manifest = fs::read_to_string(format!("{path}/transom.toml")).expect("it has a manifest");
    assert!(manifest.contains("source = \"target/debug/libnight_owl.so\""), "{manifest}");
}

#[tokio::test]
async fn what_is_there_is_never_written_over() {
    let scene = Scene::new(Manner::Linked);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("text");
    assert_eq!(
        made(&scene, &["owl", "--path", path]).await.code,
        Some(0),
        "an empty folder is as good as none"
    );
    fs::write(folder.path().join("src/lib.rs"), "a day's work").expect("written");
    let again = made(&scene, &["owl", "--path", path]).await;
    let expected = format!("error: folder `{path}` is not empty\n  help: name another one with `--path`\n");
    assert_eq!((again.code, again.errors, again.output.as_str()), (Some(2), expected, ""));
    assert_eq!(fs::read_to_string(folder.path().join("src/lib.rs")).expect("it is there"), "a day's work");
}

#[tokio::test]
async fn a_name_that_cannot_be_is_refused_with_the_rule() {
    let scene = Scene::new(Manner::Linked);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new");
    let path = path.to_str().expect("text");
    for (name, words) in [
        ("Night_Owl", "a name is lower-case words joined by `-`"),
        ("fn", "a crate cannot be called `fn`"),
        ("skills", "this program has `skills` inside already"),
    ] {
        let refused = made(&scene, &[name, "--path", path]).await;
        assert_eq!((refused.code, refused.output.as_str()), (Some(2), ""));
        assert!(
            refused.errors.contains(words) && refused.errors.contains("\n  help: "),
            "{}",
            refused.errors
        );
        let refused = made(&scene, &[name, "--path", path, "--json"]).await;
        let document: Value = serde_json::from_str(&refused.output).expect("JSON");
        assert_eq!(document["ok"], false);
        assert!(document["faults"][0]["help"].is_string(), "{document}");
    }
    assert!(!folder.path().join("new").exists(), "nothing is made before the name is known to be good");
}

#[tokio::test]
async fn the_way_into_its_folder_can_be_pasted() {
    let scene = Scene::new(Manner::Linked);
    let made = made(&scene, &["owl", "--path", "night watch"]).await;
    assert!(made.output.contains("\n  cd 'night watch'\n"), "{made:?}");
}
