//! [`Attendant`]: a thread on which no plugin ever runs. It hears signals, answers the control socket and watches for
//! handlers that do not come back and for a data folder that goes away, so all of that works when every other thread is
//! blocked. It does not write itself either: standard error may be a pipe that nobody reads.

use std::task::Poll;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use transom_kernel::{LongRunning, Watch};
use transom_plugin_api::sabotage::sabotaged;

use crate::control::{self, Desk};
use crate::data::Claim;
use crate::program::{FAILED, INTERRUPTED, STUCK};
use crate::terminal::complain;

/// How often it looks at what runs.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often it looks whether the data folder is still there.
const LOOK_AT_FOLDER_EVERY: Duration = Duration::from_secs(1);

/// How long an orderly stop may take once the data folder is gone: nothing can be kept by waiting.
pub(crate) const STOP_WITHOUT_FOLDER: Duration = Duration::from_secs(2);

/// How long it may take beyond that.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// How long the last words of a process may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A handler that runs for longer is told about.
const LONG: Duration = Duration::from_secs(1);

/// What the attendant does for a host that runs.
pub(crate) struct Duty {
    /// Answers at the control socket.
    pub(crate) desk: Desk,
    /// The control socket; `None` when it could not be made.
    pub(crate) socket: Option<UnixListenerToBe>,
    /// How long a handler may run until the process ends; `None` for ever.
    pub(crate) watchdog: Option<Duration>,
    /// What tells whether the data folder is still there.
    pub(crate) claim: Claim,
}

/// A socket that is bound and not yet anybody's.
pub(crate) type UnixListenerToBe = std::os::unix::net::UnixListener;

/// The thread, as the rest of the program sees it.
pub(crate) struct Attendant {
    interrupts: watch::Receiver<u32>,
    lost: watch::Receiver<bool>,
    duty: Option<oneshot::Sender<Duty>>,
}

impl Attendant {
    /// Begins to hear signals.
    ///
    /// # Errors
    /// When there can be no thread, or no signal can be heard.
    pub(crate) fn start() -> std::io::Result<Self> {
        Self::spawn(Signals::new)
    }

    /// Hears no signals, which stay with whoever hears them now.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(crate) fn start_deaf() -> std::io::Result<Self> {
        Self::spawn(|| Ok(Signals::default()))
    }

    fn spawn(signals: impl FnOnce() -> std::io::Result<Signals>) -> std::io::Result<Self> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        // One thread beside it, so that what is told there is told in order.
        let runtime = runtime.max_blocking_threads(1).enable_all().build()?;
        let signals = {
            let _entered = runtime.enter();
            signals()?
        };
        let (interrupted, interrupts) = watch::channel(0);
        let (tell_lost, lost) = watch::channel(false);
        let (duty, given) = oneshot::channel();
        std::thread::Builder::new().name("transom-attendant".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::join!(hear(signals, interrupted), serve(given, tell_lost));
            });
        })?;
        Ok(Self { interrupts, lost, duty: Some(duty) })
    }

    /// Waits for the first signal. The second ends the process, whatever the rest of it does.
    pub(crate) async fn interrupted(&self) {
        // The sender lives as long as the process.
        let _ = self.interrupts.clone().wait_for(|count| *count > 0).await;
    }

    /// Waits until the data folder of the host is not at its path any more.
    pub(crate) async fn folder_is_lost(&self) {
        if self.lost.clone().wait_for(|lost| *lost).await.is_err() {
            // Nobody watches it: there is no host yet, or its thread has ended.
            std::future::pending::<()>().await;
        }
    }

    /// Hands over a host that runs.
    pub(crate) fn attend(&mut self, duty: Duty) {
        if let Some(given) = self.duty.take() {
            let _ = given.send(duty);
        }
    }
}

async fn hear(mut signals: Signals, interrupted: watch::Sender<u32>) {
    loop {
        signals.next().await;
        interrupted.send_modify(|count| *count += 1);
        if *interrupted.borrow() > 1 {
            end("ended at once; what was under way is lost".to_owned(), INTERRUPTED).await;
        }
    }
}

async fn serve(given: oneshot::Receiver<Duty>, lost: watch::Sender<bool>) {
    let Ok(Duty { desk, socket, watchdog, claim }) = given.await else { return };
    let socket = socket.and_then(|socket| match UnixListener::from_std(socket) {
        Ok(socket) => Some(socket),
        Err(error) => {
            beside(move || tracing::error!("the control socket cannot be used: {error}"));
            None
        }
    });
    let watching_folder = watch_folder(claim, desk.runtime.clone(), lost);
    let watching_handlers = watch_handlers(desk.kernel.watch(), watchdog);
    let watching = async { tokio::join!(watching_handlers, watching_folder) };
    match socket {
        Some(socket) => {
            tokio::join!(watching, control::serve(&socket, desk));
        }
        None => drop(watching.await),
    }
}

/// Has something told on another thread.
pub(crate) fn beside(tell: impl FnOnce() + Send + 'static) {
    if sabotaged("write-on-the-attendant") {
        return tell();
    }
    drop(tokio::task::spawn_blocking(tell));
}

/// Ends the process with some last words, when they can be said at all.
async fn end(words: String, code: u8) {
    let said = tokio::task::spawn_blocking(move || complain(&words));
    let _ = tokio::time::timeout(LAST_WORDS, said).await;
    std::process::exit(i32::from(code));
}

/// Tells when the data folder is gone, and ends the process when an orderly stop does not.
async fn watch_folder(claim: Claim, runtime: Handle, lost: watch::Sender<bool>) {
    let mut looks = looks(LOOK_AT_FOLDER_EVERY);
    loop {
        looks.tick().await;
        let looking = claim.clone();
        // Where it may wait for a disk.
        if let Ok(true) = runtime.spawn_blocking(move || looking.is_lost()).await {
            break;
        }
    }
    lost.send_replace(true);
    tokio::time::sleep(STOP_WITHOUT_FOLDER + STOP_GRACE).await;
    end(claim.told_lost(), FAILED).await;
}

/// Tells about handlers that run for long, and ends the process when one runs for too long.
async fn watch_handlers(mut watch: Watch, watchdog: Option<Duration>) {
    let mut told = Vec::new();
    let mut looks = looks(LOOK_EVERY);
    loop {
        looks.tick().await;
        let running = watch.look();
        let long: Vec<&LongRunning> = running.iter().filter(|one| one.running_for >= LONG).collect();
        told.retain(|(thread, plugin, point)| {
            long.iter().any(|one| one.thread == *thread && one.plugin == *plugin && one.point == *point)
        });
        for one in long {
            let place = (one.thread, one.plugin.clone(), one.point.clone());
            let millis = one.running_for.as_millis();
            if !told.contains(&place) {
                let (thread, plugin, point) = place.clone();
                beside(move || {
                    tracing::warn!(
                        plugin,
                        point,
                        "a handler has kept thread {thread} busy for {millis} ms and still does"
                    );
                });
                told.push(place);
            }
            if watchdog.is_some_and(|limit| one.running_for >= limit) {
                let LongRunning { plugin, point, .. } = one;
                let words = format!(
                    "error: the watchdog ends the host: plugin `{plugin}` has blocked a thread at `{point}` for {millis} ms"
                );
                end(words, STUCK).await;
            }
        }
    }
}

fn looks(every: Duration) -> Interval {
    let mut looks = interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

/// Ctrl-C, SIGTERM and the end of the terminal, whichever comes; none when somebody else hears them.
#[derive(Default)]
struct Signals(Vec<Signal>);

impl Signals {
    fn new() -> std::io::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Ok(Self(kinds.into_iter().map(signal).collect::<Result<_, _>>()?))
    }

    async fn next(&mut self) {
        std::future::poll_fn(|context| {
            // Each of them is polled, so that each wakes this task.
            let heard = self.0.iter_mut().map(|signal| signal.poll_recv(context).is_ready());
            if heard.fold(false, |any, one| any | one) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
