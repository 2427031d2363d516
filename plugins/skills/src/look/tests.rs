//! What is found in a tree on a real file system, what is not, and how long it holds.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;
use crate::tree::tests::{looked, scene, tree};

fn paths_in(look: &Look) -> Vec<String> {
    look.finds().candidates.iter().map(|candidate| candidate.path.clone()).collect()
}

fn paths(scene: &TempDir) -> Vec<String> {
    paths_in(&looked(scene))
}

#[test]
fn markdown_files_are_found_at_every_level_from_the_top_down() {
    let scene = scene(&[("z.md", ""), ("a/b.md", ""), ("a/c/d.md", ""), ("a.txt", ""), (".hidden/e.md", "")]);
    assert_eq!(paths(&scene), ["z.md", "a/b.md", "a/c/d.md"]);
}

#[test]
fn a_folder_with_a_skill_file_is_one_skill() {
    let files =
        [("pdf/SKILL.md", ""), ("pdf/notes.md", ""), ("pdf/references/more.md", ""), ("other.md", "")];
    assert_eq!(paths(&scene(&files)), ["other.md", "pdf/SKILL.md"]);
}

#[test]
fn a_skill_file_at_the_top_does_not_hide_the_others() {
    assert_eq!(paths(&scene(&[("SKILL.md", ""), ("a.md", "")])), ["SKILL.md", "a.md"]);
}

#[test]
fn symlinks_are_followed_inside_and_not_outside() {
    let scene = scene(&[("real/a.md", "a\n---\n")]);
    let at = |name: &str| scene.path().join("tree").join(name);
    fs::write(scene.path().join("secret.md"), "secret").expect("written");
    symlink("real/a.md", at("b.md")).expect("linked");
    symlink("../secret.md", at("c.md")).expect("linked");
    symlink(scene.path().join("secret.md"), at("d.md")).expect("linked");
    symlink("..", at("up")).expect("linked");
    symlink("nowhere.md", at("e.md")).expect("linked");
    assert_eq!(paths(&scene), ["b.md", "real/a.md"]);
}

#[test]
fn a_loop_of_symlinks_is_walked_once() {
    let scene = scene(&[("a/b.md", "")]);
    symlink("..", scene.path().join("tree/a/up")).expect("linked");
    symlink(".", scene.path().join("tree/a/here")).expect("linked");
    assert_eq!(paths(&scene), ["a/b.md"]);
}

#[test]
fn depth_and_number_are_bounded() {
    let Bounds { depth, files, .. } = Bounds::default();
    let deep = (0..depth).map(|_| "d/").collect::<String>();
    let (inside, outside) = (format!("{deep}in.md"), format!("{deep}d/out.md"));
    assert_eq!(paths(&scene(&[(&inside, ""), (&outside, "")])), [inside]);
    let many: Vec<_> = (0..=files).map(|number| format!("{number:04}.md")).collect();
    let found = paths(&scene(&many.iter().map(|name| (name.as_str(), "")).collect::<Vec<_>>()));
    assert_eq!(found, many[..files]);
}

/// Whether what was found still holds behind a change, in a tree with all kinds of things.
fn check(change: impl FnOnce(&Path), holds: bool) {
    let scene =
        scene(&[("a.md", "a"), ("b/SKILL.md", "b"), (".kept/c.md", "c"), ("d.md", "d"), ("b/more.txt", "")]);
    let top = scene.path().join("tree");
    symlink(".kept/c.md", top.join("c.md")).expect("linked");
    symlink(".kept/none.md", top.join("none.md")).expect("linked");
    fs::hard_link(top.join("d.md"), scene.path().join("elsewhere.md")).expect("linked");
    let mut look = looked(&scene);
    // As if nothing had been changed for a while.
    look.began += Duration::from_secs(60);
    assert!(look.holds(&tree(&scene)));
    change(&top);
    assert_eq!(look.holds(&tree(&scene)), holds);
}

#[test]
fn a_look_holds_until_something_happens() {
    check(|_| {}, true);
    check(|top| drop(fs::read(top.join("a.md")).expect("read")), true);
    check(|top| fs::write(top.join("../other.md"), "x").expect("written"), true);
    check(|top| fs::write(top.join("a.md"), "b").expect("written"), false);
    check(|top| fs::write(top.join("b/SKILL.md"), "c").expect("written"), false);
    check(|top| fs::remove_dir_all(top.join("b")).expect("removed"), false);
    check(|top| fs::write(top.join("new.md"), "").expect("written"), false);
    check(|top| fs::rename(top.join("a.md"), top.join("z.md")).expect("renamed"), false);
}

#[test]
fn what_a_watch_does_not_see_is_looked_at_each_time() {
    check(|top| fs::write(top.join(".kept/c.md"), "other").expect("written"), false);
    check(|top| fs::write(top.join(".kept/none.md"), "there").expect("written"), false);
    check(|top| fs::write(top.join("../elsewhere.md"), "by another name").expect("written"), false);
}

#[test]
fn another_folder_at_its_place_is_another_tree() {
    check(
        |top| {
            fs::rename(top, top.with_extension("old")).expect("renamed");
            fs::create_dir(top).expect("made");
        },
        false,
    );
}

#[test]
fn a_second_change_in_the_same_tick_is_not_missed() {
    let scene = scene(&[("a.md", "one\n---\n")]);
    let mut before = looked(&scene);
    let summary = |look: &Look| format!("{:?}", look.finds());
    for turn in 0..200 {
        // Of the same length, and often at the same time by the clock of the file system.
        fs::write(scene.path().join("tree/a.md"), format!("{turn:03}\n---\n")).expect("written");
        let look = Look::through(&tree(&scene), Some(&before)).expect("readable");
        assert!(summary(&look).contains(&format!("\"{turn:03}\"")), "{}", summary(&look));
        before = look;
    }
}

#[test]
fn what_has_not_changed_is_not_read_again_and_is_the_same_list() {
    let scene = scene(&[("a.md", "one\n---\n"), ("b.md", "two\n---\n")]);
    let mut before = looked(&scene);
    before.began += Duration::from_secs(60);
    let again = Look::through(&tree(&scene), Some(&before)).expect("readable");
    assert!(Arc::ptr_eq(before.finds(), again.finds()));
    assert_eq!(before.by_path().len(), 2);
    fs::write(scene.path().join("tree/a.md"), "six\n---\n").expect("written");
    let again = Look::through(&tree(&scene), Some(&before)).expect("readable");
    assert!(!Arc::ptr_eq(before.finds(), again.finds()));
}

#[path = "hostile_tests.rs"]
mod hostile;
