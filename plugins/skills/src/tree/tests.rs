//! What is found in a tree on a real file system, and what is not.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use tempfile::TempDir;

use super::*;

/// A folder `tree` with the given files, in a folder of its own.
fn scene(files: &[(&str, &str)]) -> TempDir {
    let scene = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(scene.path().join("tree")).expect("made");
    for (path, text) in files {
        let path = scene.path().join("tree").join(path);
        fs::create_dir_all(path.parent().expect("inside")).expect("made");
        fs::write(path, text).expect("written");
    }
    scene
}

fn tree(scene: &TempDir) -> Tree {
    Tree::open(&scene.path().join("tree")).expect("readable").expect("it exists")
}

fn paths(scene: &TempDir) -> Vec<String> {
    tree(scene).candidates().expect("readable").into_iter().map(|candidate| candidate.path).collect()
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
    for path in ["c.md", "d.md", "up/secret.md", "../secret.md"] {
        assert!(tree(&scene).read(path).is_err(), "{path}");
    }
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
    let deep = (0..DEPTH).map(|_| "d/").collect::<String>();
    let (inside, outside) = (format!("{deep}in.md"), format!("{deep}d/out.md"));
    assert_eq!(paths(&scene(&[(&inside, ""), (&outside, "")])), [inside]);
    let many: Vec<_> = (0..=FILES).map(|number| format!("{number:04}.md")).collect();
    let found = paths(&scene(&many.iter().map(|name| (name.as_str(), "")).collect::<Vec<_>>()));
    assert_eq!(found, many[..FILES]);
}

#[test]
fn a_head_ends_between_characters() {
    let text = format!("x{}", "é".repeat(HEAD_BYTES as usize));
    let candidates = tree(&scene(&[("a.md", &text)])).candidates().expect("readable");
    assert_eq!(candidates[0].head.as_ref().map(String::len), Some(HEAD_BYTES as usize - 1));
}

#[test]
fn files_that_are_not_text_or_not_files_have_no_head() {
    let scene = scene(&[]);
    fs::write(scene.path().join("tree/a.md"), b"\xff\xfe").expect("written");
    let made = Command::new("mkfifo").arg(scene.path().join("tree/b.md")).status().expect("`mkfifo` runs");
    assert!(made.success());
    let candidates = tree(&scene).candidates().expect("readable");
    assert_eq!(candidates.len(), 1);
    assert_eq!(candidates[0].head, None);
    assert_eq!(tree(&scene).read("a.md").expect_err("not text").to_string(), "it is not UTF-8");
    assert_eq!(tree(&scene).read("b.md").expect_err("a pipe").to_string(), "it is not a regular file");
}

#[test]
fn a_skill_that_is_too_long_is_not_read() {
    let scene = scene(&[("fits.md", &"x".repeat(1 << 20)), ("long.md", &"x".repeat((1 << 20) + 1))]);
    assert_eq!(tree(&scene).read("fits.md").map(|text| text.len()).ok(), Some(1 << 20));
    let error = tree(&scene).read("long.md").expect_err("too long").to_string();
    assert_eq!(error, "it is longer than 1048576 bytes");
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
    for folder in ["relative", "absolute", "../outside", "missing"] {
        assert!(Tree::open_below(&cwd, Path::new(folder)).expect("no error").is_none(), "{folder}");
    }
    assert!(Tree::open_below(&cwd, Path::new("inside")).expect("no error").is_some());
}
