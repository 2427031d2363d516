//! Native code that crashes ends the host by its signal, after one line that says whose it was.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use super::support::{Host, Manner, Scene, dylib};

const SEGV: i32 = 11;

/// The bundled plugins, and an unruly one that crashes like this.
fn scene(place: &str, means: &str) -> Scene {
    let settings = format!("crash_in = \"{place}\"\ncrash_by = \"{means}\"\n");
    let source = dylib("unruly").display().to_string();
    let table = format!("[[plugin]]\nid = \"unruly\"\nsource = \"{source}\"\n[plugin.settings]\n{settings}");
    Scene::new(Manner::Linked).with_tables(&table)
}

/// How a host ends that is asked to crash.
async fn end(place: &str, means: &str) -> (Option<i32>, String) {
    let host = scene(place, means).start().await;
    if place == "stop" {
        host.signal("TERM").await;
        return signal_and_line(host).await;
    }
    // It has no answer; the connection ends with the host.
    let _ = host.client.request(reqwest::Method::GET, "/x/unruly/crash").send().await;
    signal_and_line(host).await
}

async fn signal_and_line(host: Host) -> (Option<i32>, String) {
    let (status, errors) = host.ended().await;
    (status.signal(), the_line(&errors))
}

/// The one line about a crash: the last.
fn the_line(errors: &str) -> String {
    let told: Vec<&str> = errors.lines().filter(|line| line.contains("error: SIG")).collect();
    assert_eq!(told.len(), 1, "{errors}");
    assert_eq!(errors.lines().last(), Some(told[0]), "nothing is said after it");
    told[0].to_owned()
}

async fn check(place: &str, means: &str, signal: i32, expected: &str) {
    let expected = format!("error: {expected}; the host ends with it");
    assert_eq!(end(place, means).await, (Some(signal), expected), "{means} in {place}");
}

#[tokio::test]
async fn a_crash_names_the_plugin_and_where_in_it() {
    for (place, wanted) in [
        ("listener", "at `unruly/poked`"),
        ("mailbox", "at `unruly/nudged`"),
        ("service", "at `http/route`"),
        ("task", "in a background task"),
        ("stop", "while it stopped"),
        ("thread", "on thread `mischief`, where the host did not lead it"),
    ] {
        check(place, "segv", SEGV, &format!("SIGSEGV in plugin `unruly` {wanted}")).await;
    }
}

#[tokio::test]
async fn each_signal_is_told_by_its_name_and_ends_the_process() {
    for (means, name, signal) in
        [("bus", "SIGBUS", 7), ("ill", "SIGILL", 4), ("fpe", "SIGFPE", 8), ("abort", "SIGABRT", 6)]
    {
        check("service", means, signal, &format!("{name} in plugin `unruly` at `http/route`")).await;
    }
}

#[tokio::test]
async fn a_stack_overflow_is_told_for_what_it_is() {
    let told = |wanted| format!("SIGSEGV (a stack overflow) in plugin `unruly` {wanted}");
    check("listener", "overflow", SEGV, &told("at `unruly/poked`")).await;
    check("stop", "overflow", SEGV, &told("while it stopped")).await;
}

#[tokio::test]
async fn an_abort_on_a_plugin_s_own_thread_is_told_by_the_thread() {
    let expected = "SIGABRT on thread `mischief`, outside of what the host knows to be a plugin";
    check("thread", "abort", 6, expected).await;
}

#[tokio::test]
async fn a_crash_before_the_host_is_ready_is_told_too() {
    for (means, name) in [("segv", "SIGSEGV"), ("overflow", "SIGSEGV (a stack overflow)")] {
        let ended = scene("start", means).run(&["up", "--listen", "127.0.0.1:0"]).await;
        let expected = format!("error: {name} in plugin `unruly` in its `start`; the host ends with it");
        assert_eq!((ended.signal, the_line(&ended.errors)), (Some(SEGV), expected));
    }
}

async fn check_loading(id: &str, file: &Path, signal: i32, name: &str) {
    let table = format!("[[plugin]]\nid = \"{id}\"\nsource = \"{}\"\n", file.display());
    let scene = Scene::new(Manner::Linked).with_tables(&table);
    let ended = scene.run(&["up", "--listen", "127.0.0.1:0"]).await;
    let expected = format!("error: {name} in plugin `{id}` while it was loaded; the host ends with it");
    assert_eq!((ended.signal, the_line(&ended.errors)), (Some(signal), expected));
}

#[tokio::test]
async fn a_file_that_crashes_when_it_is_opened_is_told() {
    check_loading("landmine", &dylib("landmine"), 6, "SIGABRT").await;
    // Whole enough to be described, and not to be opened: the linker is led astray by its first relocation.
    let mut bytes = fs::read(dylib("unruly")).expect("it can be read");
    let relocation = first_relocation(&bytes);
    bytes[relocation..relocation + 8].copy_from_slice(&0x7000_0000_0000_u64.to_le_bytes());
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let damaged = folder.path().join("damaged.so");
    fs::write(&damaged, bytes).expect("a file");
    check_loading("unruly", &damaged, SEGV, "SIGSEGV").await;
}

/// Where in an ELF file of 64 bits the first entry of its first section of relocations is.
fn first_relocation(file: &[u8]) -> usize {
    let word = |at: usize| usize::from_le_bytes(file[at..at + 8].try_into().expect("eight bytes"));
    let (headers, relocations) = (word(40), 4_u8);
    let found = (headers..file.len()).step_by(64).find(|header| file[header + 4] == relocations);
    word(found.expect("a library has relocations") + 24)
}
