//! What the tests of a running host share: a folder with a manifest, the process in it, and a client of that process.

mod client;
mod process;
mod scene;
mod signer;

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use client::{Client, text_of, types_of};
pub(crate) use process::{Host, Outcome, leash};
pub(crate) use scene::{Manner, Scene, granted};
pub(crate) use signer::Signer;

/// How long a fact is waited for until a test gives it up. A loaded machine may need seconds for what is done in
/// milliseconds otherwise.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// Waits for `future` under the bound. `what` names the fact in the message of a test that gives up.
#[track_caller]
pub(crate) fn within<F: Future>(what: &str, future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(BOUND, future).await {
            Ok(output) => output,
            Err(_) => panic!("{place}: waited {} s in vain for {what}", BOUND.as_secs()),
        }
    }
}

/// Asks again and again, under the bound, until the answer is `wanted`; answers that.
pub(crate) async fn eventually<T: Debug>(
    what: &str,
    mut ask: impl AsyncFnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    within(what, async {
        loop {
            let answer = ask().await;
            if wanted(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

/// The file of a crate's plugins: as cargo built it for this test, beside the test's own program, unless
/// `TRANSOM_TEST_DYLIBS` names a folder with others (see `tests/layouts`).
pub(crate) fn dylib(plugin: &str) -> PathBuf {
    let others = std::env::var_os("TRANSOM_TEST_DYLIBS").map(PathBuf::from);
    let folder = others.unwrap_or_else(|| {
        let program = std::env::current_exe().expect("a test knows its program");
        program.parent().expect("a program lies in a folder").to_owned()
    });
    let path = folder.join(format!("libtransom_{}.so", plugin.replace('-', "_")));
    assert!(
        path.is_file(),
        "`{}` is missing; build it by `cargo build -p transom-{plugin}`, and name the crate among the \
         dev-dependencies of transom-host",
        path.display()
    );
    path
}

/// Makes of each test, a function of the [`Manner`], one with all plugins linked and one with all of them in files.
macro_rules! linked_and_dylib {
    ($($test:ident),+ $(,)?) => {
        mod linked {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::host::support::Manner::Linked).await;
                }
            )+
        }
        mod dylib {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::host::support::Manner::Dylib).await;
                }
            )+
        }
    };
}
pub(crate) use linked_and_dylib;
