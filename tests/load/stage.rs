//! A kernel with two plugins from their stripped file, and whoever uses them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tokio::runtime::Handle;
use transom_kernel::{FaultBudget, Grants, Kernel, KernelConfig, Plan, PluginToStart};
use transom_loader::{PluginFile, load};
use transom_plugin_api::hosting::Attach;
use transom_plugin_api::prelude::*;

/// The first stands beside its successor, the second cannot.
pub(super) const PLUGINS: [&str; 2] = ["courier", "keeper"];

/// One of many numbered things that an emitter says. The plugins are not linked in, so their contracts and points are
/// written here once more.
#[contract]
#[derive(Copy)]
pub(super) struct Mark {
    pub(super) emitter: u64,
    pub(super) number: u64,
}

/// A mark, and the plugin that heard it.
#[contract]
pub(super) struct Echo {
    pub(super) by: Text,
    pub(super) mark: Mark,
}

const NOW: Event<Mark> = Event::new("relay/now");
const LATER: Event<Mark> = Event::new("relay/later");
const ECHOED: Event<Echo> = Event::new("relay/echoed");
const ASK: Service<u64, u64, ()> = Service::named("relay/ask");

#[derive(Ports)]
pub(super) struct UserPorts {
    #[says(NOW)]
    pub(super) now: Emitter<Mark>,
    #[says(LATER)]
    pub(super) later: Emitter<Mark>,
    #[hears(ECHOED)]
    pub(super) echoed: Listener<Echo>,
    #[calls(ASK)]
    pub(super) ask: Caller<u64, u64, ()>,
}

pub(super) struct Stage {
    pub(super) kernel: Kernel,
    file: PluginFile,
    folder: TempDir,
}

impl Stage {
    /// With both plugins running.
    pub(super) async fn new() -> (Self, UserPorts) {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let kernel = Kernel::new(KernelConfig::default(), Handle::current());
        let (_, user) = kernel.resident::<UserPorts>("user").expect("the ports agree");
        let file = PluginFile::read(&stripped(folder.path())).expect("it was built with the test");
        let stage = Self { kernel, file, folder };
        std::fs::create_dir(stage.images()).expect("the temporary folder can be written");
        let plugins = PLUGINS.map(|id| stage.plugin(id)).into();
        let report = stage.kernel.start(plugins, &Plan::default()).await;
        assert!(report.disabled.is_empty(), "{report:?}");
        (stage, user)
    }

    /// Where plugin files are opened.
    pub(super) fn images(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    /// A plugin from an image of its own.
    pub(super) fn plugin(&self, id: &str) -> PluginToStart {
        let descriptor = self.file.contents.descriptor(id).expect("the file holds the plugin").clone();
        let loaded = load(&self.file.bytes, id, &self.images()).expect("it loads");
        std::fs::remove_file(loaded.image).expect("what is mapped needs no name");
        PluginToStart {
            descriptor,
            table: loaded.table,
            settings: "{}".to_owned(),
            attach: Attach::Dylib,
            data_folder: String::new(),
            start_deadline: None,
            faults: FaultBudget::default(),
            grants: Grants::default(),
        }
    }
}

/// The plugins' file as one would ship it, or as it was built where nothing can strip it.
fn stripped(folder: &Path) -> PathBuf {
    // Cargo leaves the dylibs of dependencies beside the test itself.
    let built = std::env::current_exe().expect("a running program has a path");
    let built = built.with_file_name("libtransom_pace.so");
    let copy = folder.join("stripped.so");
    let outcome = Command::new("strip").arg("-o").args([&copy, &built]).status();
    if outcome.is_ok_and(|status| status.success()) { copy } else { built }
}
