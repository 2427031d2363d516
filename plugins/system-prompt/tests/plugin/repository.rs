//! A repository that would start processes wherever it can.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use transom_testkit::{both_ways, json};

use crate::world::{World, shown, told};

fn git(folder: &Path, words: &[&str]) {
    let mut command = Command::new("git");
    command.args(words).current_dir(folder).env_remove("GIT_DIR").env("GIT_CONFIG_GLOBAL", "/dev/null");
    let done = command.output().expect("`git` is there");
    assert!(done.status.success(), "{done:?}");
}

/// A repository on the branch `main` with a change, a monitor, hooks and a filter that leave files behind.
fn hostile(folder: &Path, marks: &Path) {
    git(folder, &["init", "--quiet", "--initial-branch=main"]);
    fs::write(folder.join("a.txt"), "one\n").expect("written");
    git(folder, &["add", "a.txt"]);
    let who = ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "a"];
    git(folder, &who);
    fs::write(folder.join("a.txt"), "two\n").expect("written");
    fs::write(folder.join(".gitattributes"), "*.txt filter=evil\n").expect("written");
    let mark = |name: &str| marks.join(name).display().to_string();
    fs::create_dir(folder.join(".git/other-hooks")).expect("made");
    for (file, left) in [("monitor", "monitor"), ("other-hooks/post-index-change", "hook")] {
        let program = folder.join(".git").join(file);
        fs::write(&program, format!("#!/bin/sh\ntouch {}\n", mark(left))).expect("written");
        fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("may be run");
    }
    for (key, file) in [("core.fsmonitor", "monitor"), ("core.hooksPath", "other-hooks")] {
        git(folder, &["config", key, folder.join(".git").join(file).to_str().expect("text")]);
    }
    git(folder, &["config", "filter.evil.clean", &format!("touch {}; cat", mark("filter"))]);
}

fn marks(folder: &Path) -> Vec<String> {
    let found = fs::read_dir(folder).expect("a folder").map(|mark| mark.expect("readable").file_name());
    found.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn a_repository_starts_no_process_before_its_configuration_is_trusted() {
    both_ways(async |stand| {
        let world = World::default();
        let left = stand.root().parent().expect("a folder around it").join("marks");
        fs::create_dir(&left).expect("made");
        hostile(&stand.root(), &left);
        let template = json!({"template": "On [git:branch].[if git:status]\n[git:status][endif]"});
        let stand = world.start(stand, template).await;
        assert_eq!(told(&stand).await, "On main.");
        assert_eq!(marks(&left), [] as [&str; 0]);
        let asked = world.state().asked.last().cloned().expect("it was asked");
        assert_eq!(
            (asked.name.as_str(), asked.purpose.as_str()),
            (".git/config", "what git may run when it tells its status")
        );

        world.trust_the_last();
        assert_eq!(told(&stand).await, "On main.\n M a.txt\n?? .gitattributes");
        assert!(!marks(&left).iter().any(|mark| mark != "filter"), "no monitor, no hook: {:?}", marks(&left));
        assert_eq!(shown(&stand).await["because"], "`.git/config` is used now");

        fs::write(stand.root().join("b.txt"), "new\n").expect("written");
        fs::write(stand.root().join(".git/HEAD"), "ref: refs/heads/other\n").expect("written");
        assert_eq!(told(&stand).await, "On main.\n M a.txt\n?? .gitattributes", "it is what it was");
        stand.stop().await;
    });
}
