//! `list_dir` on real folders.

use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::scene::Scene;

fn list_names(scene: &Scene, input: Value) -> Result<String, String> {
    scene.ask(run, input)
}

#[test]
fn names_are_sorted_and_folders_and_symlinks_are_marked() {
    let scene = Scene::new().with("b.txt", "").with("a/inside.txt", "").with("Z.txt", "").with(".hidden", "");
    scene.link("c", "/nowhere");
    assert_eq!(list_names(&scene, json!({})).as_deref(), Ok(".hidden\nZ.txt\na/\nb.txt\nc@\n"));
    assert_eq!(list_names(&scene, json!({"path": "a"})).as_deref(), Ok("inside.txt\n"));
}

#[test]
fn the_first_names_are_kept_and_the_rest_is_counted() {
    let scene = (0..10).fold(Scene::new(), |scene, number| scene.with(&format!("{number}.txt"), ""));
    assert_eq!(list_names(&scene, json!({"limit": 2})).as_deref(), Ok("0.txt\n1.txt\n[8 more of 10]\n"));
    let mut scene = scene;
    scene.limits.answer_bytes = 14;
    assert_eq!(list_names(&scene, json!({})).as_deref(), Ok("0.txt\n1.txt\n[8 more of 10]\n"));
}

#[test]
fn an_empty_folder_is_called_empty() {
    assert_eq!(list_names(&Scene::new(), json!({"path": "."})).as_deref(), Ok("[`.` is empty]"));
}

#[test]
fn a_name_with_a_line_feed_stays_on_one_line() {
    let scene = Scene::new().with("a\nb/c", "").with("d", "");
    assert_eq!(list_names(&scene, json!({})).as_deref(), Ok("\"a\\nb\"/\nd\n"));
}

#[test]
fn files_and_folders_outside_are_refused() {
    let scene = Scene::new().with("a.txt", "");
    assert_eq!(
        list_names(&scene, json!({"path": "a.txt"})),
        Err("`a.txt` is not a folder; `read_file` shows a file".to_owned())
    );
    fs::create_dir(scene.outside("other")).expect("made");
    scene.link("other", "../other");
    for asked in ["..", "/", "other"] {
        let refused = list_names(&scene, json!({"path": asked})).expect_err("outside");
        assert!(refused.contains("leads out of"), "{refused}");
    }
}
