//! `edit_file` on real files.

use serde_json::{Value, json};

use super::*;
use crate::scene::{SECRET, Scene};

fn edit(scene: &Scene, path: &str, old: &str, new: &str) -> Result<String, String> {
    scene.ask(run, json!({"path": path, "oldString": old, "newString": new}))
}

#[test]
fn one_place_is_replaced_in_one_step() {
    let scene = Scene::new().with("a.txt", "eins\nzwei\n");
    assert_eq!(
        edit(&scene, "a.txt", "zwei", "drei").as_deref(),
        Ok("replaced 1 place in `a.txt`, in line 2")
    );
    assert_eq!(scene.content("a.txt"), "eins\ndrei\n");
    assert_eq!(scene.names(), ["a.txt"]);
}

#[test]
fn every_place_is_replaced_when_asked() {
    let scene = Scene::new().with("a.txt", "x\nx\n");
    let input = json!({"path": "a.txt", "oldString": "x", "newString": "yy", "replaceAll": true});
    assert_eq!(scene.ask(run, input).as_deref(), Ok("replaced 2 places in `a.txt`, the first in line 1"));
    assert_eq!(scene.content("a.txt"), "yy\nyy\n");
}

#[test]
fn what_is_unclear_changes_nothing() {
    let scene = Scene::new().with("a.txt", "x x");
    for (old, new, expected) in [
        ("", "b", "`oldString` is empty; `write_file` makes a whole file"),
        ("x", "x", "`oldString` and `newString` are identical; nothing was changed"),
        ("y", "z", "`oldString` does not occur in `a.txt`; it must match exactly, spaces included"),
        (
            "x",
            "y",
            "`oldString` occurs 2 times in `a.txt`, expected once; take in more of its surroundings or set \
             `replaceAll`",
        ),
    ] {
        assert_eq!(edit(&scene, "a.txt", old, new), Err(expected.to_owned()));
    }
    assert_eq!(scene.content("a.txt"), "x x");
}

#[test]
fn crlf_lines_stay_crlf_lines() {
    let scene = Scene::new().with("a.txt", "eins\r\nzwei\r\n");
    edit(&scene, "a.txt", "eins\nzwei", "eins\nund\nzwei").expect("edited");
    assert_eq!(scene.content("a.txt"), "eins\r\nund\r\nzwei\r\n");
}

#[test]
fn files_that_are_missing_too_long_or_not_text_are_refused() {
    let mut scene =
        Scene::new().with("a.bin", b"\0x").with("b.txt", b"ok\n\xffx").with("c.txt", "x".repeat(50));
    scene.limits.file_bytes = 20;
    for (path, expected) in [
        ("none.txt", "`none.txt` does not exist"),
        ("a.bin", "`a.bin` is not a text file (2 bytes): it contains NUL bytes"),
        ("b.txt", "`b.txt` is not a text file (5 bytes): line 2 is not UTF-8"),
        ("c.txt", "`c.txt` has 50 bytes, expected at most 20 to edit it"),
    ] {
        assert_eq!(edit(&scene, path, "x", "y"), Err(expected.to_owned()));
    }
}

#[test]
fn an_outcome_that_is_too_long_is_not_written() {
    let mut scene = Scene::new().with("a.txt", "x");
    scene.limits.file_bytes = 20;
    assert_eq!(
        edit(&scene, "a.txt", "x", &"y".repeat(21)),
        Err("`a.txt` would have 21 bytes, expected at most 20; nothing was changed".to_owned())
    );
    assert_eq!(scene.content("a.txt"), "x");
}

#[test]
fn nothing_outside_is_changed_through_a_symlink() {
    let scene = Scene::new();
    scene.link("a.txt", "../secret.txt");
    assert!(edit(&scene, "a.txt", "secret", "x").expect_err("outside").contains("leads out of"));
    assert_eq!(std::fs::read_to_string(scene.outside("secret.txt")).expect("text"), SECRET);
}

#[test]
fn an_edit_that_nobody_waits_for_changes_nothing() {
    let scene = Scene::new().with("a.txt", "x");
    let input: Value = json!({"path": "a.txt", "oldString": "x", "newString": "y"});
    let given_up = "editing `a.txt` was given up; nothing was changed".to_owned();
    assert_eq!(scene.ask_and(run, input, &|| true), Err(given_up));
    assert_eq!(scene.content("a.txt"), "x");
}
