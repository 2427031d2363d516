//! What the bus costs, each crossing beside the raw `extern "C"` call into the same dylib, in one run.
//!
//! `cargo bench -p transom-loader` prints criterion's report and then the table of ratios that
//! `docs/performance.md` keeps. Everything runs as in production: breadcrumbs, counts and sampled timing are on.

mod bus {
    pub(crate) mod broadcast;
}

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use criterion::Criterion;
use serde_json::Value;
use tokio::runtime::Runtime;
use transom_kernel::{FaultBudget, Grants, Kernel, KernelConfig, PluginToStart, plan};
use transom_loader::{PluginFile, load};
use transom_pace::{Parcel, RAW, RUN, Run};
use transom_plugin_api::hosting::Attach;
use transom_plugin_api::{Caller, Ports};

use bus::broadcast;

#[derive(Ports)]
struct Stopwatch {
    #[calls(RUN)]
    run: Caller<Run, u64>,
    #[calls(RAW)]
    raw: Caller<(), u64>,
}

/// Name, and whether it is also measured on two threads.
const MEASURED: [(&str, bool); 14] = [
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
];

fn main() {
    let runtime = Runtime::new().expect("threads can be made");
    let images = std::env::temp_dir().join(format!("transom-bench-{}", std::process::id()));
    std::fs::create_dir_all(&images).expect("the temporary folder can be written");
    let (kernel, stopwatch) = runtime.block_on(started(&images));
    let mut criterion = Criterion::default().configure_from_args().measurement_time(Duration::from_secs(2));
    bench_raw(&mut criterion, &runtime, &stopwatch);
    for (what, on_two) in MEASURED {
        bench(&mut criterion, &runtime, &stopwatch, what, 1);
        if on_two {
            bench(&mut criterion, &runtime, &stopwatch, what, 2);
        }
    }
    broadcast::bench(&mut criterion);
    criterion.final_summary();
    runtime.block_on(kernel.stop(Duration::from_secs(5)));
    let _ = std::fs::remove_dir_all(images);
    print_ratios();
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

fn bench_raw(criterion: &mut Criterion, runtime: &Runtime, stopwatch: &Stopwatch) {
    let address = runtime.block_on(stopwatch.raw.call(())).expect("the fixture answers");
    // SAFETY: the fixture answers the address of this function in its image, which stays mapped.
    let raw: extern "C" fn(&Parcel) = unsafe { std::mem::transmute(address as usize) };
    let parcel = Parcel::sample();
    criterion.bench_function("raw", |bencher| bencher.iter(|| raw(black_box(&parcel))));
}

fn bench(criterion: &mut Criterion, runtime: &Runtime, stopwatch: &Stopwatch, what: &str, threads: u32) {
    criterion.bench_function(&format!("{what}-on-{threads}"), |bencher| {
        bencher.iter_custom(|iterations| {
            let run = Run { what: what.into(), iterations, threads };
            let nanos = runtime.block_on(stopwatch.run.call(run)).expect("the fixture measures");
            Duration::from_nanos(nanos)
        });
    });
}

/// Criterion's means, beside each other.
fn print_ratios() {
    let Some(raw) = mean_ns("raw") else { return };
    println!(
        "\n| crossing | threads | ns | × raw |\n|---|---|---|---|\n| raw call into the dylib | 1 | {raw:.1} | 1.0 |"
    );
    for (what, _) in MEASURED {
        for threads in [1, 2] {
            if let Some(nanos) = mean_ns(&format!("{what}-on-{threads}")) {
                println!("| {what} | {threads} | {nanos:.1} | {:.1} |", nanos / raw);
            }
        }
    }
    for receivers in broadcast::RECEIVERS {
        if let Some(nanos) = mean_ns(&broadcast::name(receivers)) {
            println!("| `tokio::sync::broadcast`, {receivers} | 1 | {nanos:.1} | {:.1} |", nanos / raw);
        }
    }
}

fn mean_ns(name: &str) -> Option<f64> {
    let target = std::env::current_exe().ok()?.ancestors().nth(3)?.to_owned();
    let estimates = target.join("criterion").join(name).join("new/estimates.json");
    let estimates: Value = serde_json::from_str(&std::fs::read_to_string(estimates).ok()?).ok()?;
    estimates["mean"]["point_estimate"].as_f64()
}
