//! Files that are no plugin, or a plugin for somebody else. None of them is ever opened as a library.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::super::support::{Outcome, dylib};
use super::{Court, plugin};

/// What is told about a file of `bytes` that is to be the plugin `id`.
async fn check(id: &str, bytes: &[u8], expected: &str) {
    let court = Court::new();
    fs::write(court.scene.work().join("parrot.so"), bytes).expect("a file");
    assert_eq!(court.faults(&plugin(id, "parrot.so")).await, [format!("3:10 {expected}")]);
}

#[tokio::test]
async fn a_file_that_is_missing_is_told() {
    let court = Court::new();
    assert_eq!(
        court.faults(&plugin("parrot", "parrot.so")).await,
        ["3:10 plugin file `./parrot.so` does not exist | build the plugin, or correct the path"]
    );
}

#[tokio::test]
async fn a_folder_is_no_plugin() {
    let court = Court::new();
    fs::create_dir(court.scene.work().join("parrot.so")).expect("a folder");
    assert_eq!(
        court.faults(&plugin("parrot", "parrot.so")).await,
        [
            "3:10 plugin file `./parrot.so` is not a regular file | name the plugin's shared library itself, usually `lib….so`"
        ]
    );
}

#[tokio::test]
async fn a_file_that_is_no_elf_is_told() {
    check(
        "parrot",
        b"#!/bin/sh\necho hello\n",
        "plugin file `./parrot.so` is not an ELF file | \
         name a shared library built with `crate-type = [\"cdylib\", \"rlib\"]`",
    )
    .await;
}

#[tokio::test]
async fn an_elf_file_without_a_section_is_told() {
    check(
        "parrot",
        &fs::read(system_library()).expect("it can be read"),
        "plugin file `./parrot.so` has no plugin in it: no section `.transom` | export a plugin with `export_plugin!`, \
         and build with `crate-type = [\"cdylib\", \"rlib\"]`",
    )
    .await;
}

/// A library that this process has mapped and that nobody wrote as a plugin.
fn system_library() -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").expect("the system tells what is mapped");
    let paths = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    paths
        .filter(|path| path.contains("libc.so") || path.contains("libc-"))
        .map(PathBuf::from)
        .next()
        .expect("a C library")
}

#[tokio::test]
async fn a_file_that_is_cut_off_anywhere_is_told() {
    let whole = fs::read(dylib("unruly")).expect("it can be read");
    let lengths = [0, 1, 4, 63, 64, 1000, whole.len() / 4, whole.len() / 2, whole.len() - 1];
    let court = Court::new();
    let mut manifest = String::new();
    for length in lengths {
        let name = format!("cut-{length}.so");
        fs::write(court.scene.work().join(&name), &whole[..length]).expect("a file");
        manifest += &plugin(&format!("cut-{length}"), &name);
    }
    let faults = court.faults(&manifest).await;
    assert_eq!(faults.len(), lengths.len(), "{faults:#?}");
    for (fault, length) in faults.iter().zip(lengths) {
        assert!(fault.contains(&format!("plugin file `./cut-{length}.so` is ")), "{fault}");
    }
}

#[tokio::test]
async fn a_plugin_of_another_revision_of_the_abi_is_told() {
    check(
        "follower",
        &patched("\"abi\":1,", "\"abi\":9,"),
        "plugin `follower` was built with ABI revision 9, but this host speaks revision 1 (`./parrot.so`) | \
         update the host, or use an older plugin",
    )
    .await;
}

#[tokio::test]
async fn a_plugin_for_another_target_is_told() {
    let target = transom_loader::TARGET;
    let other = format!("{}z", &target[..target.len() - 1]);
    let expected = format!(
        "plugin `follower` was built for `{other}`, but this host for `{target}` (`./parrot.so`) | \
         build it with `cargo build --target {target}`"
    );
    check("follower", &patched(&format!("\"{target}\""), &format!("\"{other}\"")), &expected).await;
}

#[tokio::test]
async fn a_plugin_that_would_abort_is_told() {
    check(
        "follower",
        &patched("\"panic\":\"unwind\"", "\"panic\":\"abort\" "),
        "plugin `follower` was built so that its panics end the whole process (`./parrot.so`) | \
         remove `panic = \"abort\"` from its profile and build it again",
    )
    .await;
}

#[tokio::test]
async fn a_file_with_other_plugins_is_told_with_those_it_has() {
    check(
        "parrot",
        &fs::read(dylib("unruly")).expect("it can be read"),
        "the file does not hold plugin `parrot`, but `follower`, `keeper`, `meddler`, `restless`, `unruly` (`./parrot.so`) | \
         correct the id, or the path of the file",
    )
    .await;
}

#[tokio::test]
async fn a_program_with_plugins_inside_is_no_library() {
    check(
        "skills",
        &fs::read(env!("CARGO_BIN_EXE_transom")).expect("it can be read"),
        "the file of plugin `skills` does not export its entry, symbol `transom_plugin_skills` (`./parrot.so`) | \
         build the crate that exports it with `crate-type = [\"cdylib\", \"rlib\"]`",
    )
    .await;
}

/// The file of a real plugin, with other words in its record.
fn patched(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "the record keeps its length");
    let mut bytes = fs::read(dylib("unruly")).expect("it can be read");
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|place| bytes[*place..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "`{from}` is not in the record");
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

#[tokio::test]
async fn neither_check_nor_inspect_opens_a_file_as_a_library() {
    let court = Court::new();
    let landmine = dylib("landmine").display().to_string();
    court.scene.file("bad.toml", &plugin("landmine", &landmine));

    let inspected = Outcome::of(court.scene.bare_command(&["inspect", &landmine])).await;
    assert_eq!((inspected.code, inspected.errors.as_str()), (Some(0), ""));
    assert!(inspected.output.starts_with("landmine "), "{}", inspected.output);
    let inspected = Outcome::of(court.scene.bare_command(&["inspect", "--json", &landmine])).await;
    let document: Value = serde_json::from_str(&inspected.output).expect("JSON");
    assert_eq!(document["plugins"][0]["id"], "landmine");
    for command in ["check", "plugins"] {
        let judged = court.run(command, &[]).await;
        assert_eq!((judged.code, judged.errors.as_str()), (Some(0), ""), "{command}");
        assert!(judged.output.contains("landmine"), "{}", judged.output);
    }

    let started = court.run("up", &[]).await;
    assert_eq!(started.code, None, "the landmine is live, so a signal ends who opens it: {started:?}");
}

#[tokio::test]
async fn inspecting_a_file_that_is_no_plugin_is_refused() {
    let court = Court::new();
    court.scene.file("parrot.so", "not a library");
    let refused = Outcome::of(court.scene.bare_command(&["inspect", "parrot.so"])).await;
    let expected = "error: plugin file `parrot.so` is not an ELF file\n  \
                    help: name a shared library built with `crate-type = [\"cdylib\", \"rlib\"]`\n";
    assert_eq!((refused.code, refused.errors.as_str()), (Some(2), expected));
}
