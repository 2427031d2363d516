//! Building a plugin's crate with cargo, and the files that the result was built from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use serde_json::Value;
use tokio::process::Command;

/// A library that cargo built.
pub(super) struct Built {
    pub(super) library: PathBuf,
    /// What it was built from, with the times of their last changes.
    sources: BTreeMap<PathBuf, Option<SystemTime>>,
}

impl Built {
    pub(super) fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Whether a source is other than it was when it was built.
    pub(super) fn has_changed(&self) -> bool {
        self.sources.iter().any(|(path, then)| changed_at(path) != *then)
    }

    /// Takes the sources as they are now for those that are known.
    pub(super) fn seen(&mut self) {
        for (path, then) in &mut self.sources {
            *then = changed_at(path);
        }
    }
}

/// Builds the crate in `folder`; cargo says on the terminal how it goes.
///
/// # Errors
/// A sentence about what failed.
pub(super) async fn build(folder: &Path, release: bool) -> Result<Built, String> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(format!(
            "`{}` has no Cargo.toml\n  help: name the plugin's crate with `--path`, or make one with `transom new plugin`",
            folder.display()
        ));
    }
    // Read before the build: what is saved while it runs is built once more.
    let own = changed_at(&manifest);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--message-format=json-render-diagnostics", "--manifest-path"]).arg(&manifest);
    if release {
        cargo.arg("--release");
    }
    cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let began = SystemTime::now();
    let unusable = |error: std::io::Error| format!("cargo cannot be run: {error}");
    let built = cargo.spawn().map_err(unusable)?.wait_with_output().await.map_err(unusable)?;
    if !built.status.success() {
        return Err("the build failed".to_owned());
    }
    let messages = String::from_utf8_lossy(&built.stdout);
    let library = library_of(&messages, &manifest)
        .ok_or("the crate builds no library that can be loaded\n  help: it needs `crate-type = [\"cdylib\", \"rlib\"]`")?;
    let listed = std::fs::read_to_string(library.with_extension("d")).unwrap_or_default();
    let mut sources: BTreeMap<PathBuf, Option<SystemTime>> =
        sources_in(&listed).into_iter().map(|path| (path.clone(), before(&path, began))).collect();
    sources.insert(manifest, own);
    Ok(Built { library, sources })
}

/// When the file was changed last; `None` when that was during the build, so that it counts as changed since.
fn before(path: &Path, began: SystemTime) -> Option<SystemTime> {
    changed_at(path).filter(|changed| *changed < began)
}

/// One more file, and the time of its last change.
pub(super) struct Watched {
    path: PathBuf,
    then: Option<SystemTime>,
}

impl Watched {
    pub(super) fn now(path: PathBuf) -> Self {
        Self { then: changed_at(&path), path }
    }

    /// Whether it is other than it was when this was asked last. One that is away for a moment is being replaced.
    pub(super) fn has_changed(&mut self) -> bool {
        let now = changed_at(&self.path);
        now.is_some() && std::mem::replace(&mut self.then, now) != now
    }
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|file| file.modified()).ok()
}

/// The library that cargo says it made of the crate at `manifest`.
fn library_of(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let wanted = resolved(manifest);
    let is_its = |message: &Value| {
        message["manifest_path"].as_str().is_some_and(|path| resolved(Path::new(path)) == wanted)
    };
    let documents = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let made = documents.filter(|message| message["reason"] == "compiler-artifact" && is_its(message));
    let libraries = made.flat_map(|message| match message["filenames"].clone() {
        Value::Array(names) => names,
        _ => Vec::new(),
    });
    let mut libraries = libraries.filter_map(|name| name.as_str().map(PathBuf::from));
    libraries.find(|path| path.extension().is_some_and(|extension| extension == "so"))
}

/// The files behind the colon of a make-like list; a space in a name has a backslash before it.
fn sources_in(listed: &str) -> Vec<PathBuf> {
    let Some((_, files)) = listed.lines().next().and_then(|line| line.split_once(": ")) else {
        return Vec::new();
    };
    let mut paths = vec![String::new()];
    let mut characters = files.chars();
    while let Some(character) = characters.next() {
        let last = paths.last_mut().expect("there is always one");
        match character {
            '\\' => last.extend(characters.next()),
            ' ' => paths.push(String::new()),
            other => last.push(other),
        }
    }
    paths.into_iter().filter(|path| !path.is_empty()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_list_are_found_with_spaces_in_their_names() {
        let listed = "/t/libparrot.so: /p/src/lib.rs /my\\ crates/api/src/lib.rs\n/t/libparrot.d:\n";
        let expected = [PathBuf::from("/p/src/lib.rs"), PathBuf::from("/my crates/api/src/lib.rs")];
        assert_eq!(sources_in(listed), expected);
        assert_eq!(sources_in("nothing"), Vec::<PathBuf>::new());
    }

    #[test]
    fn the_library_of_the_crate_is_found_among_those_of_others() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/other/Cargo.toml","filenames":["/t/libother.so"]}
not JSON
{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/t/libp.rlib","/t/libp.so"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(library_of(messages, Path::new("/p/Cargo.toml")), Some(PathBuf::from("/t/libp.so")));
        assert_eq!(library_of(messages, Path::new("/q/Cargo.toml")), None);
    }
}
