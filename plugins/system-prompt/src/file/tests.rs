//! What is read of a folder on a real file system, and what is not.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::*;

const SECRET: &str = "a secret outside";

/// A folder `in` and, beside it, a file with a secret.
fn scene() -> TempDir {
    let scene = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(scene.path().join("in")).expect("made");
    fs::write(scene.path().join("secret"), SECRET).expect("written");
    scene
}

fn folder(scene: &TempDir) -> String {
    scene.path().join("in").to_str().expect("text").to_owned()
}

fn look(scene: &TempDir, name: &str) -> Sight {
    Files::default().look(&folder(scene), name, true)
}

fn text(sight: Sight) -> String {
    match sight {
        Sight::Said { text, .. } => text.expect("it was wanted"),
        other => panic!("{other:?}"),
    }
}

fn reason(sight: Sight) -> String {
    match sight {
        Sight::Unfit(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_read_from_the_folder_and_below_it_also_through_links_that_stay_inside() {
    let scene = scene();
    let inside = scene.path().join("in");
    fs::create_dir(inside.join("docs")).expect("made");
    fs::write(inside.join("docs/a.md"), "hello").expect("written");
    symlink("docs/a.md", inside.join("b.md")).expect("linked");
    for name in ["docs/a.md", "./docs/a.md", "b.md"] {
        assert_eq!(text(look(&scene, name)), "hello", "{name}");
    }
    assert_eq!(look(&scene, "c.md"), Sight::Missing);
    let Sight::Said { sha256, .. } = look(&scene, "b.md") else { panic!("it is there") };
    assert_eq!(sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
}

#[test]
fn nothing_outside_of_the_folder_is_read() {
    let scene = scene();
    let inside = scene.path().join("in");
    let secret = scene.path().join("secret").to_str().expect("text").to_owned();
    symlink("../secret", inside.join("up")).expect("linked");
    symlink(&secret, inside.join("absolute")).expect("linked");
    symlink("..", inside.join("parent")).expect("linked");
    symlink("/proc/self", inside.join("self")).expect("linked");
    let names = [
        secret.as_str(),
        "../secret",
        "./../secret",
        "a/../../secret",
        "up",
        "absolute",
        "parent/secret",
        "self/environ",
        "/proc/self/environ",
    ];
    for name in names {
        assert_eq!(reason(look(&scene, name)), "it leads out of the folder", "{name}");
    }
}

#[test]
fn a_link_that_is_swapped_meanwhile_never_leads_outside() {
    let scene = scene();
    let inside = scene.path().join("in");
    fs::write(inside.join("real"), "inside").expect("written");
    let (link, made) = (inside.join("link"), inside.join("made"));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for target in ["real", "../secret"].into_iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                symlink(target, &made).expect("linked");
                fs::rename(&made, &link).expect("swapped");
            }
        });
        let files = Files::default();
        for _ in 0..2_000 {
            if let Sight::Said { text, .. } = files.look(&folder(&scene), "link", true) {
                assert_eq!(text.as_deref(), Some("inside"));
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_is_no_regular_file_of_moderate_size_and_text_is_not_read() {
    let scene = scene();
    let inside = scene.path().join("in");
    mknodat(CWD, inside.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("made");
    fs::create_dir(inside.join("dir")).expect("made");
    File::create(inside.join("sparse")).and_then(|file| file.set_len(1 << 30)).expect("made");
    fs::write(inside.join("bytes"), b"a\xff").expect("written");
    fs::write(inside.join("fits"), "x".repeat(65_536)).expect("written");
    fs::write(inside.join("long"), "x".repeat(65_537)).expect("written");
    symlink("loop", inside.join("loop")).expect("linked");
    for (name, told) in [
        ("pipe", "it is not a regular file"),
        ("dir", "it is not a regular file"),
        (".", "it is not a regular file"),
        ("sparse", "it has 1073741824 bytes, expected at most 65536"),
        ("long", "it has 65537 bytes, expected at most 65536"),
        ("bytes", "it is not UTF-8"),
    ] {
        assert_eq!(reason(look(&scene, name)), told, "{name}");
    }
    assert!(matches!(look(&scene, "loop"), Sight::Unfit(_)));
    assert_eq!(text(look(&scene, "fits")).len(), 65_536);
    assert_eq!(look(&scene, "fits/below"), Sight::Unfit("Not a directory (os error 20)".to_owned()));
}

#[test]
fn what_a_file_says_is_known_without_reading_it_when_nothing_can_have_changed() {
    let old = Stat { device: 1, number: 1, bytes: 1, modified: (0, 0), changed: (10, 5) };
    assert!(!old.is_settled(12_000_000_005) && old.is_settled(12_000_000_006));
    let scene = scene();
    let file = scene.path().join("in/a");
    fs::write(&file, "one").expect("written");
    let files = Files::default();
    let digest = |wants_text| match files.look(&folder(&scene), "a", wants_text) {
        Sight::Said { sha256, text } => (sha256, text.is_some()),
        other => panic!("{other:?}"),
    };
    let (one, _) = digest(true);
    assert!(digest(false).1, "it was changed just now, so it is read again");
    // As if that were long ago.
    let key = (folder(&scene), "a".to_owned());
    let stat =
        Stat::of(&Dir::open_ambient_dir(folder(&scene), ambient_authority()).unwrap().metadata("a").unwrap());
    files.remember(key, stat, i128::MAX, &one);
    assert_eq!(digest(false), (one.clone(), false));
    // Of the same length, with the old times put back: the time of the change itself cannot be.
    let modified = fs::metadata(&file).and_then(|metadata| metadata.modified()).expect("known");
    let told = || Dir::open_ambient_dir(folder(&scene), ambient_authority()).unwrap().metadata("a").unwrap();
    let before = Stat::of(&told());
    while Stat::of(&told()).changed == before.changed {
        fs::write(&file, "two").expect("written");
        let times = FileTimes::new().set_modified(modified);
        File::options().write(true).open(&file).and_then(|file| file.set_times(times)).expect("put back");
        std::thread::sleep(Duration::from_millis(1));
    }
    let (two, was_read) = digest(false);
    assert!(was_read && two != one);
}
