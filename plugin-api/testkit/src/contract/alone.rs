//! Running a check in a process of its own: the test program, started again for one test.

use std::fs;
use std::io::Read;
use std::panic::Location;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::stand::new_folder;

/// Names the one check that a child is to run, by its place in the source.
const CHECK: &str = "TRANSOM_TESTKIT_CHECK";
/// Names the file to which it writes what it found; empty for nothing.
const REPORT: &str = "TRANSOM_TESTKIT_REPORT";
/// How long a child may take.
const BOUND: Duration = Duration::from_secs(120);
/// How long one looks away before one asks again whether the child has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Runs `check`, which gives what it found as text, where no other test runs beside it.
pub(super) fn run(place: &Location<'_>, check: impl FnOnce() -> String) -> Result<(), String> {
    let (asked, report) = (std::env::var(CHECK).ok(), std::env::var_os(REPORT));
    match (asked, report) {
        (Some(asked), Some(report)) if asked == place.to_string() => {
            let written = fs::write(report, check());
            std::process::exit(i32::from(written.is_err()));
        }
        // Another check of the same test is the one that was asked for.
        (Some(_), Some(_)) => Ok(()),
        // With one test at a time (`--test-threads=1`) tests run on the main thread, and there is nobody beside this one.
        _ if std::thread::current().name() == Some("main") => {
            let found = check();
            if found.is_empty() { Ok(()) } else { Err(found) }
        }
        _ => in_a_child(place),
    }
}

fn in_a_child(place: &Location<'_>) -> Result<(), String> {
    let thread = std::thread::current();
    let Some(test) = thread.name() else {
        return Err(
            "a check must know the name of its test\n  help: call it on the test's own thread".to_owned()
        );
    };
    let folder = new_folder();
    let report = folder.path().join("report");
    let program = std::env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let child = Command::new(program)
        .args([test, "--exact", "--include-ignored", "--nocapture"])
        .env(CHECK, place.to_string())
        .env(REPORT, &report)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let said = end_of(child.map_err(|error| format!("the test program cannot be started again: {error}"))?)?;
    verdict(&report, test, &said)
}

/// What the child said on standard error, once it has ended.
fn end_of(mut child: Child) -> Result<String, String> {
    let mut stderr = child.stderr.take().expect("it is piped");
    // Read beside the waiting, so that a child that says much does not wait for its reader.
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stderr.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    let until = Instant::now() + BOUND;
    let mut in_time = true;
    while child.try_wait().is_ok_and(|ended| ended.is_none()) {
        if in_time && Instant::now() > until {
            in_time = false;
            let _ = child.kill();
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
    let said = reader.join().unwrap_or_default();
    if in_time {
        return Ok(said);
    }
    Err(format!("the check was not at its end after {} s; it said:\n{said}", BOUND.as_secs()))
}

fn verdict(report: &Path, test: &str, said: &str) -> Result<(), String> {
    match fs::read_to_string(report) {
        Ok(found) if found.is_empty() => Ok(()),
        Ok(found) => Err(format!("{found}\nwhat the check said beside that:\n{said}")),
        Err(_) => Err(format!(
            "the check of `{test}` ended before its end\n  help: call it on the test's own thread; it said:\n{said}"
        )),
    }
}
