//! Plugins that are opened from sealed memory: what was read is what runs, whatever happens to its file or its descriptor.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use transom_loader::{Loaded, Opening, PluginFile};

const SEALED: Opening = Opening::Sealed { or_copy: false };

/// Only one test at a time opens and closes files, so that each can tell which descriptor is the next.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The dylib as cargo built it for this test.
fn dylib(crate_name: &str) -> PathBuf {
    let program = std::env::current_exe().expect("a test knows its program");
    program.with_file_name(format!("libtransom_{crate_name}.so"))
}

fn read(path: &Path) -> PluginFile {
    PluginFile::read(path).expect("it is a plugin's")
}

fn loaded(file: &PluginFile, id: &str, images: &Path) -> Loaded {
    file.load(id, images, SEALED).unwrap_or_else(|error| panic!("{error}"))
}

/// The number that what is opened next gets.
fn next_descriptor() -> i32 {
    File::open("/dev/null").expect("it is there").as_raw_fd()
}

/// How often an image is mapped.
fn maps(of: &Loaded) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("the system tells");
    let name = of.mapping.display().to_string();
    maps.lines().filter(|line| line.ends_with(&name)).count()
}

#[test]
fn what_was_read_is_what_runs_though_its_file_was_replaced() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("libplugin.so");
    fs::copy(dylib("unruly"), &path).expect("the fixture can be copied");
    let file = read(&path);
    fs::copy(dylib("pace"), &path).expect("it can be replaced");
    let images = tempfile::tempdir().expect("a folder");
    let loaded = loaded(&file, "unruly", images.path());
    assert!(loaded.sealed && loaded.unsealed.is_none());
    assert!(maps(&loaded) > 0, "{}", loaded.mapping.display());
    let name = loaded.mapping.display().to_string();
    assert!(name.starts_with("/memfd:transom-unruly-"), "{name}");
    assert_eq!(fs::read_dir(images.path()).expect("it is there").count(), 0, "no name is left");
}

#[test]
fn a_plugin_that_gets_the_descriptor_of_another_is_still_itself() {
    let _alone = alone();
    let (unruly, pace) = (read(&dylib("unruly")), read(&dylib("pace")));
    let images = tempfile::tempdir().expect("a folder");
    let descriptor = next_descriptor();
    let first = loaded(&unruly, "unruly", images.path());
    assert_eq!(next_descriptor(), descriptor, "the first gave it back");
    let id = pace.contents.descriptors[0].id.clone();
    let second = loaded(&pace, &id, images.path());
    assert_eq!(next_descriptor(), descriptor, "the second did, too");
    assert_ne!(first.image, second.image);
    assert!(maps(&first) > 0 && maps(&second) > 0);
    // A third, of the same bytes as the first: a generation of its own.
    let third = loaded(&unruly, "unruly", images.path());
    assert!(maps(&third) > 0 && third.mapping != first.mapping);
}

#[test]
fn a_private_copy_is_opened_where_nobody_asked_for_more() {
    let _alone = alone();
    let images = tempfile::tempdir().expect("a folder");
    let file = read(&dylib("unruly"));
    let loaded = file.load("unruly", images.path(), Opening::Copy).unwrap_or_else(|error| panic!("{error}"));
    assert!(!loaded.sealed && loaded.unsealed.is_none());
    assert!(loaded.mapping == loaded.image && loaded.image.starts_with(images.path()));
    assert!(maps(&loaded) > 0);
}
