//! The plugins of each ABI revision, as their files were built then, go on to load and work.

use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::unbounded_channel;
use transom_kernel::{Descriptor, FaultBudget, Grants, Kernel, KernelConfig, PluginToStart, plan};
use transom_loader::{Contents, Loaded, PluginFile, TARGET, check, load};
use transom_plugin_api::abi::ABI_REVISION;
use transom_plugin_api::hosting::Attach;
use transom_plugin_api::prelude::*;

use super::repository::{root, text_of};

const ID: &str = "veteran";

/// The target that the files were built for.
const BUILT_FOR: &str = "x86_64-unknown-linux-gnu";

/// The most that one of the files may have, in bytes.
const LARGEST: usize = 1 << 20;

/// How long a test waits for something that is certain to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The plugin's contract and points, written here once more, since it is not linked in.
#[contract]
struct Kit {
    owner: Text,
    weight_g: u64,
    items: List<Text>,
    locker: Maybe<Text>,
    remarks: Map<Text>,
    more: Json,
}

const CALLED: Event<Kit> = Event::new("veteran/called");
const ANSWERED: Event<Kit> = Event::new("veteran/answered");
const WORDING: Filter<Kit> = Filter::fail_closed("veteran/wording");
const TALLY: Service<Kit, u64> = Service::new("veteran/tally");
const ROLL: StreamService<Kit, Text> = StreamService::new("veteran/roll");

#[derive(Ports)]
struct Probe {
    #[says(CALLED)]
    called: Emitter<Kit>,
    #[hears(ANSWERED)]
    answered: Listener<Kit>,
    #[applies(WORDING)]
    wording: Applier<Kit>,
    #[calls(TALLY, optional)]
    tally: Caller<Kit, u64>,
    #[calls(ROLL, optional)]
    roll: StreamCaller<Kit, Text>,
}

fn path() -> PathBuf {
    root().join(format!("tests/fixtures/abi/{ABI_REVISION}/{ID}.so"))
}

fn rebuild(problem: &str) -> String {
    format!(
        "{}: {problem}\n  help: as long as ABI revision {ABI_REVISION} is not released, rebuild it with \
         `tests/fixtures/abi/build {ABI_REVISION}`; afterwards take back what changed, or begin revision {}",
        path().display(),
        ABI_REVISION + 1
    )
}

fn file() -> (PluginFile, Descriptor) {
    let file = PluginFile::read(&path()).unwrap_or_else(|error| panic!("{}", rebuild(&error.to_string())));
    let descriptor = file.contents.descriptor(ID).expect("the file holds the plugin").clone();
    (file, descriptor)
}

fn loaded(file: &PluginFile) -> Loaded {
    let images = tempfile::tempdir().expect("the temporary folder can be written");
    // What is mapped needs no name.
    load(&file.bytes, ID, images.path()).unwrap_or_else(|error| panic!("{}", rebuild(&error.to_string())))
}

fn kit() -> Kit {
    Kit {
        owner: "Ada".into(),
        weight_g: 900,
        items: ["rope", "chart"].map(Text::from).into(),
        locker: "aft".into(),
        remarks: Map::default(),
        more: serde_json::json!({"is": ["spare", 1]}).into(),
    }
}

async fn stage() -> (Kernel, Probe) {
    let (file, descriptor) = file();
    let kernel = Kernel::new(KernelConfig::default(), Handle::current());
    let (_, probe) = kernel.resident::<Probe>("probe").expect("the ports agree");
    let plan = plan(&kernel.residents(), std::slice::from_ref(&descriptor)).expect("nothing is wrong");
    let plugin = PluginToStart {
        descriptor,
        table: loaded(&file).table,
        settings: "{}".to_owned(),
        attach: Attach::Dylib,
        data_folder: String::new(),
        start_deadline: None,
        faults: FaultBudget::default(),
        grants: Grants::default(),
    };
    let report = kernel.start(vec![plugin], &plan).await;
    assert!(report.disabled.is_empty(), "{}", rebuild(&format!("{report:?}")));
    (kernel, probe)
}

#[tokio::test]
async fn a_plugin_of_this_revision_runs_as_it_was_built() {
    if TARGET != BUILT_FOR {
        return;
    }
    let (kernel, probe) = stage().await;
    let (sender, mut answers) = unbounded_channel();
    probe.answered.inline(move |kit, _| drop(sender.send(kit.clone()))).expect("it attaches");

    probe.called.emit(&kit());
    let heard = tokio::time::timeout(PATIENCE, answers.recv()).await.expect("it answers");
    assert_eq!(heard, Some(kit()));

    let worded = probe.wording.apply(kit()).await.expect("it is somebody's");
    assert_eq!((worded.weight_g, worded.remarks.get("veteran")), (1000, Some(&Text::from("was here"))));
    let nobodys = probe.wording.apply(Kit { owner: Text::new(), ..kit() }).await;
    assert_eq!(nobodys.map_err(|error| error.kind), Err(CallErrorKind::Refused));

    assert_eq!(probe.tally.call(kit()).await, Ok(2));
    let mut roll = probe.roll.open(kit()).expect("it is served");
    let mut items = Vec::new();
    while let Some(item) = roll.next().await {
        items.push(item.expect("it does not fail"));
    }
    assert_eq!(items, ["rope", "chart"].map(Text::from));

    let carried = kernel.bridges();
    assert!(carried.is_empty(), "{}", rebuild(&format!("values are encoded: {carried:?}")));
    let report = kernel.stop(PATIENCE).await;
    assert!(report.cut_off.is_empty(), "{report:?}");
}

#[test]
fn a_plugin_of_the_next_revision_is_refused_in_the_words_of_the_page() {
    let (file, _) = file();
    let next = ABI_REVISION + 1;
    let patched = replaced(&file.bytes, &format!("\"abi\":{ABI_REVISION},"), &format!("\"abi\":{next},"));
    let contents = Contents::of(&patched).expect("it describes itself as before");
    let told: Vec<String> = check::check(contents.descriptor(ID).expect("it is there"))
        .iter()
        .map(|mismatch| format!("{mismatch}\n  help: {}", mismatch.help()))
        .collect();
    let page = text_of(&root().join("docs/stability.md"));
    let [told] = &told[..] else { panic!("one thing is wrong with it: {told:?}") };
    assert!(page.contains(told), "docs/stability.md shows other words than these:\n{told}");
}

#[test]
fn the_files_of_revisions_are_small_and_name_no_machine() {
    let (file, descriptor) = file();
    assert_eq!((descriptor.abi, descriptor.target.as_str()), (ABI_REVISION, BUILT_FOR));
    assert!(file.bytes.len() < LARGEST, "{} bytes", file.bytes.len());
    let folder = root().display().to_string();
    assert!(!contains(&file.bytes, folder.as_bytes()), "it was built without `tests/fixtures/abi/build`");
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// A copy with every `from` replaced by a `to` of the same length.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "nothing may move");
    assert!(contains(bytes, from.as_bytes()), "`{from}` is in it");
    let mut patched = bytes.to_vec();
    let mut at = 0;
    while at + from.len() <= patched.len() {
        if patched[at..].starts_with(from.as_bytes()) {
            patched[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
        at += 1;
    }
    patched
}
