//! `write_file` on real files.

use serde_json::{Value, json};

use super::*;
use crate::scene::{SECRET, Scene};

fn write(scene: &Scene, input: Value) -> Result<String, String> {
    scene.ask(run, input)
}

#[test]
fn a_new_file_is_made_and_an_old_one_only_overwritten_when_asked() {
    let scene = Scene::new();
    let made = write(&scene, json!({"path": "a.txt", "content": "eins\nzwei"}));
    assert_eq!(made.as_deref(), Ok("made `a.txt`: 9 bytes, 2 lines"));
    assert_eq!(
        write(&scene, json!({"path": "a.txt", "content": "drei"})),
        Err("`a.txt` exists; set `overwrite` to replace all of it, or use `edit_file`".to_owned())
    );
    assert_eq!(scene.content("a.txt"), "eins\nzwei");
    let overwrote = write(&scene, json!({"path": "a.txt", "content": "drei\n", "overwrite": true}));
    assert_eq!(overwrote.as_deref(), Ok("overwrote `a.txt`: 5 bytes, 1 lines"));
    assert_eq!(scene.content("a.txt"), "drei\n");
    assert_eq!(scene.names(), ["a.txt"]);
}

#[test]
fn what_is_to_be_overwritten_must_be_there() {
    let scene = Scene::new();
    for path in ["a.txt", "sub/a.txt"] {
        let input = json!({"path": path, "content": "", "overwrite": true, "createParents": true});
        assert!(write(&scene, input).expect_err("nothing there").contains("does not exist"));
    }
    assert!(scene.names().is_empty());
}

#[test]
fn folders_on_the_way_are_made_only_when_asked() {
    let scene = Scene::new();
    assert_eq!(
        write(&scene, json!({"path": "a/b/c.txt", "content": "x"})),
        Err("the folder `a/b` does not exist; for a new file `createParents` makes it".to_owned())
    );
    assert!(scene.names().is_empty());
    write(&scene, json!({"path": "a/b/c.txt", "content": "x", "createParents": true})).expect("written");
    assert_eq!(scene.content("a/b/c.txt"), "x");
}

#[test]
fn nothing_is_made_or_changed_outside() {
    let scene = Scene::new();
    scene.link("up", "..");
    scene.link("secret", "../secret.txt");
    scene.link("nowhere", "../new.txt");
    for path in ["../new.txt", "up/new.txt", "up/deep/new.txt", "/tmp/new.txt", "secret", "nowhere"] {
        for overwrite in [false, true] {
            let input = json!({"path": path, "content": "x", "overwrite": overwrite, "createParents": true});
            assert!(write(&scene, input).is_err(), "{path}");
        }
    }
    assert_eq!(std::fs::read_to_string(scene.outside("secret.txt")).expect("text"), SECRET);
    assert!(!scene.outside("new.txt").exists() && !scene.outside("deep").exists());
}

#[test]
fn what_does_not_name_a_file_is_refused() {
    let scene = Scene::new().with("folder/a.txt", "");
    scene.fifo("pipe");
    scene.link("dangling", "missing.txt");
    for (path, expected) in [
        ("folder", "`folder` is a folder; `list_dir` shows what is in it"),
        ("new/", "`new/` names a folder, expected a file"),
        ("new/.", "`new/.` names a folder, expected a file"),
        ("pipe", "`pipe` is a pipe, a socket or a device, expected a regular file"),
        ("dangling", "`dangling` is a symlink that leads nowhere"),
        ("folder/a.txt/b", "`folder/a.txt/b` cannot be found: a part of the path is not a folder"),
    ] {
        assert_eq!(write(&scene, json!({"path": path, "content": "x"})), Err(expected.to_owned()));
    }
}

#[test]
fn content_that_is_too_long_is_refused_before_anything_is_touched() {
    let mut scene = Scene::new();
    scene.limits.file_bytes = 3;
    let input = json!({"path": "a/b.txt", "content": "four", "createParents": true});
    assert_eq!(write(&scene, input), Err("`content` has 4 bytes, expected at most 3".to_owned()));
    assert!(scene.names().is_empty());
}

#[test]
fn text_of_any_script_and_ending_is_written_byte_for_byte() {
    let scene = Scene::new();
    write(&scene, json!({"path": "ü 🦀.txt", "content": "é\r\n漢\n"})).expect("written");
    assert_eq!(scene.content("ü 🦀.txt"), "é\r\n漢\n");
}
