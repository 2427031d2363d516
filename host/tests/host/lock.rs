//! What was checked is what runs: a lock file pins plugins, and `--locked` refuses whatever differs.

use super::support::{Host, Manner, Outcome, Scene, dylib};

/// A manifest with one plugin from a copy of its file, and what else stands in it.
fn scene(more: &str) -> Scene {
    let scene = Scene::new(Manner::Linked);
    let copy = scene.work().join("libwords.so");
    std::fs::copy(dylib("word-count"), &copy).expect("the fixture can be copied");
    write(&scene, more);
    scene
}

fn write(scene: &Scene, more: &str) {
    scene.file(
        "team.toml",
        &format!(
            "[[plugin]]\nid = \"word-count\"\nsource = \"libwords.so\"\n[[plugin]]\nid = \"conversation-store\"\n\
             [[plugin]]\nid = \"provider-scripted\"\n[[plugin]]\nid = \"session-orchestrator\"\n\
             [[plugin]]\nid = \"transport-http\"\n{more}"
        ),
    );
}

async fn run(scene: &Scene, arguments: &[&str]) -> Outcome {
    let mut command = scene.bare_command(arguments);
    command.args(["--manifest", "team.toml", "--data"]).arg(scene.data());
    Outcome::of(command).await
}

async fn refused(scene: &Scene, expected: &str) {
    for arguments in [&["check", "--locked"][..], &["up", "--locked", "--listen", "127.0.0.1:0"]] {
        let outcome = run(scene, arguments).await;
        assert_eq!((outcome.code, outcome.output.as_str()), (Some(2), ""), "{arguments:?}: {outcome:?}");
        assert!(outcome.errors.contains(expected), "`{expected}` is missing in {}", outcome.errors);
    }
}

#[tokio::test]
async fn a_host_runs_locked_and_a_file_that_changes_afterwards_is_refused() {
    let scene = scene("");
    refused(&scene, "there is no lock file\n  --> team.lock\n  help: write it with `transom lock`").await;
    let locked = run(&scene, &["lock"]).await;
    assert_eq!(
        (locked.code, locked.output.as_str()),
        (Some(0), "team.lock: 5 plugins locked\n"),
        "{locked:?}"
    );
    let mut command = scene.bare_command(&["up", "--locked", "--listen", "127.0.0.1:0", "--json"]);
    command.args(["--manifest", "team.toml", "--data"]).arg(scene.data());
    let host = Host::start(command).await;
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", host.pid())).expect("it runs");
    assert!(maps.contains("/memfd:transom-word-count-"), "what is pinned is sealed: {maps}");
    host.stop().await;

    let copy = scene.work().join("libwords.so");
    let mut bytes = std::fs::read(&copy).expect("it is there");
    // Behind everything that an ELF reader looks at, so that only the hash can tell.
    bytes.push(0);
    std::fs::write(&copy, bytes).expect("it can be written");
    assert_eq!(run(&scene, &["check"]).await.code, Some(0), "without a lock nobody minds");
    refused(&scene, "error: the file of plugin `word-count` has SHA-256 ").await;
    refused(&scene, "\n  --> team.toml:3:10\n").await;
}

#[tokio::test]
async fn plugins_that_came_or_went_since_are_told() {
    let scene = scene("");
    assert_eq!(run(&scene, &["lock"]).await.code, Some(0));
    write(&scene, "[[plugin]]\nid = \"skills\"\n");
    refused(&scene, "error: plugin `skills` is not in `team.lock`\n  --> team.toml:13:6\n").await;
    assert_eq!(run(&scene, &["lock"]).await.code, Some(0));
    write(&scene, "");
    refused(&scene, "error: plugin `skills` is locked, and not in the manifest\n  --> team.lock\n").await;
    scene.file("team.lock", "form = 1\n[[plugin]]\nid = 3\n");
    refused(&scene, "error: the lock file is damaged: ").await;
    scene.file("team.lock", "form = 99\n");
    refused(&scene, "error: the lock file has form 99, and this host knows form 1").await;
}

#[tokio::test]
async fn the_built_in_manifest_has_nothing_to_lock() {
    let scene = Scene::new(Manner::Linked);
    let outcome = Outcome::of(scene.bare_command(&["lock"])).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.errors.contains("there is nothing to lock"), "{}", outcome.errors);
}
