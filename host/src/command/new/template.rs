//! The files of a new plugin. They are those of a plugin that is built and tested with this program, under another name.

use super::name::Name;
use super::workspace::Origin;

/// The path of each file within the new folder, and what stands in it.
pub(super) fn files(name: &Name, origin: &Origin) -> Vec<(&'static str, String)> {
    let renamed = |text: &str| {
        let text = text.replace("door-bell", name.id()).replace("door_bell", &name.in_code());
        text.replace("DoorBell", &name.of_type())
    };
    vec![
        ("Cargo.toml", renamed(&on_its_own(include_str!("plugin/Cargo.toml"), origin))),
        // So that no version is newer than those that this program was built with.
        ("Cargo.lock", include_str!("../../../../Cargo.lock").to_owned()),
        ("src/lib.rs", renamed(include_str!("plugin/src/lib.rs"))),
        ("tests/plugin.rs", renamed(include_str!("plugin/tests/plugin.rs"))),
        ("README.md", renamed(include_str!("plugin/README.md"))),
        ("transom.toml", renamed(include_str!("plugin/transom.toml"))),
        (".gitignore", include_str!("plugin/gitignore").to_owned()),
    ]
}

/// What the end of a `Cargo.toml` says that lies outside of any workspace.
const ENDING: &str = "\
[profile.dev]
debug = \"line-tables-only\"

# A test hashes the plugin's file before it loads it: that takes long when hashing is not optimised.
[profile.dev.package.sha2]
opt-level = 3

# A workspace of its own, wherever it lies.
[workspace]
";

/// The `Cargo.toml` of a member of this workspace, made fit for a folder outside of it.
fn on_its_own(member: &str, origin: &Origin) -> String {
    let package = [
        ("version", "\"0.1.0\"".to_owned()),
        ("edition", "\"2024\"".to_owned()),
        ("rust-version", format!("\"{}\"", env!("CARGO_PKG_RUST_VERSION"))),
        ("publish", "false".to_owned()),
    ];
    let crates = [
        ("transom-agent", "plugin-api/agent"),
        ("transom-plugin-api", "plugin-api"),
        ("transom-testkit", "plugin-api/testkit"),
    ];
    let crates = crates.map(|(name, folder)| (name, origin.dependency(folder)));
    // Its licence is for its author to choose.
    let mut text = member.replace("license.workspace = true\n", "");
    text = text.replace("[lints]\nworkspace = true\n", ENDING);
    for (key, value) in package.into_iter().chain(crates) {
        text = text.replace(&format!("\n{key}.workspace = true"), &format!("\n{key} = {value}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn made(name: &str) -> Vec<(&'static str, String)> {
        files(&Name::parse(name).expect("a name"), &Origin::Folder("/opt/\"transom\"".into()))
    }

    #[test]
    fn nothing_of_the_template_s_name_is_left() {
        for (path, text) in made("night-owl") {
            for name in ["door-bell", "door_bell", "DoorBell"].iter().filter(|_| path != "Cargo.lock") {
                assert!(!text.contains(name), "{path} has `{name}`");
            }
        }
    }

    #[test]
    fn the_manifest_asks_no_workspace_for_anything_and_names_the_api_by_its_path() {
        let files = made("night-owl");
        let (_, manifest) = files.iter().find(|(path, _)| *path == "Cargo.toml").expect("it is among them");
        let document: toml::Table = manifest.parse().expect("TOML");
        assert!(!manifest.contains("workspace = true"), "{manifest}");
        assert!(document["workspace"].as_table().is_some_and(toml::Table::is_empty));
        let api = document["dependencies"]["transom-plugin-api"]["path"].as_str().expect("a path");
        assert_eq!(Path::new(api), Path::new("/opt/\"transom\"/plugin-api"));
        let of_package = |key: &str| document["package"][key].as_str();
        assert_eq!([of_package("name"), of_package("version")], [Some("night-owl"), Some("0.1.0")]);
        assert_eq!(of_package("rust-version"), Some(env!("CARGO_PKG_RUST_VERSION")));
    }

    #[test]
    fn every_file_of_the_template_is_written() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/command/new/plugin");
        let written: Vec<&str> =
            made("owl").into_iter().map(|(path, _)| path.trim_start_matches('.')).collect();
        for file in ["Cargo.toml", "README.md", "gitignore", "src/lib.rs", "tests/plugin.rs", "transom.toml"]
        {
            assert!(folder.join(file).is_file() && written.contains(&file), "{file}");
        }
    }
}
