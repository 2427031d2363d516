//! What is in place when all goes well, and what still is when it does not.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::folder::Folder;
use crate::scene::Scene;

fn place(scene: &Scene, asked: &str) -> Place {
    let path = scene.path("").canonicalize().expect("it exists");
    Folder::open(path.to_str().expect("text")).and_then(|folder| folder.place(asked, false)).expect("a place")
}

fn mode(scene: &Scene, path: &str) -> u32 {
    fs::metadata(scene.path(path)).expect("it exists").permissions().mode() & 0o7777
}

#[test]
fn a_free_name_gets_a_file_and_nothing_else_is_left() {
    let scene = Scene::new();
    put(&place(&scene, "a.txt"), b"new", &|| false).expect("put");
    assert_eq!(scene.content("a.txt"), "new");
    assert_eq!(scene.names(), ["a.txt"]);
}

#[test]
fn a_file_is_replaced_and_keeps_its_mode() {
    for kept in [0o600, 0o755, 0o640] {
        let scene = Scene::new().with("a.sh", "old");
        fs::set_permissions(scene.path("a.sh"), fs::Permissions::from_mode(kept)).expect("set");
        put(&place(&scene, "a.sh"), b"new", &|| false).expect("put");
        assert_eq!((scene.content("a.sh").as_str(), mode(&scene, "a.sh")), ("new", kept));
        assert_eq!(scene.names(), ["a.sh"]);
    }
}

#[test]
fn the_rights_of_another_user_are_not_passed_on() {
    let scene = Scene::new().with("a.sh", "old");
    fs::set_permissions(scene.path("a.sh"), fs::Permissions::from_mode(0o4755)).expect("set");
    put(&place(&scene, "a.sh"), b"new", &|| false).expect("put");
    assert_eq!(mode(&scene, "a.sh"), 0o755);
}

#[test]
fn a_symlink_stays_and_its_target_is_replaced() {
    let scene = Scene::new().with("sub/real.txt", "old");
    scene.link("link.txt", "sub/real.txt");
    put(&place(&scene, "link.txt"), b"new", &|| false).expect("put");
    assert_eq!(scene.content("sub/real.txt"), "new");
    assert!(fs::symlink_metadata(scene.path("link.txt")).expect("it exists").is_symlink());
}

#[test]
fn a_hard_link_elsewhere_keeps_the_old_content() {
    let scene = Scene::new().with("a.txt", "old");
    fs::hard_link(scene.path("a.txt"), scene.outside("other.txt")).expect("linked");
    put(&place(&scene, "a.txt"), b"new", &|| false).expect("put");
    assert_eq!(fs::read_to_string(scene.outside("other.txt")).expect("text"), "old");
}

#[test]
fn when_nobody_waits_any_more_the_old_content_stays_and_no_draft_does() {
    let scene = Scene::new().with("a.txt", "old");
    for asked in ["a.txt", "b.txt"] {
        assert!(matches!(put(&place(&scene, asked), b"new", &|| true), Err(Unplaced::Abandoned)));
    }
    assert_eq!(scene.content("a.txt"), "old");
    assert_eq!(scene.names(), ["a.txt"]);
}

#[test]
fn a_file_that_changed_meanwhile_is_left_as_it_is() {
    let scene = Scene::new().with("a.txt", "old");
    let place = place(&scene, "a.txt");
    let scene = scene.with("a.txt", "theirs");
    assert!(matches!(put(&place, b"mine", &|| false), Err(Unplaced::Overtaken)));
    assert_eq!(scene.content("a.txt"), "theirs");
    assert_eq!(scene.names(), ["a.txt"]);
}

#[test]
fn a_name_that_was_taken_meanwhile_is_left_as_it_is() {
    let scene = Scene::new();
    let place = place(&scene, "a.txt");
    let scene = scene.with("a.txt", "theirs");
    assert!(matches!(put(&place, b"mine", &|| false), Err(Unplaced::Overtaken)));
    assert_eq!(scene.content("a.txt"), "theirs");
    assert_eq!(scene.names(), ["a.txt"]);
}

#[test]
fn a_move_that_fails_leaves_no_draft() {
    let scene = Scene::new().with("taken/inside.txt", "old");
    let mut place = place(&scene, "free.txt");
    // A folder that is not empty cannot be replaced by a file, not even by the system's administrator.
    place.name = "taken".into();
    place.metadata = Some(place.dir.symlink_metadata("taken").expect("it exists"));
    assert!(matches!(put(&place, b"new", &|| false), Err(Unplaced::Failed(_))));
    assert_eq!(scene.content("taken/inside.txt"), "old");
    assert_eq!(scene.names(), ["taken"]);
}

#[test]
fn a_draft_left_behind_under_the_same_name_is_stepped_over() {
    let scene = Scene::new();
    let place = place(&scene, "a.txt");
    let first = Draft::beside(&place.dir, false).expect("made");
    let taken = first.name.clone();
    let number: u64 = taken.split(['-', '.']).nth(3).expect("a number").parse().expect("digits");
    let scene = (1..20).fold(scene, |scene, step| {
        scene.with(&format!(".transom-{}-{}.draft", process::id(), number + step), "left behind")
    });
    put(&place, b"new", &|| false).expect("put");
    assert_eq!(scene.content("a.txt"), "new");
}
