//! A short night: everything that was promised holds, by the report that the program ends with.
//!
//! It runs the `transom` that cargo has built beside the program, and the plugins' files that it has built beside this test.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the program with these arguments, on what cargo has built.
fn night(arguments: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_transom-night-shift"));
    let host = program.with_file_name("transom");
    assert!(host.is_file(), "`{}` is missing; build it by `cargo build -p transom-host`", host.display());
    let own = std::env::current_exe().expect("a test knows its program");
    let plugins = own.parent().expect("a program lies in a folder");
    let mut command = Command::new(program);
    command.args(arguments).arg("--program").arg(host).arg("--plugins").arg(plugins);
    command.output().expect("it can be run")
}

#[test]
fn a_night_with_two_kills_a_reload_of_every_plugin_a_panic_and_a_full_disk_loses_nothing() {
    let ran = night(&["--seed", "7", "--json"]);
    let (said, journal) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    let report: Value =
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("no report: {said}\n{journal}"));
    assert_eq!((&report["well"], ran.status.code()), (&true.into(), Some(0)), "{report:#}\n{journal}");
    assert_eq!(
        (&report["lost"], &report["doubled"], &report["outOfOrder"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!((report["viewers"].as_u64(), &report["agreeing"]), (Some(24), &24.into()), "{report:#}");
    let acknowledged = &report["acknowledged"];
    assert_eq!((&acknowledged["lost"], &acknowledged["twice"]), (&0.into(), &0.into()), "{report:#}");
    assert!(acknowledged["inLog"].as_u64() > Some(16) && acknowledged["answers"] == 6, "{report:#}");
    assert_eq!(report["kills"].as_array().map(Vec::len), Some(2), "{report:#}");
    let reloads = &report["reloads"];
    assert!(reloads["count"].as_u64() >= Some(19) && reloads["count"] == reloads["plugins"], "{report:#}");
    assert_eq!(report["faults"]["quarantines"], 1, "{report:#}");
    assert!(report["fullDisk"]["refused"].as_u64() >= Some(4), "{report:#}");
    let prompts = &report["prompts"];
    for one in ["skills", "summaries", "breaks", "trusted"] {
        assert_eq!(prompts[one], 1, "{one}: {report:#}");
    }
    assert!(prompts["warmings"].as_u64() >= Some(3), "{report:#}");
    let guards = &report["guards"];
    let permissions = &guards["permissions"];
    let of = |field: &str| permissions[field].as_u64().unwrap_or_default();
    assert_eq!(
        (of("allowed") + of("denied"), of("waited"), of("cutOff"), of("twice")),
        (3, 1, 1, 0),
        "{report:#}"
    );
    assert!(of("allowed") >= of("ran") && of("ran") + 1 >= of("allowed"), "{report:#}");
    let server = &guards["server"];
    assert!(server["answered"].as_u64() >= Some(3) && server["ended"] == 1, "{report:#}");
    assert_eq!(
        (&guards["hooks"]["forbidden"], &guards["hooks"]["changed"]),
        (&1.into(), &1.into()),
        "{report:#}"
    );
    let hostile = &guards["hostile"];
    assert_eq!((&hostile["turns"], &hostile["waiting"]), (&2.into(), &5.into()), "{report:#}");
    assert!(hostile["requests"].as_u64() == Some(4) && guards["judged"].as_u64() >= Some(25), "{report:#}");
    let doctor = &report["doctor"];
    assert!(doctor["conversations"].as_u64() >= Some(8) && doctor["faults"] == 0, "{report:#}");
    // What it has told is what the page of a night is made of.
    assert!(
        journal.lines().count() > 10 && report["turns"]["stop"].as_u64() > Some(16),
        "{journal}{report:#}"
    );
}

#[test]
fn what_is_missing_is_told_with_the_command_that_builds_it() {
    let program = Path::new(env!("CARGO_BIN_EXE_transom-night-shift"));
    let ran = Command::new(program).args(["--program", "nowhere/transom"]).output().expect("it can be run");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(told.contains("nowhere/transom` is missing") && told.contains("cargo build"), "{told}");
    assert_eq!(ran.status.code(), Some(2), "{told}");
}
