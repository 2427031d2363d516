//! What is wrong is told before it does harm, and tells what to do: manifests, plugin files, and plugins that cannot
//! start.

mod files;
mod grants;
mod manifests;
mod mutated;
mod starts;

use std::path::PathBuf;

use serde_json::Value;

use super::support::{Manner, Outcome, Scene, dylib};

/// A folder in which bad manifests are tried.
struct Court {
    scene: Scene,
}

impl Court {
    fn new() -> Self {
        Self { scene: Scene::new(Manner::Dylib) }
    }

    /// What is wrong with a manifest: `line:column message | help` for each fault. `check` and `up` must say the same,
    /// must end with 2, and must not have run any code of a plugin, although a sound one stands in the manifest too.
    async fn faults(&self, manifest: &str) -> Vec<String> {
        let footprint = self.scene.work().join("footprint");
        let witness = plugin("unruly", &dylib("unruly").display().to_string());
        let manifest =
            format!("{manifest}\n{witness}[plugin.settings]\nfootprint = '{}'\n", footprint.display());
        self.scene.file("bad.toml", &manifest);

        let checked = self.run("check", &["--json"]).await;
        let answer: Value = serde_json::from_str(&checked.output)
            .unwrap_or_else(|error| panic!("{error}: {checked:?} for\n{manifest}"));
        let faults = answer["faults"].as_array().expect("a list of faults").clone();
        assert_eq!(
            (checked.code, answer["ok"].as_bool(), checked.errors.as_str()),
            (Some(2), Some(false), "")
        );
        for command in ["check", "up"] {
            let refused = self.run(command, &[]).await;
            let told: Vec<String> = faults.iter().map(as_text).collect();
            assert_eq!((refused.code, refused.errors), (Some(2), told.concat()), "{command}");
            assert_eq!(refused.output, "", "{command}");
        }
        assert!(!footprint.exists(), "a plugin has run");
        assert!(self.images().is_empty(), "a plugin's file was opened: {:?}", self.images());
        faults.iter().map(as_line).collect()
    }

    async fn run(&self, command: &str, options: &[&str]) -> Outcome {
        let mut command = self.scene.bare_command(&[command, "--manifest", "bad.toml"]);
        command.args(options).arg("--data").arg(self.scene.data());
        Outcome::of(command).await
    }

    /// The private copies that were made of plugin files.
    fn images(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.scene.data().join("images")).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
    }
}

/// A plugin's table in a manifest.
fn plugin(id: &str, source: &str) -> String {
    format!("[[plugin]]\nid = \"{id}\"\nsource = \"{source}\"\n")
}

/// A fault as people are told it. One without a remedy, or in no file, is no good fault.
fn as_text(fault: &Value) -> String {
    let text = |key: &str| fault[key].as_str().unwrap_or_else(|| panic!("no {key}: {fault}")).to_owned();
    let place =
        fault["line"].as_u64().map_or_else(String::new, |line| format!(":{line}:{}", fault["column"]));
    format!("error: {}\n  --> {}{place}\n  help: {}\n", text("message"), text("file"), text("help"))
}

fn as_line(fault: &Value) -> String {
    let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
    format!("{}:{} {} | {}", fault["line"], fault["column"], text("message"), text("help"))
}
