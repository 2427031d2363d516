//! The repository as its rules see it: its files, and its packages as cargo tells them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The folder that holds all of it.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in a folder of the repository")
}

/// A file's text.
pub(super) fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file of the repository, relative to its root, in order; not what is built, and nothing hidden.
pub(super) fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    gather(root(), &mut found);
    found.sort();
    assert!(found.len() > 100, "the repository has more than {} files", found.len());
    found
}

/// The files whose names end like this.
pub(super) fn files_with(extension: &str) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
    files().into_iter().filter(is_one).collect()
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("the folder can be read to its end").path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        // Cargo marks the folder that it builds in.
        if is_hidden || path.join("CACHEDIR.TAG").exists() {
            continue;
        }
        if path.is_dir() {
            gather(&path, found);
        } else {
            found.push(path.strip_prefix(root()).expect("it lies in the repository").to_owned());
        }
    }
}

/// One package of the workspace.
pub(super) struct Package {
    /// Its folder, relative to the root.
    pub(super) folder: String,
    /// The packages of the workspace that it uses.
    pub(super) uses: Vec<Use>,
    /// The root files of everything that is compiled in it.
    pub(super) targets: Vec<PathBuf>,
}

/// One package using another.
pub(super) struct Use {
    /// The folder of what is used.
    pub(super) folder: String,
    /// Whether only tests, benches and examples use it.
    pub(super) is_for_tests: bool,
    /// Whether it is there only under a feature.
    pub(super) is_optional: bool,
}

/// The packages of the workspace, as cargo tells them.
pub(super) fn packages() -> Vec<Package> {
    let packages = packages_in(root());
    assert!(packages.len() > 10, "the workspace has more than {} packages", packages.len());
    packages
}

/// The packages that are workspaces of their own, so that the other one does not need what they need.
pub(super) fn packages_apart() -> Vec<Package> {
    let manifests = files_with("toml")
        .into_iter()
        .filter(|file| file.ends_with("Cargo.toml") && file.parent() != Some(Path::new("")));
    let apart =
        manifests.filter(|file| text_of(&root().join(file)).lines().any(|line| line == "[workspace]"));
    let folders = apart.filter_map(|file| Some(root().join(file.parent()?)));
    folders.flat_map(|folder| packages_in(&folder)).collect()
}

fn packages_in(folder: &Path) -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(folder);
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    list(&metadata["packages"]).map(package).collect()
}

fn package(package: &Value) -> Package {
    let manifest = relative(&package["manifest_path"]);
    let ours = list(&package["dependencies"]).filter(|dependency| dependency["path"].is_string());
    let uses = ours.map(|dependency| Use {
        folder: relative(&dependency["path"]).display().to_string(),
        is_for_tests: dependency["kind"] == "dev",
        is_optional: dependency["optional"] == true,
    });
    Package {
        folder: manifest.parent().map_or_else(String::new, |folder| folder.display().to_string()),
        uses: uses.collect(),
        targets: list(&package["targets"]).map(|target| relative(&target["src_path"])).collect(),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn relative(path: &Value) -> PathBuf {
    let path = Path::new(path.as_str().expect("a path is text"));
    path.strip_prefix(root()).unwrap_or_else(|_| panic!("{} is outside", path.display())).to_owned()
}
