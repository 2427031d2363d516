//! A real kernel with some of the dialects on it, loaded from their files.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;
use transom_kernel::{Descriptor, FaultBudget, Grants, Kernel, KernelConfig, Plan, PluginToStart, plan};
use transom_loader::{PluginFile, load};
use transom_plugin_api::hosting::Attach;
use transom_plugin_api::prelude::*;

/// How long a test waits for something that is certain to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same contract and point as the dialects have: they are not linked in, so they are written here once more.
#[contract]
struct Order {
    what: Text,
    whom: Text,
    parcel: Json,
}

const DRIVE: Service<Order, Json, ()> = Service::named("dialect/drive");

#[derive(Ports)]
struct Driver {
    #[calls(DRIVE)]
    drive: Caller<Order, Json, ()>,
}

/// The kernel, and who drives the plugins.
pub(super) struct Stage {
    pub(super) kernel: Kernel,
    driver: Driver,
}

/// The id of a dialect.
pub(super) fn id(name: &str) -> String {
    if name == "base" { "dialect".to_owned() } else { format!("dialect-{name}") }
}

/// What the file of a dialect says of itself.
pub(super) fn descriptor(name: &str) -> Descriptor {
    let file = file(name);
    file.contents.descriptor(&id(name)).expect("the file holds the plugin").clone()
}

/// Cargo leaves the dylibs of dependencies beside the test itself; `TRANSOM_TEST_DYLIBS` names a folder with others.
fn file(name: &str) -> PluginFile {
    let library = format!("libtransom_dialect_{name}.so");
    let path = match std::env::var_os("TRANSOM_TEST_DYLIBS") {
        Some(others) => PathBuf::from(others).join(library),
        None => std::env::current_exe().expect("a running program has a path").with_file_name(library),
    };
    PluginFile::read(&path).expect("the fixture was built with the test")
}

impl Stage {
    /// With these dialects, started whatever the plan says, so that the kernel alone decides who reaches whom.
    pub(super) async fn with(names: &[&str]) -> Self {
        let kernel = Kernel::new(KernelConfig::default(), Handle::current());
        let (_, driver) = kernel.resident::<Driver>("driver").expect("the ports agree");
        let images = images();
        let plugins: Vec<PluginToStart> = names.iter().map(|name| plugin(name, &images)).collect();
        let descriptors: Vec<Descriptor> = plugins.iter().map(|plugin| plugin.descriptor.clone()).collect();
        let order = names.iter().map(|name| id(name)).collect();
        let anyhow = |_| Plan { order, ..Plan::default() };
        let plan = plan(&kernel.residents(), &descriptors).unwrap_or_else(anyhow);
        let report = kernel.start(plugins, &plan).await;
        assert!(report.disabled.is_empty(), "{report:?}");
        std::fs::remove_dir_all(images).expect("what is mapped needs no name");
        Self { kernel, driver }
    }

    /// Makes a dialect do something, and gives what it answers.
    pub(super) async fn drive(
        &self,
        who: &str,
        what: &str,
        whom: &str,
        parcel: &Value,
    ) -> Result<Value, CallError> {
        let order = Order { what: what.into(), whom: id(whom).into(), parcel: parcel.clone().into() };
        let answer = self.driver.drive.call_named(&id(who), order).await?;
        Ok(answer.value())
    }

    /// As [`drive`](Self::drive), where no other dialect is named and nothing can fail.
    pub(super) async fn told(&self, who: &str, what: &str, parcel: &Value) -> Value {
        self.drive(who, what, "", parcel).await.unwrap_or_else(|error| panic!("{who}, {what}: {error}"))
    }

    /// What both queued listeners of a dialect received, once it is that many.
    pub(super) async fn heard_later(&self, who: &str, count: usize) -> Vec<Value> {
        self.heard_at_last(who, "heard-later", count).await
    }

    /// What both listeners of a dialect to a paced event received, once it is that many.
    pub(super) async fn heard_paced(&self, who: &str, count: usize) -> Vec<Value> {
        self.heard_at_last(who, "heard-paced", count).await
    }

    async fn heard_at_last(&self, who: &str, what: &str, count: usize) -> Vec<Value> {
        let heard = async {
            loop {
                let heard = self.told(who, what, &Value::Null).await;
                let heard = heard.as_array().cloned().unwrap_or_default();
                if heard.len() >= count {
                    return heard;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("the listeners hear it")
    }

    /// Values that were carried to a plugin at a point so far; `None` when no bridge leads there.
    pub(super) fn carried(&self, who: &str, point: &str) -> Option<u64> {
        let bridges = self.kernel.bridges();
        let bridge = bridges.iter().find(|bridge| bridge.plugin == id(who) && bridge.point == point);
        bridge.map(|bridge| bridge.values)
    }

    pub(super) async fn stop(self) {
        let report = self.kernel.stop(PATIENCE).await;
        assert!(report.cut_off.is_empty(), "{report:?}");
    }
}

fn plugin(name: &str, images: &std::path::Path) -> PluginToStart {
    let file = file(name);
    let descriptor = file.contents.descriptor(&id(name)).expect("the file holds the plugin").clone();
    let table = load(&file.bytes, &id(name), images).expect("it loads").table;
    PluginToStart {
        descriptor,
        table,
        settings: "{}".to_owned(),
        attach: Attach::Dylib,
        data_folder: String::new(),
        start_deadline: None,
        faults: FaultBudget::default(),
        grants: Grants::default(),
    }
}

fn images() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let images = std::env::temp_dir().join(format!("transom-dialects-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&images).expect("the temporary folder can be written");
    images
}
