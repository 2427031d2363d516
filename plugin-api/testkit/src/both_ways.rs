//! [`both_ways`] and [`both_ways_paused`]: one test, and a plugin attached in each way.

use std::time::Duration;

use crate::way::Way;
use tokio::runtime::Builder;

use crate::Stand;
use crate::patience::within;
use crate::stand::new_folder;

/// How long a test may take, in each way.
const BOUND: Duration = Duration::from_secs(60);
/// The ways to attach a plugin that a test can try.
const WAYS: [Way; 2] = [Way::Linked, Way::Dylib];

/// Runs `test` twice, each time on a stand and a runtime of its own: one links the plugins into the test, the other
/// loads them from the files that cargo built of them. Which one it was is printed with a failure.
///
/// A plugin cannot tell how it was attached; this shows that it does not have to. It is a plain function: put it into a
/// `#[test]`, in the package's folder `tests`, so that cargo builds the file first.
///
/// # Panics
/// When `test` does, or takes longer than 60 s.
pub fn both_ways(test: impl AsyncFn(Stand)) {
    for attach in WAYS {
        run(attach, false, &test);
    }
}

/// As [`both_ways`], with a time that stands still until [`Stand::advance`] moves it.
///
/// # Panics
/// As `both_ways`; the 60 s are real ones.
pub fn both_ways_paused(test: impl AsyncFn(Stand)) {
    for attach in WAYS {
        run(attach, true, &test);
    }
}

fn run(attach: Way, paused: bool, test: &impl AsyncFn(Stand)) {
    let way = if attach == Way::Linked { "linked into the test" } else { "loaded from their files" };
    // Shown by the test runner when the test fails.
    eprintln!("with the plugins {way}:");
    let runtime = Builder::new_current_thread().enable_all().start_paused(paused).build();
    let runtime = runtime.expect("a runtime can be made");
    let outcome =
        runtime.block_on(within(BOUND, async { test(Stand::attaching(attach, new_folder())).await }));
    assert!(
        outcome.is_some(),
        "with the plugins {way}, the test was not at its end after {} s",
        BOUND.as_secs()
    );
}
