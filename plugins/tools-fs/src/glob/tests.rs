//! `glob` on real folders.

use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::scene::Scene;

fn find(scene: &Scene, input: Value) -> Result<String, String> {
    scene.ask(run, input)
}

#[test]
fn paths_are_told_from_the_turn_s_folder_wherever_the_search_begins() {
    let scene =
        Scene::new().with("src/a.rs", "").with("src/deep/b.rs", "").with("src/c.txt", "").with("d.rs", "");
    scene.link("here", "src");
    scene.link("src/link.rs", "a.rs");
    let below = "src/a.rs\nsrc/deep/b.rs\nsrc/link.rs@\n";
    assert_eq!(find(&scene, json!({"pattern": "*.rs"})), Ok(format!("d.rs\n{below}")));
    for path in ["src", "./src/", "src/deep/..", "here", scene.path("src").to_str().expect("text")] {
        assert_eq!(find(&scene, json!({"pattern": "*.rs", "path": path})).as_deref(), Ok(below), "{path}");
    }
    assert_eq!(find(&scene, json!({"pattern": "deep/*", "path": "src"})).as_deref(), Ok("src/deep/b.rs\n"));
    assert_eq!(find(&scene, json!({"pattern": "d*"})).as_deref(), Ok("d.rs\nsrc/deep/\n"));
}

#[test]
fn the_first_paths_are_shown_and_the_rest_is_counted() {
    let mut scene = (0..10).fold(Scene::new(), |scene, number| scene.with(&format!("{number}.txt"), ""));
    let first = "0.txt\n1.txt\n[8 more of 10]\n";
    assert_eq!(find(&scene, json!({"pattern": "*.txt", "limit": 2})).as_deref(), Ok(first));
    scene.limits.answer_bytes = 14;
    assert_eq!(find(&scene, json!({"pattern": "*"})).as_deref(), Ok(first));
}

#[test]
fn a_short_path_behind_one_that_did_not_fit_is_not_shown() {
    let mut scene = Scene::new().with("a", "").with("bbbbbbbbbb", "").with("c", "");
    scene.limits.answer_bytes = 8;
    assert_eq!(find(&scene, json!({"pattern": "*"})).as_deref(), Ok("a\n[2 more of 3]\n"));
}

#[test]
fn that_nothing_fits_or_a_bound_was_met_is_told() {
    let mut scene = Scene::new().with("a/b", "").with("c", "");
    let nothing = "[nothing fits `*.rs`; names visited: 3]\n";
    assert_eq!(find(&scene, json!({"pattern": "*.rs"})).as_deref(), Ok(nothing));
    scene.limits.visits = 2;
    let stopped = "a/b\n[stopped after 2 names; narrow it with `path`]\n";
    assert_eq!(find(&scene, json!({"pattern": "a/*"})).as_deref(), Ok(stopped));
}

#[test]
fn hidden_and_ignored_names_are_found_on_request() {
    let scene = Scene::new().with(".gitignore", "out\n").with("out/a", "").with(".b", "");
    assert_eq!(
        find(&scene, json!({"pattern": "*"})).as_deref(),
        Ok("[nothing fits `*`; names visited: 0]\n")
    );
    assert_eq!(find(&scene, json!({"pattern": "*", "hidden": true})).as_deref(), Ok(".b\n.gitignore\n"));
    assert_eq!(find(&scene, json!({"pattern": "*", "ignored": true})).as_deref(), Ok("out/\nout/a\n"));
}

#[test]
fn folders_outside_and_what_is_no_folder_are_refused() {
    let scene = Scene::new().with("a.txt", "");
    fs::create_dir(scene.outside("other")).expect("made");
    scene.link("other", "../other");
    for path in ["..", "/", "other", "a/../../other"] {
        let refused = find(&scene, json!({"pattern": "*", "path": path})).expect_err("outside");
        assert!(refused.contains("leads out of") || refused.contains("does not exist"), "{refused}");
    }
    let file = find(&scene, json!({"pattern": "*", "path": "a.txt"}));
    assert_eq!(file, Err("`a.txt` is not a folder; `read_file` shows a file".to_owned()));
    let missing = find(&scene, json!({"pattern": "*", "path": "b"}));
    assert_eq!(missing, Err("`b` does not exist".to_owned()));
}

#[test]
fn input_that_makes_no_sense_is_refused_by_name() {
    let scene = Scene::new();
    assert_eq!(find(&scene, json!({})), Err("`pattern` is missing, expected text".to_owned()));
    let unknown = find(&scene, json!({"pattern": "*", "glob": "*"})).expect_err("unknown");
    assert!(
        unknown.starts_with("`glob` is not an input of this tool, which takes `pattern`, `path`"),
        "{unknown}"
    );
    let bad = find(&scene, json!({"pattern": "{a"})).expect_err("no pattern");
    assert!(bad.starts_with("`pattern` is no pattern for names: "), "{bad}");
}

#[test]
fn odd_names_stay_on_one_line() {
    let scene = Scene::new().with("a\nb/c", "");
    assert_eq!(find(&scene, json!({"pattern": "**"})).as_deref(), Ok("\"a\\nb\"/\n\"a\\nb/c\"\n"));
}

#[test]
fn a_search_that_nobody_waits_for_is_given_up() {
    let scene = Scene::new().with("a", "");
    let abandoned = scene.ask_and(run, json!({"pattern": "*"}), &|| true);
    assert_eq!(abandoned, Err("looking through `.` was given up".to_owned()));
}
