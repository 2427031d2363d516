//! A real kernel with the unruly plugin and its follower, each loaded from its file into an image of its own.

use std::time::Duration;

use tokio::runtime::Handle;
use transom_kernel::{Descriptor, FaultBudget, Grants, Kernel, KernelConfig, PluginToStart, plan};
use transom_loader::{PluginFile, load};
use transom_plugin_api::hosting::Attach;
use transom_plugin_api::prelude::*;

/// The same points as the plugins have: they are not linked in, so they are written here once more.
const ORDER: Service<Text, Text> = Service::new("unruly/order");
const ERRAND: Service<Text, Text> = Service::new("follower/errand");

#[derive(Ports)]
struct Driver {
    #[calls(ORDER)]
    order: Caller<Text, Text>,
    #[calls(ERRAND)]
    errand: Caller<Text, Text>,
}

pub(super) struct Stage {
    kernel: Kernel,
    driver: Driver,
}

impl Stage {
    /// Both plugins, with a secret for the unruly one.
    pub(super) async fn new(secret: &str) -> Self {
        super::capture::begin();
        Self::started(secret).await
    }

    /// Both plugins, in a process that may have no log.
    pub(super) async fn without_a_log() -> Self {
        Self::started("").await
    }

    async fn started(secret: &str) -> Self {
        let kernel = Kernel::new(KernelConfig::default(), Handle::current());
        let (_, driver) = kernel.resident::<Driver>("driver").expect("the ports agree");
        let settings = serde_json::json!({ "secret": secret }).to_string();
        let plugins = vec![plugin("unruly", settings), plugin("follower", "{}".to_owned())];
        let descriptors: Vec<Descriptor> = plugins.iter().map(|plugin| plugin.descriptor.clone()).collect();
        let plan = plan(&kernel.residents(), &descriptors).expect("nothing is wrong with them");
        let report = kernel.start(plugins, &plan).await;
        assert!(report.disabled.is_empty(), "{report:?}");
        Self { kernel, driver }
    }

    /// Has the unruly plugin do something.
    pub(super) async fn order(&self, word: &str) -> String {
        self.driver.order.call(word.into()).await.expect("it answers").into()
    }

    /// Has its follower have it do something.
    pub(super) async fn errand(&self, word: &str) -> String {
        self.driver.errand.call(word.into()).await.expect("it answers").into()
    }

    pub(super) async fn stop(self) {
        let report = self.kernel.stop(Duration::from_secs(60)).await;
        assert!(report.cut_off.is_empty(), "{report:?}");
    }
}

fn plugin(id: &str, settings: String) -> PluginToStart {
    // Cargo leaves the dylibs of dependencies beside the test itself.
    let beside = std::env::current_exe().expect("a running program has a path");
    let file =
        PluginFile::read(&beside.with_file_name("libtransom_unruly.so")).expect("it was built with the test");
    // What is mapped needs no name.
    let images = tempfile::tempdir().expect("a folder for temporary files");
    PluginToStart {
        descriptor: file.contents.descriptor(id).expect("the file holds it").clone(),
        table: load(&file.bytes, id, images.path()).expect("it loads").table,
        settings,
        attach: Attach::Dylib,
        data_folder: String::new(),
        start_deadline: None,
        faults: FaultBudget::default(),
        grants: Grants::default(),
    }
}
