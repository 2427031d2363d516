//! Programs in the place of `git`, which say too much or never end.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

/// A folder with a program that does this.
fn scene(script: &str) -> (TempDir, PathBuf) {
    let scene = tempfile::tempdir().expect("a temporary folder");
    let program = scene.path().join("git");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("may be run");
    (scene, program)
}

fn said(script: &str) -> Option<String> {
    let (scene, program) = scene(script);
    of(scene.path(), &program)
}

#[test]
fn what_it_says_is_told_when_it_ends_well() {
    assert_eq!(said("echo ' M a'; echo '?? b'").as_deref(), Some(" M a\n?? b"));
    assert_eq!(said("true").as_deref(), Some(""));
    assert_eq!(said("echo ' M a'; exit 3"), None);
    assert_eq!(of(Path::new("/"), Path::new("/nowhere/git")), None);
}

#[test]
fn what_says_too_much_is_cut_at_a_line_and_ended() {
    let said = said("while true; do echo ' M a-file-with-a-long-name'; done").expect("it says something");
    assert!(said.len() <= MOST + 4 && said.ends_with("name\n…"), "{}", said.len());
}

#[test]
fn what_does_not_end_is_ended_with_all_that_it_has_started() {
    let (scene, program) = scene("(sleep 60; touch late) & echo $! > started; wait");
    assert_eq!(of(scene.path(), &program), None);
    let started = fs::read_to_string(scene.path().join("started")).expect("it began");
    let is_gone = || {
        // A process that nobody has waited for yet is no more than a name.
        let status = fs::read_to_string(format!("/proc/{}/status", started.trim())).unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    };
    let until = Instant::now() + Duration::from_secs(10);
    while !is_gone() && Instant::now() < until {
        std::thread::yield_now();
    }
    assert!(is_gone(), "{started}");
}

#[test]
fn it_is_told_nothing_but_where_programs_and_homes_are() {
    let told = said("env | cut -d= -f1 | sort").expect("it says something");
    let names: Vec<&str> = told.lines().collect();
    let expected = ["GIT_", "HOME", "LC_ALL", "PATH"];
    // A shell adds what it keeps for itself.
    let is_known = |name: &&str| {
        expected.iter().any(|known| name.starts_with(known)) || ["PWD", "OLDPWD", "SHLVL", "_"].contains(name)
    };
    assert!(names.iter().all(is_known) && names.contains(&"GIT_OPTIONAL_LOCKS"), "{names:?}");
}

#[test]
fn a_program_in_the_working_folder_is_never_found() {
    let (scene, _) = scene("true");
    let folder = scene.path().to_str().expect("text");
    assert_eq!(program("git", ".".as_ref()), None);
    assert_eq!(program("git", format!(":.:bin:{folder}").as_ref()), Some(scene.path().join("git")));
}
