//! A plugin that is a file of its own uses tokio as any program does, and what goes wrong in it stays there.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use transom_kernel::{FaultBudget, Grants, Kernel, KernelConfig, PluginToStart, plan};
use transom_loader::{PluginFile, load};
use transom_plugin_api::hosting::Attach;
use transom_plugin_api::prelude::*;

/// The plugin's points, written here once more, since it is not linked in.
const DO: Service<Text, Text> = Service::new("restless/do").deadline_ms(20_000);
const DROPPED: Event<Text> = Event::new("restless/dropped");

#[derive(Ports)]
struct Probe {
    #[calls(DO, optional)]
    does: Caller<Text, Text>,
    #[hears(DROPPED)]
    dropped: Listener<Text>,
}

struct Stage {
    kernel: Kernel,
    probe: Probe,
    dropped: UnboundedReceiver<Text>,
}

impl Stage {
    async fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let images = std::env::temp_dir().join(format!("transom-restless-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&images).expect("the temporary folder can be written");
        let kernel = Kernel::new(KernelConfig::default(), Handle::current());
        let (_, probe) = kernel.resident::<Probe>("probe").expect("the ports agree");
        let (sender, dropped) = unbounded_channel();
        probe.dropped.inline(move |what, _| drop(sender.send(what.clone()))).expect("attaches");
        // Cargo leaves the dylibs of dependencies beside the test itself.
        let path = std::env::current_exe().expect("a running program has a path");
        let file = PluginFile::read(&path.with_file_name("libtransom_unruly.so")).expect("it was built");
        let descriptor = file.contents.descriptor("restless").expect("the file holds it").clone();
        let table = load(&file.bytes, "restless", &images).expect("it loads").table;
        std::fs::remove_dir_all(images).expect("what is mapped needs no name");
        let plan = plan(&kernel.residents(), std::slice::from_ref(&descriptor)).expect("nothing is wrong");
        let plugin = PluginToStart {
            descriptor,
            table,
            settings: "{}".to_owned(),
            attach: Attach::Dylib,
            data_folder: String::new(),
            start_deadline: None,
            faults: FaultBudget { limit: 100, ..FaultBudget::default() },
            grants: Grants::default(),
        };
        let report = kernel.start(vec![plugin], &plan).await;
        assert!(report.disabled.is_empty(), "{report:?}");
        Self { kernel, probe, dropped }
    }

    async fn ask(&self, word: &str) -> Result<Text, CallError> {
        self.probe.does.call(word.into()).await
    }

    /// What was dropped, which must have been told already.
    fn dropped(&mut self) -> String {
        self.dropped.try_recv().map_or_else(|error| error.to_string(), String::from)
    }

    async fn stop(self) {
        let report = self.kernel.stop(Duration::from_secs(20)).await;
        assert!(report.cut_off.is_empty(), "{report:?}");
    }
}

/// A call that has begun.
fn begun<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it waits");
    future
}

#[tokio::test]
async fn timers_sockets_tasks_and_threads_of_tokio_work_in_a_plugin_s_own_library() {
    let mut stage = Stage::new().await;
    for word in ["sleep", "limit", "talk", "spawn", "spawn-blocking", "block"] {
        assert_eq!(stage.ask(word).await, Ok("done".into()), "{word}");
        assert_eq!(stage.dropped(), format!("{word} inside the runtime"));
    }
    stage.stop().await;
}

#[tokio::test]
async fn who_drops_a_call_drops_its_future_in_the_plugin_inside_its_runtime() {
    let mut stage = Stage::new().await;
    let call = begun(stage.probe.does.call("wait".into()));
    assert_eq!(stage.dropped.try_recv().ok(), None, "it is held");
    drop(call);
    assert_eq!(stage.dropped(), "wait inside the runtime");
    stage.stop().await;
}

#[tokio::test]
async fn a_panic_in_a_poll_a_drop_or_a_thread_of_a_plugin_s_own_library_is_caught_there() {
    let mut stage = Stage::new().await;
    for (word, place) in [("break-later", "broke later"), ("break-in-a-thread", "broke in a thread")] {
        let error = stage.ask(word).await.expect_err("it panics");
        assert_eq!(error.kind, CallErrorKind::Panicked, "{error}");
        assert!(error.message.contains(place), "{error}");
        assert_eq!(stage.dropped(), format!("{word} inside the runtime"));
    }
    drop(begun(stage.probe.does.call("break-when-dropped".into())));
    assert_eq!(stage.dropped(), "break-when-dropped inside the runtime");
    let error = stage.ask("break-when-dropped-later").await.expect_err("it panics at its end");
    assert_eq!(error.kind, CallErrorKind::Panicked, "{error}");
    assert_eq!(stage.ask("sleep").await, Ok("done".into()), "the plugin is well");
    stage.stop().await;
}
