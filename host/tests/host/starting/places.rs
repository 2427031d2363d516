//! Where a host keeps what it keeps, and who may read it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::super::support::{Host, Manner, Scene};
use super::ids;

#[tokio::test]
async fn the_data_folder_is_the_named_one_or_the_manifest_s_or_the_user_s() {
    let base = |scene: &Scene| scene.data().parent().expect("a folder").to_owned();
    let nothing: &[(&'static str, &str)] = &[];
    for (variables, host, expected) in [
        (nothing, "", "home/.local/share/transom"),
        (&[("XDG_DATA_HOME", "xdg")], "", "xdg/transom"),
        (&[("XDG_DATA_HOME", "xdg")], "data = \"kept\"", "work/kept"),
    ] {
        let mut scene = Scene::new(Manner::Linked).with_host(host);
        for (name, folder) in variables {
            let folder = base(&scene).join(folder).display().to_string();
            scene = scene.with_variable(name, &folder);
        }
        // Writes the manifest.
        drop(scene.command(&[]));
        let host = Host::start(scene.bare_command(&["up", "--listen", "127.0.0.1:0", "--json"])).await;
        assert!(base(&scene).join(expected).join("run.json").is_file(), "nothing runs in {expected}");
        assert!(!scene.data().exists());
        host.stop().await;
    }
}

#[tokio::test]
async fn only_its_owner_may_read_what_a_host_keeps() {
    for manner in [Manner::Linked, Manner::Dylib] {
        let scene = Scene::new(manner);
        let host = Host::start(generous(&scene)).await;
        host.client.turn("c", "hello").await;
        check_private(&scene.data());
        host.stop().await;
        check_private(&scene.data());
    }
}

/// A host whose files everybody could read and write if it left that to the system.
fn generous(scene: &Scene) -> Command {
    let command = scene.command(&["up", "--listen", "127.0.0.1:0", "--json"]);
    let command = command.as_std();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(scene.work()).env_clear();
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    shell.envs(variables);
    shell
}

fn check_private(data: &Path) {
    let kept = everything_in(data);
    assert!(kept.iter().any(|path| path.ends_with("conversations.db")), "{kept:#?}");
    for path in kept {
        let metadata = path.metadata().expect("it is there");
        let mode = metadata.permissions().mode() & 0o777;
        let is_private = if metadata.is_dir() { mode == 0o700 } else { mode == 0o600 || mode == 0o400 };
        assert!(is_private, "{} has the mode {mode:o}", path.display());
    }
}

/// A folder with all that is in it.
fn everything_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(everything_in(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn the_run_file_is_there_while_the_host_is() {
    let scene = Scene::new(Manner::Linked);
    let run_file = scene.data().join("run.json");
    for _ in 0..2 {
        let host = scene.start().await;
        let text = std::fs::read_to_string(&run_file).expect("it is there");
        let run: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&run["pid"], &run["address"]), (&host.pid().into(), &host.ready["address"]));
        assert!(!ids(&host.client.get("/plugins").await).is_empty());
        host.stop().await;
        assert!(!run_file.exists(), "it leads to nobody");
    }
}
