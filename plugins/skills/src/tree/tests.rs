//! What can be read of a tree on a real file system, and what cannot.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::look::Look;

/// A folder `tree` with the given files, in a folder of its own.
pub(crate) fn scene(files: &[(&str, &str)]) -> TempDir {
    let scene = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(scene.path().join("tree")).expect("made");
    for (path, text) in files {
        let path = scene.path().join("tree").join(path);
        fs::create_dir_all(path.parent().expect("inside")).expect("made");
        fs::write(path, text).expect("written");
    }
    scene
}

/// What lies in its `tree`.
pub(crate) fn looked(scene: &TempDir) -> Look {
    Look::through(&tree(scene), None).expect("readable")
}

/// Its `tree`.
pub(crate) fn tree(scene: &TempDir) -> Tree {
    Tree::open(&scene.path().join("tree")).expect("readable").expect("it exists")
}

#[test]
fn what_leads_out_is_not_read() {
    let scene = scene(&[("real/a.md", "a")]);
    let at = |name: &str| scene.path().join("tree").join(name);
    fs::write(scene.path().join("secret.md"), "secret").expect("written");
    symlink("real/a.md", at("b.md")).expect("linked");
    symlink("../secret.md", at("c.md")).expect("linked");
    symlink(scene.path().join("secret.md"), at("d.md")).expect("linked");
    symlink("..", at("up")).expect("linked");
    assert_eq!(tree(&scene).read("b.md").ok().as_deref(), Some("a"));
    for path in ["c.md", "d.md", "up/secret.md", "../secret.md"] {
        assert!(tree(&scene).read(path).is_err(), "{path}");
    }
}

#[test]
fn files_that_are_not_text_or_not_files_are_not_read() {
    let scene = scene(&[]);
    fs::write(scene.path().join("tree/a.md"), b"\xff\xfe").expect("written");
    let made = Command::new("mkfifo").arg(scene.path().join("tree/b.md")).status().expect("`mkfifo` runs");
    assert!(made.success());
    assert_eq!(tree(&scene).read("a.md").expect_err("not text").to_string(), "it is not UTF-8");
    assert_eq!(tree(&scene).read("b.md").expect_err("a pipe").to_string(), "it is not a regular file");
}

#[test]
fn a_skill_that_is_too_long_is_not_read() {
    let scene = scene(&[("fits.md", &"x".repeat(1 << 20)), ("long.md", &"x".repeat((1 << 20) + 1))]);
    assert_eq!(tree(&scene).read("fits.md").map(|text| text.len()).ok(), Some(1 << 20));
    let error = tree(&scene).read("long.md").expect_err("too long").to_string();
    assert_eq!(error, "it is 1048577 bytes long, expected at most 1048576");
}

#[test]
fn a_tree_that_is_missing_is_none_and_one_that_is_a_file_is_an_error() {
    let scene = scene(&[("a.md", "")]);
    assert!(Tree::open(&scene.path().join("missing")).expect("no error").is_none());
    let error = Tree::open(&scene.path().join("tree/a.md")).expect_err("a file").to_string();
    assert!(error.contains("tree/a.md"), "{error}");
}

#[test]
fn a_working_folder_cannot_point_at_skills_outside_itself() {
    let scene = scene(&[("inside/a.md", "")]);
    let cwd = scene.path().join("tree");
    fs::create_dir(scene.path().join("outside")).expect("made");
    symlink("../outside", cwd.join("relative")).expect("linked");
    symlink(scene.path().join("outside"), cwd.join("absolute")).expect("linked");
    let below = |folder: &str| {
        let mut leads_out = false;
        let tree = Tree::open_below(&cwd, Path::new(folder), || leads_out = true).expect("no error");
        (tree.is_some(), leads_out)
    };
    for folder in ["relative", "absolute", "../outside"] {
        assert_eq!(below(folder), (false, true), "{folder}");
    }
    assert_eq!((below("missing"), below("inside")), ((false, false), (true, false)));
}
