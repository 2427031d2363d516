//! Walks through real folders that are odd, hostile, or change meanwhile.

use std::cell::Cell;
use std::fs;

use super::*;
use crate::folder::Folder;
use crate::scene::Scene;

const ALL: Choice = Choice { hidden: true, ignored: true };

fn job<'a>(scene: &Scene, gone: &'a dyn Fn() -> bool) -> Job<'a> {
    let path = scene.path("").canonicalize().expect("it exists");
    let folder = Folder::open(path.to_str().expect("text")).expect("opened");
    Job { folder, limits: scene.limits, gone }
}

/// The paths that a walk comes by, and its gaps.
fn walked(scene: &Scene, start: &str, choice: Choice) -> (Vec<String>, Vec<String>) {
    let job = job(scene, &|| false);
    let mut walk = Walk::below(&job, Path::new(start), choice);
    let paths = walk.by_ref().map(|entry| entry.path.to_string_lossy().into_owned()).collect();
    (paths, walk.gaps())
}

fn paths(scene: &Scene, start: &str, choice: Choice) -> Vec<String> {
    let (paths, gaps) = walked(scene, start, choice);
    assert!(gaps.is_empty(), "{gaps:?}");
    paths
}

#[test]
fn a_walk_goes_in_byte_order_of_whole_paths_whatever_the_disk_says() {
    let scene = (0..60).fold(Scene::new(), |scene, number| {
        let number = number * 37 % 60;
        scene
            .with(&format!("{number:02}/x"), "")
            .with(&format!("{number:02}-a"), "")
            .with(&format!("é{number}"), "")
    });
    let found = paths(&scene, "", ALL);
    let mut sorted = found.clone();
    sorted.sort_by_key(|path| if scene.path(path).is_dir() { format!("{path}/") } else { path.clone() });
    assert_eq!(found.len(), 240);
    assert_eq!(found, sorted);
}

#[test]
fn no_symlink_is_followed() {
    let scene = Scene::new().with("real/a.txt", "").with("b.txt", "");
    scene.link("real/loop", "..");
    scene.link("folder", "real");
    scene.link("file", "b.txt");
    scene.link("outside", scene.outside("secret.txt"));
    scene.link("nowhere", "/nowhere");
    let expected = ["b.txt", "file", "folder", "nowhere", "outside", "real", "real/a.txt", "real/loop"];
    assert_eq!(paths(&scene, "", ALL), expected);
}

#[test]
fn a_folder_that_is_exchanged_for_a_symlink_meanwhile_does_not_lead_out() {
    let scene = Scene::new().with("a/b/c/name.txt", "").with("a/b/secret.txt", "harmless").with("z", "");
    let outside = scene.outside("elsewhere");
    fs::create_dir_all(outside.join("c/not-for-you")).expect("made");
    fs::write(outside.join("secret.txt"), "the secret").expect("written");
    let job = job(&scene, &|| false);
    let mut walk = Walk::below(&job, Path::new(""), ALL);
    let mut found = Vec::new();
    for entry in walk.by_ref() {
        // The names in `a/b` have been read; what is behind them has not.
        if entry.path == Path::new("a/b") {
            fs::rename(scene.path("a/b"), scene.outside("aside")).expect("renamed");
            scene.link("a/b", &outside);
        }
        found.push(entry.path.to_string_lossy().into_owned());
    }
    assert_eq!(found, ["a", "a/b", "a/b/c", "a/b/secret.txt", "z"]);
    assert_eq!(walk.gaps(), ["folders that could not be read: 1"]);
    assert!(job.folder.file_at(Path::new("a/b/secret.txt")).is_err());
}

#[test]
fn a_tree_deeper_than_any_path_is_told_and_ends() {
    let scene = Scene::new().with("z", "");
    let mut inner =
        cap_std::fs::Dir::open_ambient_dir(scene.path(""), cap_std::ambient_authority()).expect("opened");
    let name = "d".repeat(200);
    for _ in 0..30 {
        inner.create_dir(&name).expect("made");
        inner = inner.open_dir(&name).expect("opened");
    }
    let (found, gaps) = walked(&scene, "", ALL);
    assert!((15..30).contains(&found.len()), "{}", found.len());
    assert_eq!(found.last().map(String::as_str), Some("z"));
    assert_eq!(gaps, ["folders that could not be read: 1"]);
}

#[test]
fn a_tree_beyond_the_bound_is_visited_up_to_it_in_order() {
    let mut scene =
        (0..30).fold(Scene::new(), |scene, number| scene.with(&format!("{number:02}/inside"), ""));
    scene.limits.visits = 5;
    let (found, gaps) = walked(&scene, "", ALL);
    assert_eq!(found, ["00", "00/inside", "01", "01/inside", "02"]);
    assert_eq!(gaps, ["stopped after 5 names; narrow it with `path`"]);
    scene.limits.visits = 60;
    assert_eq!(paths(&scene, "", ALL).len(), 60);
}

#[test]
fn no_more_is_held_than_may_still_be_visited() {
    let mut scene = (0..40).fold(Scene::new(), |scene, number| scene.with(&format!("{number:02}/a/b/c"), ""));
    scene.limits.visits = 10;
    let job = job(&scene, &|| false);
    let mut walk = Walk::below(&job, Path::new(""), ALL);
    assert_eq!(walk.pending.len(), 10);
    while walk.next().is_some() {
        assert!(walk.pending.len() <= walk.visits_left);
    }
    assert_eq!(walk.visited(), 10);
}

#[test]
fn a_walk_ends_soon_when_nobody_waits() {
    let scene = (0..30).fold(Scene::new(), |scene, number| scene.with(&number.to_string(), ""));
    let asked = Cell::new(0);
    let gone = || {
        asked.set(asked.get() + 1);
        asked.get() > 33
    };
    let job = job(&scene, &gone);
    assert_eq!(Walk::below(&job, Path::new(""), ALL).count(), 3);
    assert_eq!(asked.get(), 34);
}

#[test]
fn hidden_names_are_seen_only_when_they_are_asked_for() {
    let scene = Scene::new().with(".env", "").with(".config/a", "").with("b/.c", "").with(".git/config", "");
    assert_eq!(paths(&scene, "", Choice::default()), ["b"]);
    let hidden = Choice { hidden: true, ignored: false };
    assert_eq!(paths(&scene, "", hidden), [".config", ".config/a", ".env", "b", "b/.c"]);
    assert!(paths(&scene, "", ALL).contains(&".git/config".to_owned()));
    assert_eq!(paths(&scene, ".config", Choice::default()), [".config/a"]);
}

#[test]
fn what_git_ignores_is_left_out_unless_it_is_asked_for() {
    let scene = Scene::new()
        .with(".gitignore", "*.log\n/target/\n# no comment\nbuild\n!keep.log\n")
        .with("a.log", "")
        .with("keep.log", "")
        .with("target/x", "")
        .with("sub/target/x", "")
        .with("sub/build/x", "")
        .with("sub/b.log", "");
    let expected = ["keep.log", "sub", "sub/target", "sub/target/x"];
    assert_eq!(paths(&scene, "", Choice::default()), expected);
    assert_eq!(paths(&scene, "sub", Choice::default()), ["sub/target", "sub/target/x"]);
    assert_eq!(paths(&scene, "target", Choice::default()), ["target/x"]);
    let ignored = paths(&scene, "", Choice { hidden: false, ignored: true });
    assert_eq!(ignored.len(), 10, "{ignored:?}");
}

#[test]
fn the_rules_of_the_nearest_folder_have_the_last_word() {
    let scene = Scene::new()
        .with(".gitignore", "*.tmp\n*.out\n")
        .with("sub/.gitignore", "!*.tmp\n/only-here\n")
        .with("sub/.ignore", "*.bak\n!*.out\n")
        .with("sub/a.tmp", "")
        .with("sub/a.out", "")
        .with("sub/a.bak", "")
        .with("sub/only-here", "")
        .with("sub/deep/only-here", "")
        .with("a.tmp", "")
        .with("a.bak", "");
    let expected = ["a.bak", "sub", "sub/a.out", "sub/a.tmp", "sub/deep", "sub/deep/only-here"];
    assert_eq!(paths(&scene, "", Choice::default()), expected);
}

#[test]
fn rules_above_the_turn_s_folder_do_not_count() {
    let scene = Scene::new().with("a.txt", "");
    fs::write(scene.outside(".gitignore"), "*\n").expect("written");
    assert_eq!(paths(&scene, "", Choice::default()), ["a.txt"]);
}

#[test]
fn rules_that_cannot_be_read_are_told_and_do_not_count() {
    let long = "*.txt\n".repeat(rules::MOST_BYTES as usize / 6);
    let scene = Scene::new()
        .with(".gitignore", &long)
        .with("sub/.gitignore", "*\n")
        .with("sub/a.bin", "")
        .with("a.txt", "")
        .with("b/c", "");
    fs::write(scene.outside("rules"), "*\n").expect("written");
    scene.link("b/.gitignore", scene.outside("rules"));
    let (found, gaps) = walked(&scene, "", Choice::default());
    // Two bytes are left of the bound, which is enough for the rules of `sub` and no more.
    assert_eq!(found, ["b", "b/c", "sub"]);
    let told = "files with rules such as `.gitignore` that do not count, unreadable or beyond 32768 bytes of rules: 1";
    assert_eq!(gaps, [told]);
    let scene = scene.with("sub/.gitignore", "*.bin\n");
    let (found, gaps) = walked(&scene, "", Choice::default());
    assert_eq!(found, ["b", "b/c", "sub", "sub/a.bin"]);
    assert_eq!(gaps, [told.replace(": 1", ": 2")]);
}

#[test]
fn rules_that_make_no_sense_say_nothing() {
    let scene = Scene::new()
        .with(".gitignore", b"\xff*\n\n{a\n[\n!\n/\n\\\n*.log \n")
        .with("a.log", "")
        .with("b", "");
    let (found, _) = walked(&scene, "", Choice::default());
    assert_eq!(found, ["b"]);
}

#[test]
fn pipes_and_names_that_are_not_utf_8_are_told_as_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let scene = Scene::new();
    scene.fifo("pipe");
    fs::write(scene.path("").join(OsStr::from_bytes(b"\xff\xfe")), "").expect("written");
    let job = job(&scene, &|| false);
    let found: Vec<_> = Walk::below(&job, Path::new(""), ALL).map(|entry| (entry.path, entry.kind)).collect();
    let strange = PathBuf::from(OsStr::from_bytes(b"\xff\xfe"));
    assert_eq!(found, [(PathBuf::from("pipe"), Kind::Other), (strange, Kind::File)]);
}
