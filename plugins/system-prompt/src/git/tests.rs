//! Repositories, worktrees, and folders that only look like them.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A folder `repo` with a repository in it.
fn scene() -> TempDir {
    let scene = tempfile::tempdir().expect("a temporary folder");
    write(&scene, "repo/.git/HEAD", "ref: refs/heads/main\n");
    write(&scene, "repo/.git/config", "[core]\n\tbare = false\n");
    scene
}

fn write(scene: &TempDir, path: &str, text: &str) {
    let path = scene.path().join(path);
    fs::create_dir_all(path.parent().expect("inside")).expect("made");
    fs::write(path, text).expect("written");
}

fn repo(scene: &TempDir) -> PathBuf {
    scene.path().join("repo")
}

#[test]
fn the_branch_stands_in_the_head_of_the_repository() {
    let long = "x".repeat(201);
    for (head, branch) in [
        ("ref: refs/heads/main\n", Some("main")),
        ("ref: refs/heads/feature/a-1_b.c\n", Some("feature/a-1_b.c")),
        ("ref: refs/heads/größe", Some("größe")),
        (COMMIT, Some("0123456789ab")),
        ("ref: refs/heads/.invalid\n", None),
        ("ref: refs/heads/\n", None),
        ("ref: refs/heads/a b\n", None),
        ("ref: refs/heads/a\nb\n", None),
        ("ref: refs/tags/a\n", None),
        ("0123", None),
        ("", None),
        (&format!("ref: refs/heads/{long}"), None),
    ] {
        assert_eq!(head_of(head).as_deref(), branch, "{head}");
    }
    assert_eq!(branch(&repo(&scene())).as_deref(), Some("main"));
    assert_eq!(branch(scene().path()), None);
}

#[test]
fn a_worktree_counts_when_the_repository_knows_it() {
    let scene = scene();
    let (there, tree) = ("repo/.git/worktrees/tree", scene.path().join("tree"));
    write(&scene, &format!("{there}/HEAD"), "ref: refs/heads/other\n");
    write(&scene, &format!("{there}/commondir"), "../..\n");
    write(&scene, "tree/.git", &format!("gitdir: {}\n", scene.path().join(there).display()));
    assert_eq!((branch(&tree), config(&tree)), (None, None), "it does not name the folder");
    write(&scene, &format!("{there}/gitdir"), &format!("{}\n", tree.join(".git").display()));
    assert_eq!(branch(&tree).as_deref(), Some("other"));
    assert_eq!(config(&tree), config(&repo(&scene)), "they have one configuration");
    write(&scene, "thief/.git", &format!("gitdir: {}\n", scene.path().join(there).display()));
    assert_eq!(branch(&scene.path().join("thief")), None);
}

#[test]
fn what_is_no_repository_hangs_and_tells_nothing() {
    let scene = scene();
    let head = repo(&scene).join(".git/HEAD");
    fs::remove_file(&head).expect("removed");
    symlink("/proc/self/environ", &head).expect("linked");
    assert_eq!(branch(&repo(&scene)), None);
    fs::remove_file(&head).expect("removed");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &head, rustix::fs::FileType::Fifo, mode, 0).expect("made");
    assert_eq!(branch(&repo(&scene)), None);
    write(&scene, "other/.git", "gitdir: /etc\n");
    assert_eq!(branch(&scene.path().join("other")), None);
    symlink("repo/.git", scene.path().join("linked")).expect("linked");
    fs::create_dir(scene.path().join("third")).expect("made");
    symlink("../repo/.git", scene.path().join("third/.git")).expect("linked");
    assert_eq!(config(&scene.path().join("third")), None, "a link is no repository of this folder");
}

#[test]
fn a_configuration_is_known_by_all_that_is_in_it() {
    let scene = scene();
    let before = config(&repo(&scene)).expect("it is one");
    assert_eq!(config(&repo(&scene)), Some(before.clone()));
    write(&scene, "repo/.git/config.worktree", "[core]\n\tfsmonitor = ./evil\n");
    let after = config(&repo(&scene)).expect("it is one");
    assert_ne!(before, after);
    for include in ["[include]\n\tpath = x\n", "[IncludeIf \"gitdir:x\"]\n"] {
        write(&scene, "repo/.git/config", include);
        assert_eq!(config(&repo(&scene)), None, "{include}");
    }
}
