//! What the folder lets through and what it holds back, on a real file system.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::scene::{SECRET, Scene};

fn folder(scene: &Scene) -> Folder {
    let path = scene.path("").canonicalize().expect("it exists");
    Folder::open(path.to_str().expect("text")).expect("opened")
}

fn read(scene: &Scene, asked: &str) -> Result<String, String> {
    let open = folder(scene).open_file(asked).map_err(|problem| problem.to_string())?;
    let mut text = String::new();
    (&open.file).read_to_string(&mut text).expect("text");
    Ok(text)
}

fn assert_escape(scene: &Scene, asked: &str) {
    let expected = format!(
        "`{asked}` leads out of `{}`, the folder this turn works in; stay inside it",
        scene.path("").to_str().expect("text").trim_end_matches('/')
    );
    assert_eq!(read(scene, asked), Err(expected.clone()));
    let placed = folder(scene).place(asked, true).map(|_| ()).map_err(|problem| problem.to_string());
    assert_eq!(placed, Err(expected));
}

#[test]
fn files_inside_are_reached_by_relative_and_by_absolute_paths() {
    let scene = Scene::new().with("sub/a.txt", "hello");
    let absolute = scene.path("sub/a.txt");
    for asked in ["sub/a.txt", "./sub//a.txt", "sub/../sub/a.txt", absolute.to_str().expect("text")] {
        assert_eq!(read(&scene, asked).as_deref(), Ok("hello"), "{asked}");
    }
}

#[test]
fn dots_and_absolute_paths_do_not_lead_out() {
    let scene = Scene::new().with("sub/a.txt", "hello");
    let absolute = scene.outside("secret.txt");
    for asked in ["../secret.txt", "sub/../../secret.txt", "..", "/etc/passwd", "/", "/proc/self/environ"] {
        assert_escape(&scene, asked);
    }
    assert_escape(&scene, absolute.to_str().expect("text"));
    let dotted = format!("{}../secret.txt", scene.path("").to_str().expect("text"));
    assert_escape(&scene, &dotted);
}

#[test]
fn a_folder_with_the_same_beginning_is_outside() {
    let scene = Scene::new();
    fs::create_dir(scene.outside("work-other")).expect("made");
    fs::write(scene.outside("work-other/a.txt"), SECRET).expect("written");
    assert_escape(&scene, scene.outside("work-other/a.txt").to_str().expect("text"));
}

#[test]
fn symlinks_do_not_lead_out() {
    let scene = Scene::new();
    scene.link("relative.txt", "../secret.txt");
    scene.link("absolute.txt", scene.outside("secret.txt"));
    scene.link("up", "..");
    scene.link("root", "/");
    scene.link("chain.txt", "up/secret.txt");
    for asked in ["relative.txt", "absolute.txt", "up/secret.txt", "root/etc/passwd", "chain.txt"] {
        assert_escape(&scene, asked);
    }
}

#[test]
fn the_kernel_s_magic_links_are_not_followed() {
    let scene = Scene::new();
    scene.link("magic", format!("/proc/self/cwd{}", scene.outside("secret.txt").display()));
    assert_escape(&scene, "magic");
    let proc = Folder::open("/proc/self").expect("opened");
    let leads_out = proc.open_dir("root").expect_err("a magic link").to_string();
    assert!(leads_out.starts_with("`root` "), "{leads_out}");
}

#[test]
fn symlinks_that_stay_inside_are_followed_whether_relative_or_absolute() {
    let scene = Scene::new().with("sub/a.txt", "hello");
    scene.link("relative", "sub");
    scene.link("absolute", scene.path("sub"));
    scene.link("file", scene.path("sub/a.txt"));
    for asked in ["relative/a.txt", "absolute/a.txt", "file"] {
        assert_eq!(read(&scene, asked).as_deref(), Ok("hello"), "{asked}");
    }
    assert!(folder(&scene).open_dir("absolute").is_ok());
}

#[test]
fn a_symlink_loop_ends_in_an_error() {
    let scene = Scene::new();
    scene.link("a", "b");
    scene.link("b", "a");
    assert_eq!(read(&scene, "a"), Err("`a` cannot be found: too many levels of symbolic links".to_owned()));
}

#[test]
fn pipes_sockets_and_folders_are_not_opened() {
    let scene = Scene::new();
    scene.fifo("pipe");
    scene.link("to-pipe", "pipe");
    let _socket = UnixListener::bind(scene.path("socket")).expect("bound");
    for asked in ["pipe", "to-pipe", "socket"] {
        let expected = format!("`{asked}` is a pipe, a socket or a device, expected a regular file");
        assert_eq!(read(&scene, asked), Err(expected));
    }
    assert_eq!(read(&scene, "."), Err("`.` is a folder; `list_dir` shows what is in it".to_owned()));
}

#[test]
fn a_device_is_not_opened() {
    let devices = Folder::open("/dev").expect("opened");
    let problem = devices.open_file("zero").expect_err("a device").to_string();
    assert_eq!(problem, "`zero` is a pipe, a socket or a device, expected a regular file");
}

#[test]
fn a_folder_that_is_swapped_for_a_symlink_meanwhile_never_shows_what_is_outside() {
    let scene = Scene::new().with("a/secret.txt", "harmless\n");
    scene.link("b", "..");
    let (folder, done) = (folder(&scene), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (a, b, spare) = (scene.path("a"), scene.path("b"), scene.path("spare"));
            while !done.load(Ordering::Relaxed) {
                fs::rename(&a, &spare).and_then(|()| fs::rename(&b, &a)).expect("renamed");
                fs::rename(&a, &b).and_then(|()| fs::rename(&spare, &a)).expect("renamed");
            }
        });
        for _ in 0..2_000 {
            if let Ok(open) = folder.open_file("a/secret.txt") {
                let mut text = String::new();
                (&open.file).read_to_string(&mut text).expect("text");
                assert_eq!(text, "harmless\n");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn missing_files_and_odd_paths_are_named() {
    let scene = Scene::new().with("a.txt", "hello");
    assert_eq!(read(&scene, "b.txt"), Err("`b.txt` does not exist".to_owned()));
    assert_eq!(read(&scene, ""), Err("`path` is empty".to_owned()));
    assert_eq!(
        read(&scene, "a.txt/b"),
        Err("`a.txt/b` cannot be found: a part of the path is not a folder".to_owned())
    );
    assert!(read(&scene, "a\0b").is_err());
    assert!(read(&scene, &"long/".repeat(5_000)).is_err());
}

#[test]
fn a_turn_without_a_usable_folder_is_told_so() {
    assert_eq!(
        Folder::open("work").expect_err("relative").to_string(),
        "the turn's folder `work` is not an absolute path"
    );
    assert_eq!(
        Folder::open("/nowhere/at/all").expect_err("missing").to_string(),
        "`/nowhere/at/all` cannot be opened as the turn's folder: it does not exist"
    );
}
