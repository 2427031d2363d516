//! What the bus costs, each crossing beside the raw `extern "C"` call into the same dylib, in one run.
//!
//! `cargo bench -p transom-loader --bench bus` prints the table that `docs/performance.md` keeps, and
//! `cargo bench -p transom-loader --bench bus -- event link` the rows with one of these words. Everything runs as in
//! production: breadcrumbs, counts and sampled timing are on.

mod bus {
    pub(crate) mod broadcast;
    pub(crate) mod rounds;
}

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use transom_kernel::{FaultBudget, Grants, Kernel, KernelConfig, PluginToStart, plan};
use transom_loader::{PluginFile, load};
use transom_pace::{Parcel, RAW, RUN, Run};
use transom_plugin_api::hosting::Attach;
use transom_plugin_api::{Caller, Ports};

use bus::broadcast;
use bus::rounds::{Measured, print_table};

#[derive(Ports)]
struct Stopwatch {
    #[calls(RUN)]
    run: Caller<Run, u64>,
    #[calls(RAW)]
    raw: Caller<(), u64>,
}

/// What everything is compared with.
const RAW_CALL: &str = "raw call into the dylib";

/// Name, and whether it is also measured on two threads.
const MEASURED: [(&str, bool); 15] = [
    ("event-1", true),
    ("event-4", true),
    ("event-16", true),
    ("event-64", true),
    ("link-closed", true),
    ("link-open", true),
    ("link-open-failing", true),
    ("service", true),
    ("service-async", false),
    ("stream", false),
    ("queued", false),
    ("clone", false),
    ("event-bridged", false),
    ("codec", false),
    ("codec-library", false),
];

fn main() {
    let runtime = Runtime::new().expect("threads can be made");
    let images = std::env::temp_dir().join(format!("transom-bench-{}", std::process::id()));
    std::fs::create_dir_all(&images).expect("the temporary folder can be written");
    let (kernel, stopwatch) = runtime.block_on(started(&images));
    let mut measured = crossings(&runtime, &stopwatch);
    measured.extend(broadcast::RECEIVERS.map(|receivers| Measured {
        name: format!("`tokio::sync::broadcast`, {receivers}"),
        threads: 1,
        run: Box::new(broadcast::of(receivers)),
    }));
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word));
    measured.retain(|one| one.name == RAW_CALL || is_wanted(&one.name));
    print_table(&mut measured);
    drop(measured);
    runtime.block_on(kernel.stop(Duration::from_secs(5)));
    let _ = std::fs::remove_dir_all(images);
}

/// The raw call first, and then each crossing.
fn crossings<'a>(runtime: &'a Runtime, stopwatch: &'a Stopwatch) -> Vec<Measured<'a>> {
    let mut measured = Vec::new();
    for threads in 1..=2 {
        let run = Box::new(raw(runtime, stopwatch, threads));
        measured.push(Measured { name: RAW_CALL.to_owned(), threads, run });
    }
    for (what, on_two) in MEASURED {
        for threads in if on_two { 1..=2 } else { 1..=1 } {
            let run = move |iterations| {
                let run = Run { what: what.into(), iterations, threads };
                let nanos = runtime.block_on(stopwatch.run.call(run)).expect("the fixture measures");
                Duration::from_nanos(nanos)
            };
            measured.push(Measured { name: what.to_owned(), threads, run: Box::new(run) });
        }
    }
    measured
}

async fn started(images: &std::path::Path) -> (Kernel, Stopwatch) {
    let kernel = Kernel::new(KernelConfig::default(), tokio::runtime::Handle::current());
    let (_, stopwatch) = kernel.resident::<Stopwatch>("stopwatch").expect("the host's ports agree");
    let file = PluginFile::read(&dylib()).expect("the fixture was built with the bench");
    let descriptor = file.contents.descriptor("pace").expect("it holds the plugin").clone();
    let plan =
        plan(&kernel.residents(), std::slice::from_ref(&descriptor)).expect("nothing is wrong with it");
    let table = load(&file.bytes, "pace", images).expect("it loads").table;
    let plugin = PluginToStart {
        descriptor,
        table,
        settings: "{}".to_owned(),
        attach: Attach::Dylib,
        data_folder: String::new(),
        start_deadline: None,
        faults: FaultBudget::default(),
        grants: Grants::default(),
    };
    let report = kernel.start(vec![plugin], &plan).await;
    assert!(report.disabled.is_empty(), "{report:?}");
    (kernel, stopwatch)
}

/// Cargo leaves the dylibs of dependencies beside the bench itself.
fn dylib() -> PathBuf {
    let beside = std::env::current_exe().expect("a running program has a path");
    beside.with_file_name("libtransom_pace.so")
}

fn raw(runtime: &Runtime, stopwatch: &Stopwatch, threads: u32) -> impl FnMut(u64) -> Duration {
    let address = runtime.block_on(stopwatch.raw.call(())).expect("the fixture answers");
    // SAFETY: the fixture answers the address of this function in its image, which stays mapped.
    let raw: extern "C" fn(&Parcel) = unsafe { std::mem::transmute(address as usize) };
    let calls = move |iterations| {
        let parcel = Parcel::sample();
        for _ in 0..iterations {
            raw(black_box(&parcel));
        }
    };
    move |iterations| {
        let began = Instant::now();
        if threads == 1 {
            calls(iterations);
        } else {
            std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(|| calls(iterations)))));
        }
        began.elapsed()
    }
}
