//! How long a hundred plugins take, each from a file of its own: reading and checking, loading, starting.
//!
//! `cargo bench -p transom-loader --bench many`. The aim is 1.5 s for all of it. The files are copies of one, stripped where
//! the machine has a tool for that, since release files are; each has another id.

mod many {
    pub(crate) mod relabel;
}

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use many::relabel::Template;
use tokio::runtime::Runtime;
use transom_kernel::{FaultBudget, Grants, Kernel, KernelConfig, PluginToStart};
use transom_loader::{PluginFile, check, load};
use transom_plugin_api::hosting::Attach;

/// How many.
const PLUGINS: usize = 100;

fn main() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let files = files(folder.path());
    let images = folder.path().join("images");
    std::fs::create_dir(&images).expect("a new folder");
    let before = resident();

    let began = Instant::now();
    let read: Vec<PluginFile> =
        files.iter().map(|(_, path)| PluginFile::read(path).expect("it is a plugin")).collect();
    for ((id, _), file) in files.iter().zip(&read) {
        check::check_file(&file.contents, id).expect("it fits this host");
    }
    let checked = began.elapsed();
    let plugins: Vec<PluginToStart> =
        files.iter().zip(&read).map(|((id, _), file)| to_start(id, file, &images)).collect();
    let loaded = began.elapsed();
    let runtime = Runtime::new().expect("threads can be made");
    let kernel = Kernel::new(KernelConfig::default(), runtime.handle().clone());
    let report = runtime.block_on(kernel.start_planned(plugins)).expect("nothing is wrong with them");
    let started = began.elapsed();

    assert!(report.disabled.is_empty(), "{report:?}");
    assert_eq!(kernel.plugins().len(), PLUGINS);
    let bytes: usize = read.iter().map(|file| file.bytes.len()).sum();
    drop(read);
    println!("{PLUGINS} plugins of {} KiB each", bytes / PLUGINS / 1024);
    println!("| step | ms |\n|---|---|");
    for (step, from, to) in [
        ("read and checked", Duration::ZERO, checked),
        ("loaded", checked, loaded),
        ("started", loaded, started),
        ("all of it", Duration::ZERO, started),
    ] {
        println!("| {step} | {} |", (to - from).as_millis());
    }
    println!("{} KiB of memory each", resident().saturating_sub(before) / PLUGINS as u64);
    runtime.block_on(kernel.stop(Duration::from_secs(5)));
}

fn to_start(id: &str, file: &PluginFile, images: &Path) -> PluginToStart {
    PluginToStart {
        descriptor: file.contents.descriptor(id).expect("it was checked").clone(),
        table: load(&file.bytes, id, images).expect("it loads").table,
        settings: "{}".to_owned(),
        attach: Attach::Dylib,
        data_folder: String::new(),
        start_deadline: None,
        faults: FaultBudget::default(),
        grants: Grants::default(),
    }
}

/// Copies of the fixture, each under an id of its own.
fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    let beside = std::env::current_exe().expect("a running program has a path");
    let original = beside.with_file_name("libtransom_copied.so");
    let stripped = folder.join("stripped.so");
    let strip = Command::new("strip").arg("-s").arg("-o").arg(&stripped).arg(&original).status();
    let is_stripped = strip.is_ok_and(|status| status.success());
    let bytes = std::fs::read(if is_stripped { stripped } else { original }).expect("the fixture was built");
    let copies = Template::of(bytes, "copy-0000").copies(PLUGINS);
    assert_eq!(copies.len(), PLUGINS, "there are enough ids");
    let write = |(id, bytes): (String, Vec<u8>)| {
        let path = folder.join(format!("{id}.so"));
        std::fs::write(&path, bytes).expect("a file");
        (id, path)
    };
    copies.into_iter().map(write).collect()
}

/// Memory of this process that is resident, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
