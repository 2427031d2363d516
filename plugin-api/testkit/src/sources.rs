//! The sources that a file was built from, as cargo lists them beside it: is one of them newer than the file?

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use transom_plugin_api::sabotage::sabotaged;

/// A source file that was changed after `built` was built from it; `None` where nobody knows.
pub(crate) fn newer_source(built: &Path) -> Option<PathBuf> {
    if sabotaged("load-a-stale-file") {
        return None;
    }
    let name = built.file_stem()?.to_str()?.strip_prefix("lib")?;
    let lists = std::fs::read_to_string(built.with_file_name(format!("{name}.d"))).ok()?;
    let sources = sources_of(built.file_name()?.to_str()?, &lists)?;
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let built_at = changed_at(built)?;
    let sources = placed(&sources, &package)?;
    sources.into_iter().find(|source| changed_at(source).is_some_and(|at| at > built_at))
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// What stands behind `…/file:` in the list, where a space in a path is written `\ `.
fn sources_of(file: &str, lists: &str) -> Option<Vec<String>> {
    let about = lists.lines().find_map(|line| {
        let (of, sources) = line.split_once(": ")?;
        (Path::new(of).file_name()? == file).then_some(sources)
    })?;
    let sources = about.replace("\\ ", "\0");
    Some(sources.split(' ').map(|source| source.replace('\0', " ")).collect())
}

/// The sources from where the compiler saw them: the package's folder, or one around it that is its workspace's.
fn placed(sources: &[String], package: &Path) -> Option<Vec<PathBuf>> {
    let from = |folder: &Path| sources.iter().map(|source| folder.join(source)).collect::<Vec<_>>();
    package.ancestors().map(from).find(|sources| sources.iter().all(|source| source.is_file()))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_sources_of_a_file_are_read_from_the_list_beside_it() {
        let lists =
            "/x/deps/bell.d: src/lib.rs\n\n/x/deps/libbell.so: src/lib.rs my\\ own/door.rs\n\nsrc/lib.rs:\n";
        let sources = sources_of("libbell.so", lists);
        assert_eq!(sources, Some(vec!["src/lib.rs".to_owned(), "my own/door.rs".to_owned()]));
        assert_eq!(sources_of("libother.so", lists), None);
    }

    #[test]
    fn sources_lie_in_the_package_or_in_a_folder_around_it() {
        let sources = ["plugin-api/testkit/src/lib.rs".to_owned(), "kernel/src/lib.rs".to_owned()];
        let placed = placed(&sources, Path::new(env!("CARGO_MANIFEST_DIR"))).expect("they exist");
        assert!(placed[1].ends_with("kernel/src/lib.rs") && placed[1].is_file());
    }

    #[test]
    fn a_file_is_older_than_a_source_that_was_changed_since() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("lib.rs");
        let built = folder.path().join("libbell.so");
        File::create(&source).expect("made");
        let file = File::create(&built).expect("made");
        let list = format!("{}: {}\n", built.display(), source.display());
        std::fs::write(folder.path().join("bell.d"), list).expect("written");
        let changed = changed_at(&source).expect("it has a time");
        let set = |at| file.set_times(FileTimes::new().set_modified(at)).expect("set");
        set(changed + Duration::from_secs(1));
        assert_eq!(newer_source(&built), None);
        set(changed - Duration::from_secs(1));
        assert_eq!(newer_source(&built), Some(source));
    }
}
