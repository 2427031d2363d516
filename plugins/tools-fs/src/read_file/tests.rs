//! `read_file` on real files.

use std::fs::File;
use std::os::unix::fs::FileExt;

use serde_json::{Value, json};

use super::*;
use crate::scene::Scene;

fn read(scene: &Scene, input: Value) -> Result<String, String> {
    scene.ask(run, input)
}

#[test]
fn lines_are_numbered_and_a_part_says_where_to_go_on() {
    let scene = Scene::new().with("a.txt", "eins\nzwei\ndrei\n");
    assert_eq!(read(&scene, json!({"path": "a.txt"})).as_deref(), Ok("1: eins\n2: zwei\n3: drei\n"));
    assert_eq!(
        read(&scene, json!({"path": "a.txt", "offset": 2, "limit": 1})).as_deref(),
        Ok("2: zwei\n[more follows: go on with offset 3]\n")
    );
}

#[test]
fn an_empty_file_is_called_empty_and_has_no_second_line() {
    let scene = Scene::new().with("a.txt", "");
    assert_eq!(read(&scene, json!({"path": "a.txt"})).as_deref(), Ok("[`a.txt` is empty]"));
    assert_eq!(
        read(&scene, json!({"path": "a.txt", "offset": 2})),
        Err("`offset` is 2, but `a.txt` has 0 lines".to_owned())
    );
}

#[test]
fn text_of_any_script_is_shown_as_it_is() {
    let scene = Scene::new().with("schön.txt", "naïve 🦀\n漢字\n");
    assert_eq!(read(&scene, json!({"path": "schön.txt"})).as_deref(), Ok("1: naïve 🦀\n2: 漢字\n"));
}

#[test]
fn files_that_are_not_text_are_refused_with_their_size() {
    let scene = Scene::new().with("a.bin", b"\x7fELF\0\0\0").with("b.txt", b"ok\n\xff\xfe\n");
    assert_eq!(
        read(&scene, json!({"path": "a.bin"})),
        Err("`a.bin` is not a text file (7 bytes): it contains NUL bytes".to_owned())
    );
    assert_eq!(
        read(&scene, json!({"path": "b.txt"})),
        Err("`b.txt` is not a text file (6 bytes): line 2 is not UTF-8".to_owned())
    );
}

#[test]
fn a_file_far_larger_than_memory_is_read_in_parts() {
    let scene = Scene::new();
    let file = File::create(scene.path("huge.log")).expect("made");
    file.write_all_at("head\n".repeat(10_000).as_bytes(), 0).expect("written");
    // A hole: the file claims a terabyte and takes no room.
    file.set_len(1 << 40).expect("set");
    let shown = read(&scene, json!({"path": "huge.log", "offset": 9_999, "limit": 2})).expect("shown");
    assert_eq!(shown, "9999: head\n10000: head\n[more follows: go on with offset 10001]\n");
}

#[test]
fn an_answer_stays_within_its_bound_even_at_the_most_lines() {
    let mut scene = Scene::new().with("a.txt", format!("{}\n", "x".repeat(3_000)).repeat(100));
    scene.limits.answer_bytes = 10_000;
    let shown = read(&scene, json!({"path": "a.txt", "limit": 5_000})).expect("shown");
    assert!(shown.len() < 10_000 + lines::LINE_BYTES, "{} bytes", shown.len());
    assert!(shown.ends_with("[more follows: go on with offset 5]\n"));
}

#[test]
fn a_wrong_input_is_named() {
    let scene = Scene::new().with("a.txt", "a");
    for (input, expected) in [
        (json!({}), "`path` is missing, expected text"),
        (json!({"path": "a.txt", "offset": 0}), "`offset` is 0, expected a whole number of at least 1"),
        (
            json!({"path": "a.txt", "lines": 3}),
            "`lines` is not an input of this tool, which takes `path`, `offset`, `limit`",
        ),
        (json!("{\"path\":"), "the input is text, expected a JSON object"),
    ] {
        assert_eq!(read(&scene, input), Err(expected.to_owned()));
    }
}

#[test]
fn reading_that_nobody_waits_for_is_given_up() {
    let scene = Scene::new().with("a.txt", "a\nb\n");
    let answer = scene.ask_and(run, json!({"path": "a.txt", "offset": 2}), &|| true);
    assert_eq!(answer, Err("reading `a.txt` was given up".to_owned()));
}
