//! `grep` on real folders.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use super::*;
use crate::excerpt::SHOWN_BYTES;
use crate::scene::Scene;

fn find(scene: &Scene, input: Value) -> Result<String, String> {
    scene.ask(run, input)
}

/// What is found, without the counts at the end.
fn lines(scene: &Scene, input: Value) -> String {
    let answer = find(scene, input).expect("it answers");
    answer.lines().filter(|line| !line.starts_with('[')).collect::<Vec<_>>().join("\n")
}

/// The counts and notes at the end.
fn notes(scene: &Scene, input: Value) -> Vec<String> {
    let answer = find(scene, input).expect("it answers");
    answer.lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect()
}

#[test]
fn matching_lines_are_told_with_path_and_number_in_byte_order() {
    let scene = Scene::new()
        .with("b/x.rs", "fn one() {}\nlet two = 2;\nfn three() {}\n")
        .with("b-1.rs", "fn four() {}")
        .with("a.txt", "fn text\n");
    scene.link("c.rs", "a.txt");
    let expected = "a.txt:1: fn text\nb-1.rs:1: fn four() {}\nb/x.rs:1: fn one() {}\nb/x.rs:3: fn three() {}\n\
                    [matching lines: 4, in 3 of 3 searched files]\n";
    assert_eq!(find(&scene, json!({"pattern": "^fn"})).as_deref(), Ok(expected));
    let some = "b-1.rs:1: fn four() {}\nb/x.rs:1: fn one() {}\nb/x.rs:3: fn three() {}";
    assert_eq!(lines(&scene, json!({"pattern": "fn", "glob": "*.rs"})), some);
    assert_eq!(lines(&scene, json!({"pattern": "three", "path": "b"})), "b/x.rs:3: fn three() {}");
    assert_eq!(lines(&scene, json!({"pattern": "three", "path": "b/x.rs"})), "b/x.rs:3: fn three() {}");
    assert_eq!(lines(&scene, json!({"pattern": "text", "path": "c.rs"})), "a.txt:1: fn text");
}

#[test]
fn an_expression_or_its_letters_are_searched_in_either_case() {
    let scene = Scene::new().with("a", "a.b\naxb\nA.B\nÄ\n");
    assert_eq!(lines(&scene, json!({"pattern": "a.b"})), "a:1: a.b\na:2: axb");
    assert_eq!(lines(&scene, json!({"pattern": "a.b", "literal": true})), "a:1: a.b");
    assert_eq!(
        lines(&scene, json!({"pattern": "a.b", "literal": true, "ignoreCase": true})),
        "a:1: a.b\na:3: A.B"
    );
    assert_eq!(lines(&scene, json!({"pattern": "ä", "ignoreCase": true})), "a:4: Ä");
    assert_eq!(lines(&scene, json!({"pattern": "[", "literal": true})), "");
}

#[test]
fn lines_end_where_they_end_whatever_ends_them() {
    let scene = Scene::new().with("a", "one\r\ntwo\r\n\r\none");
    assert_eq!(lines(&scene, json!({"pattern": "^one$"})), "a:1: one\na:4: one");
    assert_eq!(lines(&scene, json!({"pattern": "^$"})), "a:3: ");
    assert_eq!(lines(&scene, json!({"pattern": r"one\s+two"})), "");
}

#[test]
fn lines_around_a_match_are_told_apart_from_it_and_gaps_are_marked() {
    let text: String = (1..=12).map(|number| format!("line {number}\n")).collect();
    let scene = Scene::new().with("a", &text).with("b", "line 3\n");
    let expected =
        "a-2- line 2\na:3: line 3\na-4- line 4\n--\na-8- line 8\na:9: line 9\na-10- line 10\n--\nb:1: line 3";
    assert_eq!(lines(&scene, json!({"pattern": "line (3|9)$", "context": 1})), expected);
    let first = "a-2- line 2\na:3: line 3\na-4- line 4";
    assert_eq!(lines(&scene, json!({"pattern": "line (3|9)$", "context": 1, "limit": 1})), first);
    assert_eq!(lines(&scene, json!({"pattern": "line 6", "context": 20})).lines().count(), 12);
}

#[test]
fn names_alone_are_told_once_a_file() {
    let scene = Scene::new().with("a", "x\nx\n").with("b", "y\n").with("c", "x\n");
    let both = "a\nc\n[matching files: 2 of 3 searched]\n";
    assert_eq!(find(&scene, json!({"pattern": "x", "filesOnly": true, "context": 2})).as_deref(), Ok(both));
    let one =
        "a\n[matching files: 2 of 3 searched; the first 1 are shown: narrow the search, or raise `limit`]\n";
    assert_eq!(find(&scene, json!({"pattern": "x", "filesOnly": true, "limit": 1})).as_deref(), Ok(one));
}

#[test]
fn the_first_lines_are_shown_and_all_are_counted() {
    let mut scene = Scene::new().with("a", "x\n".repeat(1_000)).with("b", "x\n".repeat(500)).with("c", "y\n");
    let cut = "a:1: x\na:2: x\n[matching lines: 1500, in 2 of 3 searched files; the first 2 are shown: narrow the search, \
               or raise `limit`]\n";
    assert_eq!(find(&scene, json!({"pattern": "x", "limit": 2})).as_deref(), Ok(cut));
    let most = lines(&scene, json!({"pattern": "x", "limit": 9_999}));
    assert_eq!(most.lines().count(), 1_500);
    scene.limits.answer_bytes = 14;
    assert_eq!(find(&scene, json!({"pattern": "x"})).as_deref(), Ok(cut));
}

#[test]
fn that_nothing_matches_is_told() {
    let scene = Scene::new().with("a", "x").with("b", "");
    assert_eq!(
        find(&scene, json!({"pattern": "y"})).as_deref(),
        Ok("[nothing matches; files searched: 2]\n")
    );
    let none = find(&scene, json!({"pattern": "x", "glob": "*.rs"}));
    assert_eq!(none.as_deref(), Ok("[nothing matches; files searched: 0]\n"));
}

#[test]
fn a_long_line_is_shown_around_its_match() {
    let line = format!("{}needle{}\n", "a".repeat(10_000), "b".repeat(10_000));
    let scene = Scene::new().with("a", &line);
    let found = lines(&scene, json!({"pattern": "needle"}));
    assert!(found.starts_with("a:1: …aaa") && found.contains("aneedleb"), "{found}");
    assert!(
        found.ends_with("b… [19506 more bytes in this line]") && found.len() < SHOWN_BYTES + 100,
        "{found}"
    );
}

#[test]
fn binary_files_are_counted_and_not_searched() {
    let scene = Scene::new().with("a", "x\n").with("b", b"x\n\0").with("c", b"\xff\xfex\0\n\0");
    assert_eq!(lines(&scene, json!({"pattern": "x"})), "a:1: x");
    let notes = notes(&scene, json!({"pattern": "x"}));
    assert_eq!(notes, ["[matching lines: 1, in 1 of 1 searched files]", "[binary files, not searched: 2]"]);
}

#[test]
fn bytes_and_names_that_are_not_utf_8_are_shown_as_far_as_they_can_be() {
    let scene = Scene::new().with("a\nb", b"caf\xe9 x\n");
    fs::write(scene.path("").join(OsStr::from_bytes(b"\xff")), "x\n").expect("written");
    assert_eq!(lines(&scene, json!({"pattern": "x$"})), "\"a\\nb\":1: caf\u{fffd} x\n\u{fffd}:1: x");
}

#[test]
fn a_file_that_is_one_endless_line_is_searched_in_bounded_memory_and_told() {
    let scene = Scene::new().with("a", "x".repeat(10_000)).with("b", "y\n");
    let file = fs::OpenOptions::new().write(true).open(scene.path("a")).expect("opened");
    file.set_len(100 << 20).expect("grown");
    assert_eq!(lines(&scene, json!({"pattern": "y"})), "b:1: y");
    let notes = notes(&scene, json!({"pattern": "y"}));
    let partly = "[files searched only in part, since they cannot be read further, have more than 67108864 bytes or a line of \
                  more than 4194304: 1, the first is `a`]";
    assert_eq!(notes, ["[matching lines: 1, in 1 of 2 searched files]", partly]);
}

#[test]
fn a_file_beyond_the_bound_is_searched_up_to_it() {
    let mut scene = Scene::new().with("a", format!("x\n{}x\n", "y\n".repeat(10_000)));
    scene.limits.searched_bytes = 10_000;
    assert_eq!(lines(&scene, json!({"pattern": "x"})), "a:1: x");
    assert!(notes(&scene, json!({"pattern": "x"}))[1].contains("more than 10000 bytes"));
}

#[test]
fn what_is_no_regular_file_is_passed_by() {
    let scene = Scene::new().with("a", "x\n");
    scene.fifo("pipe");
    scene.link("secret", scene.outside("secret.txt"));
    scene.link("up", "..");
    let found = find(&scene, json!({"pattern": "x|secret", "hidden": true, "ignored": true}));
    assert_eq!(found.as_deref(), Ok("a:1: x\n[matching lines: 1, in 1 of 1 searched files]\n"));
    let pipe = find(&scene, json!({"pattern": "x", "path": "pipe"}));
    assert_eq!(pipe, Err("`pipe` is a pipe, a socket or a device, expected a regular file".to_owned()));
}

#[test]
fn nothing_outside_is_searched() {
    let scene = Scene::new().with("a", "x\n");
    scene.link("secret", scene.outside("secret.txt"));
    scene.link("up", "..");
    for path in ["..", "../secret.txt", "/etc", "secret", "up"] {
        let refused = find(&scene, json!({"pattern": "secret", "path": path})).expect_err("outside");
        assert!(refused.contains("leads out of") && !refused.contains("the secret"), "{refused}");
    }
}

#[test]
fn hidden_and_ignored_files_are_searched_on_request_or_when_they_are_named() {
    let scene =
        Scene::new().with(".gitignore", "out/\n").with("out/a", "x\n").with(".b", "x\n").with("c", "x\n");
    assert_eq!(lines(&scene, json!({"pattern": "x"})), "c:1: x");
    assert_eq!(lines(&scene, json!({"pattern": "x", "hidden": true})), ".b:1: x\nc:1: x");
    assert_eq!(lines(&scene, json!({"pattern": "x", "ignored": true})), "c:1: x\nout/a:1: x");
    assert_eq!(lines(&scene, json!({"pattern": "x", "path": "out"})), "out/a:1: x");
    assert_eq!(lines(&scene, json!({"pattern": "x", "path": ".b"})), ".b:1: x");
}

#[test]
fn a_bad_expression_is_refused_with_its_own_explanation() {
    let scene = Scene::new();
    let refused = |input| find(&scene, input).expect_err("no expression");
    let unclosed = refused(json!({"pattern": "a(b"}));
    assert!(
        unclosed.contains("is no regular expression") && unclosed.contains("unclosed group"),
        "{unclosed}"
    );
    let around = refused(json!({"pattern": "(?=a)"}));
    assert!(around.contains("look-around"), "{around}");
    let across = refused(json!({"pattern": "a\nb"}));
    assert!(across.contains("\"\\n\" is not allowed"), "{across}");
    let huge = refused(json!({"pattern": r"(\w{500}){500}"}));
    assert!(huge.contains("size limit"), "{huge}");
    assert_eq!(refused(json!({"pattern": ""})), "`pattern` has 0 bytes, expected 1 to 4096");
    assert_eq!(
        refused(json!({"pattern": "x".repeat(4_097)})),
        "`pattern` has 4097 bytes, expected 1 to 4096"
    );
    assert!(refused(json!({"pattern": format!("{}{}", "(".repeat(400), ")".repeat(400))})).contains("nest"));
    assert_eq!(
        refused(json!({"pattern": "a", "context": -1})),
        "`context` is -1, expected a whole number of at least 0"
    );
    assert!(refused(json!({"pattern": "a", "glob": "[a"})).starts_with("`glob` is no pattern for names: "));
}

#[test]
fn a_search_that_nobody_waits_for_is_given_up_within_a_file() {
    let scene = Scene::new().with("a", "y\n".repeat(500_000)).with("b", "y\n");
    let asked = Cell::new(0);
    let gone = || {
        asked.set(asked.get() + 1);
        asked.get() > 6
    };
    let abandoned = scene.ask_and(run, json!({"pattern": "x"}), &gone);
    assert_eq!(abandoned, Err("searching `.` was given up".to_owned()));
    // A file of this length is read in many more steps.
    assert!(asked.get() < 12, "{}", asked.get());
}

#[test]
fn a_million_matches_keep_no_more_than_is_shown() {
    let scene = Scene::new().with("a", "x\n".repeat(200_000));
    let answer = find(&scene, json!({"pattern": "x", "limit": 1})).expect("it answers");
    assert!(answer.len() < 200 && answer.contains("matching lines: 200000"), "{answer}");
}
