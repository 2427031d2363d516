//! What runs beside a plugin's handlers: futures in the background, and work on threads that may block.

use std::future::pending;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use transom_kernel::plan;
use transom_plugin_api::prelude::*;

use super::support::{kernel, linked};

/// A plugin whose host the test may use.
#[derive(Settings)]
struct Idle;

/// Lends the plugin's host out.
const LEND: Service<(), ()> = Service::new("idle/lend");

#[derive(Ports)]
struct IdlePorts {
    #[serves(LEND)]
    _lend: Server<(), ()>,
}

static LENT: std::sync::Mutex<Vec<Host>> = std::sync::Mutex::new(Vec::new());

impl Plugin for Idle {
    type Ports = IdlePorts;
    async fn start(self, _: IdlePorts, host: Host) -> Result<(), StartError> {
        LENT.lock().expect("no test panics while it holds it").push(host);
        Ok(())
    }
}

export_plugin!(Idle, id = "idle");

/// A kernel with the plugin on it, and the plugin's host.
async fn started() -> (transom_kernel::Kernel, Host) {
    // One at a time, so that the host is the one of this kernel.
    static STARTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _starting = STARTING.lock().await;
    let kernel = kernel();
    let plugin = linked("idle");
    let plan = plan(&kernel.residents(), std::slice::from_ref(&plugin.descriptor)).expect("nothing is wrong");
    let report = kernel.start(vec![plugin], &plan).await;
    assert!(report.disabled.is_empty(), "{report:?}");
    let host = LENT.lock().expect("no test panics while it holds it").pop().expect("it was lent");
    (kernel, host)
}

/// Tells when it is dropped.
struct Told(Option<oneshot::Sender<()>>);

fn told() -> (Told, oneshot::Receiver<()>) {
    let (sender, receiver) = oneshot::channel();
    (Told(Some(sender)), receiver)
}

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.take().map(|sender| sender.send(()));
    }
}

#[tokio::test]
async fn what_is_spawned_runs_on_without_its_handle_and_is_dropped_when_it_is_cancelled() {
    let (kernel, host) = started().await;
    let go = Arc::new(Notify::new());
    let (gone_on, mut went_on) = oneshot::channel();
    let waits = Arc::clone(&go);
    drop(host.spawn(async move {
        waits.notified().await;
        let _ = gone_on.send(());
    }));
    tokio::task::yield_now().await;
    assert!(went_on.try_recv().is_err(), "it waits");
    go.notify_one();
    went_on.await.expect("it goes on without its handle");

    let (held, dropped) = told();
    let background = host.spawn(async move {
        let _held = held;
        pending().await
    });
    background.cancel();
    background.cancel();
    dropped.await.expect("it tells");

    let (held, dropped) = told();
    let begun = Arc::new(Notify::new());
    let says = Arc::clone(&begun);
    let background = host.spawn(async move {
        let _held = held;
        says.notify_one();
        pending().await
    });
    begun.notified().await;
    background.cancel();
    dropped.await.expect("it tells where it waits, too");
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_background_whose_drop_panics_when_it_is_cancelled_harms_nobody() {
    struct Loud(#[expect(dead_code, reason = "it is dropped behind the panic")] Told);
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("not like that");
        }
    }
    let (kernel, host) = started().await;
    let (held, dropped) = told();
    let loud = Loud(held);
    let background = host.spawn(async move {
        let _loud = loud;
        pending().await
    });
    background.cancel();
    dropped.await.expect("it tells");
    assert_eq!(host.blocking(|| 7).await, Ok(7), "the plugin is well");
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn work_that_blocks_is_done_elsewhere_and_its_panic_is_an_error() {
    let (kernel, host) = started().await;
    let here = std::thread::current().id();
    assert_ne!(host.blocking(|| std::thread::current().id()).await.expect("it is done"), here);
    let broken: Result<(), CallError> = host.blocking(|| panic!("on purpose")).await;
    let error = broken.expect_err("it panicked");
    assert_eq!(error.kind, CallErrorKind::Panicked);
    assert!(error.message.contains("on purpose"), "{error}");
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn work_is_dropped_with_its_wait_before_it_began_and_runs_to_its_end_afterwards() {
    let (kernel, host) = started().await;
    let (held, dropped) = told();
    drop(host.blocking(move || drop(held)));
    dropped.await.expect("it was never begun");

    let (began, has_begun) = oneshot::channel();
    let (go, gate) = mpsc::channel::<()>();
    let (done, is_done) = oneshot::channel();
    let mut waiting = Box::pin(host.blocking(move || {
        let _ = began.send(());
        gate.recv().expect("the gate opens");
        let _ = done.send(());
    }));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    has_begun.await.expect("it begins");
    drop(waiting);
    go.send(()).expect("it waits at the gate");
    is_done.await.expect("it goes on");
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_stop_waits_for_work_that_has_begun_and_refuses_what_comes_later() {
    let (kernel, host) = started().await;
    let (began, has_begun) = oneshot::channel();
    let (told, stopping) = mpsc::channel();
    let mut waiting = Box::pin(host.blocking(move || {
        let _ = began.send(());
        // Long enough for a stop that does not wait; one that does is told of after it.
        stopping.recv_timeout(Duration::from_millis(500))
    }));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    has_begun.await.expect("it begins");
    host.on_stop(async move { told.send("while it worked").unwrap_or_default() });
    let report = kernel.stop(Duration::from_secs(60)).await;
    assert!(report.cut_off.is_empty(), "{report:?}");
    assert_eq!(waiting.await, Ok(Err(mpsc::RecvTimeoutError::Timeout)));
    let error = host.blocking(|| ()).await.expect_err("the plugin has stopped");
    assert_eq!(error.kind, CallErrorKind::Retired);
}
