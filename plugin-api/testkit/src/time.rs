//! The clock of a stand: the system's, unless the time of the runtime stands still.

use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking, yield_now};
use tokio::time::{Instant, pause, resume, sleep_until};
use transom_kernel::Clock;

/// Turns that everything gets which a step of the clock has set off, and what that sets off in turn.
const TURNS: usize = 64;

/// A clock that goes with the timers of the runtime: when they stand still, so does it.
pub(crate) fn clock(runtime: Handle) -> Clock {
    let (origin, began) = (system_ms(), Instant::now());
    Clock::reading(move || {
        // Outside of the runtime it would be the system's instant.
        let _entered = runtime.enter();
        let passed = Instant::now().duration_since(began);
        origin.saturating_add(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
    })
}

fn system_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Time that passes only when it is told to.
pub(crate) struct Frozen {
    held: Option<Hold>,
}

/// Keeps tokio from going on to the next timer whenever all tasks wait: it never does while a blocking task runs.
struct Hold {
    until: Sender<()>,
    task: JoinHandle<()>,
}

impl Hold {
    fn take() -> Self {
        let (until, let_go) = channel();
        let task = spawn_blocking(move || {
            // An error is what ends it: the sender is gone.
            let _ = let_go.recv();
        });
        Self { until, task }
    }

    async fn release(self) {
        drop(self.until);
        let _ = self.task.await;
    }
}

impl Frozen {
    /// Takes over the time of the running runtime, if it stands still.
    pub(crate) fn found() -> Option<Self> {
        stands_still().then(|| Self { held: Some(Hold::take()) })
    }

    /// Lets `span` pass: every timer in it fires at its own time, in order.
    pub(crate) async fn advance(&mut self, span: Duration) {
        let until = Instant::now() + span;
        if let Some(held) = self.held.take() {
            held.release().await;
        }
        sleep_until(until).await;
        self.held = Some(Hold::take());
        for _ in 0..TURNS {
            yield_now().await;
        }
    }

    /// Lets time pass by itself, as long as `run` takes.
    pub(crate) async fn thawed_for<R>(self, run: impl Future<Output = R>) -> R {
        resume();
        let output = run.await;
        pause();
        output
    }
}

/// Whether the time of the running runtime stands still; it does not say so itself.
fn stands_still() -> bool {
    let (theirs, ours) = (Instant::now(), std::time::Instant::now());
    while ours.elapsed() < Duration::from_micros(2) {
        std::hint::spin_loop();
    }
    theirs == Instant::now()
}
